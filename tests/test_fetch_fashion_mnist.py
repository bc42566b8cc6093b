import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.debian_package import NotAvailableError, unpacked
from tests.fetch_fashion_mnist import CLASSES, lay_out, png

SIDE = (4, 6)


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """Pixels of 40 images; the class of image `i` is `i % 10`."""
    return np.random.default_rng(0).integers(0, 256, (40, *SIDE), dtype=np.uint8)


@pytest.fixture
def package(tmp_path: Path, pixels: NDArray[np.uint8]) -> Path:
    """The files of the package, with few and small images."""
    folder = tmp_path / "package"
    folder.mkdir()
    labels = bytes(place % 10 for place in range(40))
    head = struct.pack(">4I", 0x803, 40, *SIDE)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pixels.tobytes()))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">2I", 0x801, 40) + labels))
    return folder


def test_the_first_images_of_each_class_are_written(package: Path, pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    target = tmp_path / "out" / "fashion"
    lay_out(package, target, each=3)
    assert sorted(folder.name for folder in target.iterdir()) == sorted(CLASSES)
    for label, name in enumerate(CLASSES):
        files = sorted((target / name).iterdir())
        assert [file.name for file in files] == [f"{place:05}.png" for place in (label, label + 10, label + 20)]
        for file in files:
            with Image.open(file) as image:
                assert image.mode == "L"
                assert np.array_equal(np.asarray(image), pixels[int(file.stem)])
    assert [each.name for each in target.parent.iterdir()] == ["fashion"]


def test_what_was_there_is_replaced(package: Path, tmp_path: Path) -> None:
    target = tmp_path / "fashion"
    for each in (4, 2):
        lay_out(package, target, each=each)
        assert len(list(target.rglob("*.png"))) == 10 * each


def test_too_few_images_leave_what_was_there(package: Path, tmp_path: Path) -> None:
    target = tmp_path / "fashion"
    lay_out(package, target, each=2)
    with pytest.raises(NotAvailableError, match="4 of class t-shirt, and 5 are wanted"):
        lay_out(package, target, each=5)
    assert len(list(target.rglob("*.png"))) == 20
    assert {each.name for each in tmp_path.iterdir()} == {"package", "fashion"}


@pytest.mark.parametrize(
    "damage",
    [b"", gzip.compress(b"abc"), gzip.compress(struct.pack(">2I", 0x801, 41) + b"\0")],
    ids=["empty", "no header", "too short"],
)
def test_other_files_are_refused_by_name(package: Path, tmp_path: Path, damage: bytes) -> None:
    (package / "t10k-labels-idx1-ubyte.gz").write_bytes(damage)
    with pytest.raises(NotAvailableError, match="t10k-labels-idx1-ubyte"):
        lay_out(package, tmp_path / "fashion")
    assert not (tmp_path / "fashion").exists()


def test_a_picture_of_one_pixel() -> None:
    assert png(b"\x80", 1).startswith(b"\x89PNG\r\n\x1a\n")


def test_without_apt_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailableError, match="there is no apt-get here"):
        unpacked("dataset-x", Path("/usr/share/datasets/x-that-is-nowhere"), tmp_path / "into", fresh=False)


def test_a_package_that_is_there_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    inside = tmp_path / "into" / "usr" / "share" / "datasets" / "x"
    inside.mkdir(parents=True)
    assert unpacked("dataset-x", Path("/usr/share/datasets/x"), tmp_path / "into", fresh=False) == inside
