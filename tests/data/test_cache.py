import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import platformdirs
import psutil
import pytest

from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.data import cache
from cnnstudio.data.cache import read_catalog
from cnnstudio.data.image_store import ImageStore
from cnnstudio.data.images import Pixels, read_image
from cnnstudio.data.room import room
from cnnstudio.data.scan import scan

SIDE = 24
Tree = Callable[..., Path]


@pytest.fixture
def scratch() -> Path:
    """Return the folder for mapped pixels, empty and of this test alone."""
    return Path(platformdirs.user_cache_path("cnnstudio", appauthor=False, ensure_exists=True))


def assert_true_to_files(store: ImageStore) -> None:
    """Check that each row holds the pixels of the image that the catalogue names there."""
    assert store.pixels.shape == (len(store.catalog.images), SIDE, SIDE, 3)
    assert store.pixels.dtype == np.uint8
    for row, image in zip(store.pixels, store.catalog.images, strict=True):
        np.testing.assert_array_equal(row, read_image(image.path, SIDE))


@pytest.mark.parametrize("threads", [None, 1, 2, 4])
@pytest.mark.parametrize("budget", [None, 0])
def test_pixels_are_those_of_the_files(
    image_tree: Tree, scratch: Path, budget: int | None, threads: int | None
) -> None:
    catalog = scan(image_tree(("ant", "bee", "cat"), count=(7, 5, 9), suffix=".jpg"))
    store = read_catalog(catalog, SIDE, memory_budget=budget, threads=threads)
    assert isinstance(store.pixels, np.memmap) == (budget == 0)
    assert store.catalog == catalog
    assert store.labels.tolist() == [0] * 7 + [1] * 5 + [2] * 9
    assert store.labels.dtype == np.int64
    assert_true_to_files(store)


@pytest.mark.parametrize("budget", [None, 0])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_unreadable_images_are_dropped_and_the_rest_stays_in_order(
    image_tree: Tree, scratch: Path, budget: int | None, threads: int
) -> None:
    folder = image_tree(("ant", "bee", "cat"), count=(5, 2, 6))
    damage = {"ant/000.png": b"", "ant/003.png": b"junk", "bee/000.png": b"", "bee/001.png": b"", "cat/005.png": b"x"}
    for name, content in damage.items():
        (folder / name).write_bytes(content)
    catalog = scan(folder)
    store = read_catalog(catalog, SIDE, memory_budget=budget, threads=threads)
    assert store.catalog.classes == ("ant", "cat")
    names = [image.path.relative_to(catalog.root).as_posix() for image in store.catalog.images]
    assert names == [f"ant/00{n}.png" for n in (1, 2, 4)] + [f"cat/00{n}.png" for n in range(5)]
    assert store.labels.tolist() == [0] * 3 + [1] * 5
    assert_true_to_files(store)
    assert {Path(each.path).relative_to(catalog.root).as_posix(): each.reason for each in store.catalog.set_aside} == {
        name: "not an image of a supported format" if content else "empty file" for name, content in damage.items()
    }


def test_images_go_with_a_class_that_lost_its_training_images(image_tree: Tree) -> None:
    folder = image_tree(("train/a", "train/b", "train/c", "val/a", "val/b", "val/c"), count=2)
    for number in range(2):
        (folder / "train" / "a" / f"00{number}.png").write_bytes(b"junk")
    store = read_catalog(scan(folder), SIDE)
    assert store.catalog.classes == ("b", "c")
    assert [(image.part, image.label) for image in store.catalog.images] == [
        (part, label) for label in (0, 1) for part in ("train", "train", "val", "val")
    ]
    assert_true_to_files(store)
    assert len(store.catalog.set_aside) == 4


def test_nothing_readable(image_tree: Tree) -> None:
    folder = image_tree(count=3)
    for path in folder.rglob("*.png"):
        path.write_bytes(b"junk")
    with pytest.raises(InputError) as error:
        read_catalog(scan(folder), SIDE)
    first = folder.resolve() / "ant" / "000.png"
    assert error.value.what == f"no image that can be used; {first}: not an image of a supported format"


def test_progress_counts_on_the_callers_thread(image_tree: Tree) -> None:
    folder = image_tree(count=10)
    (folder / "ant" / "004.png").write_bytes(b"")
    seen: list[tuple[int, threading.Thread]] = []
    read_catalog(scan(folder), SIDE, progress=lambda done: seen.append((done, threading.current_thread())))
    assert [done for done, _ in seen] == list(range(1, 21))
    assert {thread for _, thread in seen} == {threading.current_thread()}


@pytest.mark.parametrize("budget", [None, 0])
def test_giving_up_ends_the_threads_and_frees_the_disk(
    image_tree: Tree, scratch: Path, budget: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counting(path: Path, side: int) -> Pixels:
        read.append(path)
        return read_image(path, side)

    def stop(done: int) -> None:
        if done == 3:
            raise StopRun

    monkeypatch.setattr(cache, "read_image", counting)
    catalog = scan(image_tree(count=200, size=(100, 100)))
    with pytest.raises(StopRun):
        read_catalog(catalog, SIDE, progress=stop, memory_budget=budget, threads=2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cnnstudio-decode")]
    assert len(read) < 300
    assert list(scratch.iterdir()) == []


def test_mapped_file_has_no_name(image_tree: Tree, scratch: Path) -> None:
    store = read_catalog(scan(image_tree()), SIDE, memory_budget=0)
    if sys.platform != "win32":  # there it goes with the mapping
        assert list(scratch.iterdir()) == []
    store.pixels[0] = 7  # it can be written to all the same
    assert (store.pixels[0] == 7).all()


@pytest.mark.parametrize(("bytes_over", "mapped"), [(0, False), (1, True)])
def test_a_quarter_of_the_free_memory_is_taken(
    bytes_over: int, mapped: bool, image_tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 12 * SIDE * SIDE * 3
    free = SimpleNamespace(available=4 * (size - bytes_over))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    store = read_catalog(scan(image_tree()), SIDE)
    assert isinstance(store.pixels, np.memmap) == mapped


def test_images_take_memory_only_within_the_budget() -> None:
    assert room(100, 10, memory_budget=30_000) == 30_000
    assert room(100, 10, memory_budget=29_999) == 0


def test_disk_that_is_too_small_is_said_before_anything_is_read(
    image_tree: Tree, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "disk_usage", lambda _: SimpleNamespace(free=1_600_000))
    monkeypatch.setattr(cache, "read_image", lambda *_: pytest.fail("an image was read"))
    catalog = scan(image_tree(count=500, size=(1, 1)))
    with pytest.raises(InputError) as error:
        read_catalog(catalog, SIDE, memory_budget=0)
    assert error.value.one_line() == (
        f"1,000 images of 24 × 24 pixels need 0.0 GB, 0.0 GB are free [{scratch}]: "
        "choose a smaller data.image_size or make room"
    )
    assert list(scratch.iterdir()) == []
    monkeypatch.setattr(psutil, "disk_usage", lambda _: SimpleNamespace(free=250e9))
    with pytest.raises(InputError, match=r"^1,000 images of 9000 × 9000 pixels need 243\.0 GB, 250\.0 GB are free \["):
        read_catalog(catalog, 9000, memory_budget=0)


@pytest.mark.skipif(sys.platform != "linux", reason="room is taken ahead on Linux only")
def test_disk_that_is_full_after_all_is_said(image_tree: Tree, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError) as error:
        read_catalog(scan(image_tree()), SIDE, memory_budget=0)
    assert error.value.what == "12 images of 24 × 24 pixels need 0.0 GB, no space left on device"
    assert list(scratch.iterdir()) == []
