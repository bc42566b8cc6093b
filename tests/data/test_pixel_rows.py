"""Pixels that stay on the disk are those of the files, whatever happens to the store."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from cnnstudio.core.errors import InputError
from cnnstudio.data import cache, pixel_rows
from cnnstudio.data.cache import read_catalog
from cnnstudio.data.decoded import Decoded
from cnnstudio.data.image_store import ImageStore
from cnnstudio.data.images import Pixels, read_image
from cnnstudio.data.row_store import key_of
from cnnstudio.data.scan import scan

Tree = Callable[..., Path]
SIDE = 24


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of every image that is decoded."""
    names: list[str] = []

    def counted(path: Path, side: int) -> Pixels:
        names.append(path.name)
        return read_image(path, side)

    for module in (cache, pixel_rows):
        monkeypatch.setattr(module, "read_image", counted)
    return names


@pytest.fixture
def pixels_file() -> Callable[[], Path]:
    """Return a function that finds the file of decoded pixels."""
    folder = Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)) / "pixels"
    return lambda: next(folder.rglob("rows.bin"))


def load(folder: Path) -> ImageStore:
    catalog = scan(folder)
    with Decoded(catalog, SIDE) as decoded:
        return read_catalog(catalog, SIDE, threads=2, decoded=decoded, resident=False)


def assert_true_to_files(store: ImageStore) -> None:
    expected = [read_image(image.path, SIDE) for image in store.catalog.images]
    order = [3, 0, 3, len(expected) - 1]
    np.testing.assert_array_equal(store.rows(order), [expected[index] for index in order])
    assert store.digests == tuple(key_of(each.data) for each in expected)
    np.testing.assert_array_equal(store.pixels, expected)
    np.testing.assert_array_equal(store.rows(order), [expected[index] for index in order])


def test_they_are_those_of_the_files(image_tree: Tree, read: list[str]) -> None:
    folder = image_tree(("ant", "bee"), count=40)
    (folder / "ant" / "003.png").write_bytes(b"junk")
    store = load(folder)
    assert len(store.catalog.images) == 79
    assert len(read) == 80
    assert_true_to_files(store)
    again = load(folder)
    assert_true_to_files(again)
    assert read.count("003.png") == 1 + 1 + 1  # of either class, and the damaged one once more
    assert len(read) == 81


def test_what_is_known_is_not_read(image_tree: Tree, read: list[str], pixels_file: Callable[[], Path]) -> None:
    folder = image_tree(("ant", "bee"), count=5)
    digests = load(folder).digests
    pixels_file().unlink()
    read.clear()
    store = load(folder)
    assert store.digests == digests
    assert read == []
    assert_true_to_files(store)


def test_damaged_pixels_are_decoded_again(image_tree: Tree, read: list[str], pixels_file: Callable[[], Path]) -> None:
    folder = image_tree(("ant", "bee"), count=5)
    load(folder)
    content = bytearray(pixels_file().read_bytes())
    content[3 * SIDE * SIDE * 3 + 7] ^= 1
    pixels_file().write_bytes(content)
    read.clear()
    assert_true_to_files(load(folder))
    assert read
    assert set(read) == {"003.png"}


def test_they_can_be_read_when_the_store_is_gone(image_tree: Tree, read: list[str]) -> None:
    store = load(image_tree(("ant", "bee"), count=5))
    shutil.rmtree(Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)), ignore_errors=True)
    read.clear()
    assert_true_to_files(store)


def test_a_file_that_has_changed_since_is_named(image_tree: Tree, pixels_file: Callable[[], Path]) -> None:
    folder = image_tree(("ant", "bee"), count=5)
    load(folder)
    pixels_file().unlink()
    store = load(folder)
    path = store.catalog.images[2].path
    Image.new("RGB", (9, 9), (1, 2, 3)).save(path)
    with pytest.raises(InputError, match="the image has changed since the run began") as error:
        store.rows([2])
    assert error.value.where == str(path)
    path.unlink()
    with pytest.raises(InputError, match="the image cannot be used any more: the file is gone"):
        store.rows([2])


def test_where_the_disk_takes_nothing_they_are_in_memory(
    image_tree: Tree, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    folder = image_tree(("ant", "bee"), count=5)
    monkeypatch.setattr("cnnstudio.data.row_store.RowStore.append", full)
    assert_true_to_files(load(folder))
    monkeypatch.setattr("cnnstudio.data.decoded.open_store", full)
    read.clear()
    assert_true_to_files(load(folder))
    assert len(read) == 10


def test_digests_outlive_pixels_that_are_too_many(
    image_tree: Tree, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnstudio.data.decoded._LARGEST", 1000)
    folder = image_tree(("ant", "bee"), count=5)
    load(folder)
    read.clear()
    store = load(folder)
    assert read == []
    assert_true_to_files(store)
