"""Pixels are decoded once for each size, and never taken for those of another file."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnnstudio.data import cache
from cnnstudio.data.cache import read_catalog
from cnnstudio.data.decoded import Decoded
from cnnstudio.data.image_store import ImageStore
from cnnstudio.data.images import Pixels, read_image
from cnnstudio.data.scan import scan

Tree = Callable[..., Path]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of every image that is decoded."""
    names: list[str] = []

    def counted(path: Path, side: int) -> Pixels:
        names.append(path.name)
        return read_image(path, side)

    monkeypatch.setattr(cache, "read_image", counted)
    return names


def load(folder: Path, side: int = 24) -> ImageStore:
    catalog = scan(folder)
    with Decoded(catalog, side) as decoded:
        store = read_catalog(catalog, side, threads=1, decoded=decoded)
    for row, image in zip(store.pixels, store.catalog.images, strict=True):
        np.testing.assert_array_equal(row, read_image(image.path, side))
    return store


def test_the_next_run_decodes_nothing(image_tree: Tree, read: list[str]) -> None:
    folder = image_tree(("ant", "bee"), count=5)
    load(folder)
    assert len(read) == 10
    read.clear()
    load(folder)
    assert read == []
    load(folder, side=16)
    assert len(read) == 10


def test_new_and_changed_images_are_decoded(image_tree: Tree, read: list[str]) -> None:
    folder = image_tree(("ant", "bee"), count=5)
    load(folder)
    read.clear()
    (folder / "ant" / "001.png").write_bytes((folder / "bee" / "000.png").read_bytes())
    os.utime(folder / "ant" / "002.png", ns=(1, 1))
    (folder / "bee" / "003.png").rename(folder / "bee" / "new.png")
    load(folder)
    assert sorted(read) == ["001.png", "002.png", "new.png"]


def test_what_cannot_be_read_is_tried_again(image_tree: Tree, read: list[str]) -> None:
    folder = image_tree(("ant", "bee"), count=5)
    (folder / "ant" / "junk.png").write_bytes(b"junk")
    for _ in range(2):
        store = load(folder)
        assert [Path(each.path).name for each in store.catalog.set_aside] == ["junk.png"]
        assert len(store.pixels) == 10
    assert read.count("junk.png") == 2
    assert len(read) == 12


def test_a_full_disk_costs_nothing_but_the_next_runs_time(
    image_tree: Tree, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    folder = image_tree(("ant", "bee"), count=5)
    monkeypatch.setattr("cnnstudio.data.decoded._BATCH", 4)
    monkeypatch.setattr("cnnstudio.data.row_store.RowStore.append", full)
    load(folder)
    monkeypatch.setattr("cnnstudio.data.decoded.open_store", full)
    load(folder)
    assert len(read) == 20


def test_giving_up_keeps_what_is_there(image_tree: Tree, read: list[str]) -> None:
    folder = image_tree(("ant", "bee"), count=5)
    catalog = scan(folder)

    def give_up(done: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Decoded(catalog, 24) as decoded:
        read_catalog(catalog, 24, threads=1, decoded=decoded, progress=give_up)
    read.clear()
    load(folder)
    assert len(read) == 4
