"""Folders with links, odd names, great depth, and without permission."""

import errno
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import RunStarted, SetAside
from cnnstudio.core.serial import from_line, to_line
from cnnstudio.data.scan import scan
from tests.data.trees import aside, content, plant, refusal

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names or links")
linux = pytest.mark.skipif(sys.platform != "linux", reason="paths are shorter elsewhere")


@posix
def test_links_never_go_round_in_circles_nor_into_other_classes(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", "a/1.jpg", "b/deep/2.jpg")
    for link, target in {
        "a/self": ".",
        "a/up": "..",
        "a/sibling": "../b",
        "a/everything": "/",
        "b/deep/up": "../..",
        "b/loop.jpg": "loop.jpg",
        "b/gone.png": "nowhere.png",
        "b/gone": "nowhere",
        "again": "b",
        "knot": "knot",
    }.items():
        (root / link).symlink_to(target)
    catalog = scan(root)
    assert [path for path, *_ in content(catalog)] == ["a/1.jpg", "b/deep/2.jpg", "b/gone.png", "b/loop.jpg"]
    assert aside(catalog) == {"again": "a link to a folder that is used already"}


@posix
def test_links_to_outside_are_followed(tmp_path: Path) -> None:
    plant(tmp_path, "elsewhere/1.jpg", "elsewhere/deep/2.jpg", "file.jpg", "root/b/3.jpg")
    (tmp_path / "root" / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "b" / "4.jpg").symlink_to(tmp_path / "file.jpg")
    assert [path for path, *_ in content(scan(tmp_path / "root"))] == [
        "a/1.jpg",
        "a/deep/2.jpg",
        "b/3.jpg",
        "b/4.jpg",
    ]
    (tmp_path / "link").symlink_to(tmp_path / "root")
    assert scan(tmp_path / "link") == scan(tmp_path / "root")


def test_accents_are_the_same_however_a_system_writes_them(tmp_path: Path) -> None:
    composed, split_up = (unicodedata.normalize(form, "Käfer") for form in ("NFC", "NFD"))
    plant(tmp_path, f"train/{composed}/1.jpg", "train/Wespe/2.jpg", f"val/{split_up}/3.jpg", "val/Wespe/4.jpg")
    catalog = scan(tmp_path)
    assert catalog.classes == ("Käfer", "Wespe")
    assert catalog.counts() == (2, 2)
    assert catalog.set_aside == ()


ODD = ["日本", "🐝 bee", "a b", "new\nline", "tab\t", "'quoted\"", "é" * 60, "\u202eright to left", "%s {x} \\"]


@posix
def test_odd_names_are_used_as_they_are(tmp_path: Path) -> None:
    bytes_that_are_no_text = os.fsdecode(b"caf\xe9")
    names = [*ODD, bytes_that_are_no_text]
    try:
        plant(tmp_path, *[f"{name}/{name}.jpg" for name in names])
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    catalog = scan(tmp_path)
    assert catalog.classes == tuple(sorted(names))
    assert catalog.counts() == (1,) * len(names)
    plant(tmp_path, f"{bytes_that_are_no_text}2/")
    broken = scan(tmp_path).without([SetAside(path=str(catalog.images[0].path), reason="empty file")])
    assert len(broken.set_aside) == 2
    started = RunStarted(
        run=str(tmp_path / bytes_that_are_no_text),
        config=Config(),
        device="CPU",
        precision="float32",
        classes=broken.classes,
        train_images=len(broken.images),
        val_images=0,
        set_aside=broken.set_aside,
        steps_per_epoch=1,
        parameters=1,
        trainable=1,
        weights="",
    )
    assert from_line(to_line(started)) == started


@posix
@pytest.mark.parametrize("name", [*ODD, os.fsdecode(b"caf\xe9")])
def test_odd_names_can_be_said_in_one_line(name: str, tmp_path: Path) -> None:
    try:
        plant(tmp_path / name, f"{name}/1.jpg")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    assert "there is only one with images: " in refusal(tmp_path / name)


def test_folder_whose_name_is_no_text_is_refused_by_the_config(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it must be valid Unicode: rename the folder"):
        Config().replace("data.folder", os.fsdecode(b"caf\xe9") if sys.platform != "win32" else "caf\udce9")


@pytest.mark.parametrize("depth", [200, pytest.param(1100, marks=linux)])
def test_deep_nesting(depth: int, tmp_path: Path) -> None:
    here = str(plant(tmp_path, "a/1.jpg", "b/2.jpg") / "b")
    for _ in range(depth):
        here += os.sep + "d"
        Path(here).mkdir()
    plant(Path(here), "3.jpg")
    try:
        assert scan(tmp_path).counts() == (1, 2)
    finally:
        if depth > 200:  # deeper than shutil.rmtree goes
            subprocess.run(["rm", "-r", tmp_path / "b"], check=True)


def fail_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid a folder's listing; root could read it whatever its permissions."""
    original: Callable[[Path], object] = os.scandir

    def scandir(path: Path) -> object:
        if Path(path) == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)


@pytest.mark.parametrize("name", ["c", "a/inner"])
def test_folder_that_cannot_be_read_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a/1.jpg", "b/2.jpg", f"{name}/3.jpg")
    fail_below(tmp_path / name, monkeypatch)
    catalog = scan(tmp_path)
    assert catalog.counts() == (1, 1)
    assert aside(catalog) == {name: "the folder cannot be read: permission denied"}


def test_root_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_below(tmp_path, monkeypatch)
    assert refusal(tmp_path) == f"the folder cannot be read: permission denied [{tmp_path}]: check its permissions"
