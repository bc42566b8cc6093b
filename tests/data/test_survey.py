import struct
import threading
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.data.images import read_thumbnail
from cnnstudio.data.scan import scan
from cnnstudio.data.splits import split
from cnnstudio.data.survey import ClassCount, survey

Tree = Callable[..., Path]


def test_counts_and_thumbnails(image_tree: Tree) -> None:
    folder = image_tree(("ant", "bee"), count=(10, 5), size=(48, 40))
    found = survey(folder, val_fraction=0.2, seed=4)
    assert found.counts() == (ClassCount("ant", 8, 2, 0), ClassCount("bee", 4, 1, 0))
    assert found.catalog == scan(folder)
    assert found.split == split(found.catalog, val_fraction=0.2, seed=4)
    assert [len(each) for each in found.thumbnails] == [6, 5]
    for name, pictures in zip(found.catalog.classes, found.thumbnails, strict=True):
        for number, pixels in enumerate(pictures):
            assert pixels.shape == (80, 96, 3)
            np.testing.assert_array_equal(pixels, read_thumbnail(folder / name / f"00{number}.png", 96))


def test_thumbnails_as_many_and_as_large_as_asked_for(image_tree: Tree) -> None:
    found = survey(image_tree(), val_fraction=0.2, seed=0, thumbnail_side=24, thumbnails_per_class=2)
    assert [[pixels.shape for pixels in each] for each in found.thumbnails] == [[(20, 24, 3)] * 2] * 2
    assert survey(image_tree(name="more"), val_fraction=0.2, seed=0, thumbnails_per_class=0).thumbnails == ((), ())


def test_own_parts_are_counted(image_tree: Tree) -> None:
    folder = image_tree(("train/a", "train/b", "val/a", "val/b", "test/b"), count=(4, 3, 2, 1, 5))
    found = survey(folder, val_fraction=0.2, seed=0)
    assert found.counts() == (ClassCount("a", 4, 2, 0), ClassCount("b", 3, 1, 5))


def test_unreadable_images_are_set_aside_and_never_shown(image_tree: Tree) -> None:
    folder = image_tree(("ant", "bee", "cat"), count=(8, 2, 3))
    for name in ("ant/000.png", "ant/002.png", "bee/000.png", "bee/001.png"):
        (folder / name).write_bytes(b"")
    found = survey(folder, val_fraction=0.5, seed=0, thumbnails_per_class=3)
    assert found.counts() == (ClassCount("ant", 3, 3, 0), ClassCount("cat", 1, 2, 0))
    assert [(Path(each.path).parent.name, each.reason) for each in found.catalog.set_aside] == [
        ("ant", "empty file"),
        ("ant", "empty file"),
        ("bee", "empty file"),
        ("bee", "empty file"),
    ]
    shown = [read_thumbnail(folder / "ant" / f"00{number}.png", 96) for number in (1, 3, 4)]
    np.testing.assert_array_equal(np.stack(found.thumbnails[0]), np.stack(shown))
    assert len(found.thumbnails) == 2


def test_progress_counts_and_may_give_up(image_tree: Tree) -> None:
    folder = image_tree(count=30)
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 20:
            raise StopRun

    with pytest.raises(StopRun):
        survey(folder, val_fraction=0.2, seed=0, progress=progress)
    assert seen == [(done, 60) for done in range(1, 21)]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cnnstudio-decode")]


def test_what_cannot_be_learnt_from_is_refused(image_tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^no such folder"):
        survey(tmp_path / "no", val_fraction=0.2, seed=0)
    with pytest.raises(InputError, match=r"^every class has a single image"):
        survey(image_tree(count=1), val_fraction=0.2, seed=0)
    folder = image_tree(name="damaged")
    for path in (folder / "bee").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"only one with images: ant \["):
        survey(folder, val_fraction=0.2, seed=0)


def pixels_by_header(png: Path) -> int:
    """Return width times height, from the bytes where the PNG standard has them."""
    with png.open("rb") as file:
        width, height = struct.unpack(">16xII", file.read(24))
    return int(width * height)


def test_real_images(openclipart: Path) -> None:
    """Drawings of six classes, with alpha, of odd sizes, and among them true decompression bombs."""
    sizes = {
        path: pixels_by_header(path)
        for folder in openclipart.resolve().iterdir()
        for path in folder.rglob("*.png")
        if not path.name.startswith(".")
    }
    found = survey(openclipart, val_fraction=0.2, seed=0)
    aside = {Path(each.path): each.reason for each in found.catalog.set_aside}
    assert aside == {
        path: f"{size / 1e6:,.0f} million pixels, more than the 89 million allowed"
        for path, size in sizes.items()
        if size > 89_478_485
    }
    assert len(aside) == 12
    assert {image.path for image in found.catalog.images} == sizes.keys() - aside.keys()
    assert found.catalog.classes == ("animals", "food", "office", "people", "tools", "transportation")
    for (name, train, val, test), count in zip(map(astuple, found.counts()), found.catalog.counts(), strict=True):
        assert count == sum((found.catalog.root / name) in path.parents for path in sizes.keys() - aside.keys())
        assert (train + val, test) == (count, 0)
        assert abs(val - 0.2 * count) <= 0.5
    assert all(len(each) == 6 for each in found.thumbnails)
    assert {max(pixels.shape) for each in found.thumbnails for pixels in each} == {96}
