"""Whatever a file holds, it is read or refused in words: no other exception, and no hang."""

import errno
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

from cnnstudio.data.images import UnreadableImageError, read_image
from tests.data.files import FILES, encoded, outcome, patched, refused

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
MAGIC = [data[:size] for data in FILES.values() for size in (4, 12, 30)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "any.png"


@given(data=st.binary(max_size=200))
@example(b"")
@example(b"P6 0 0 255 ")
@example(b"P5 99999999999999999999 1 255 ")
@example(b"GIF89a\0\0\0\0\0\0\0,\0\0\0\0\0\0\0\0\0\2\0\0;")
@example(b"P3 1 1 255 -1 0 0 ")
def test_any_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert (outcome(path) == "empty file") == (data == b"")


@given(magic=st.sampled_from(MAGIC), rest=st.binary(max_size=200))
def test_any_bytes_behind_the_beginning_of_a_picture(path: Path, magic: bytes, rest: bytes) -> None:
    path.write_bytes(magic + rest)
    outcome(path)


def changes() -> st.SearchStrategy[list[tuple[float, int]]]:
    """Return a strategy for changes: where in the file, from 0 to 1, and what the byte there is XORed with."""
    return st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=6)


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_flipped_bits(path: Path, name: str, data: st.DataObject) -> None:
    file = bytearray(FILES[name])
    reach = data.draw(st.sampled_from([len(file), 100]))  # headers are where decisions are made
    for place, mask in data.draw(changes()):
        file[int(place * min(reach, len(file)))] ^= mask
    path.write_bytes(file)
    outcome(path)


def test_a_tiff_whose_version_sends_the_reader_beyond_all_files(path: Path) -> None:
    path.write_bytes(patched(FILES["tiff"], 2, b"\x2b"))  # BigTIFF, whose places have eight bytes
    assert refused(path) == "damaged (a part of it would lie outside of the file)"


@pytest.mark.parametrize("name", FILES)
def test_truncated_anywhere(path: Path, name: str) -> None:
    file = FILES[name]
    path.write_bytes(file)
    assert outcome(path) == ""
    for size in range(0, len(file), 1 + len(file) // 150):
        path.write_bytes(file[:size])
        outcome(path)


@pytest.mark.parametrize("name", ["png with alpha", "jpeg", "progressive jpeg", "webp", "bmp", "ppm"])
def test_pixels_that_are_missing_are_never_made_up(path: Path, name: str) -> None:
    """Only checksums and closing markers, behind the last pixel, may be missing."""
    file = FILES[name]
    path.write_bytes(file)
    whole = read_image(path, 16)
    for size in range(1, len(file), 1 + len(file) // 300):
        path.write_bytes(file[:size])
        if not (reason := outcome(path)):
            assert len(file) - size <= 24
            np.testing.assert_array_equal(read_image(path, 16), whole)
        elif name != "webp" and size > 700:  # behind the header
            assert reason == f"truncated after {size:,} bytes" or "broken data" in reason or "not enough" in reason


FOREIGN = {
    **{kind: encoded(kind) for kind in ("EPS", "PDF", "PCX", "TGA", "SGI", "DDS")},
    "ICO": encoded("ICO", sizes=[(8, 8)]),
    "SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>',
    "XBM": b"#define a_width 8\n#define a_height 1\nstatic char a_bits[] = {\n0x01};\n",
    "PSD": b"8BPS" + struct.pack(">H6xHIIHHIIIH", 1, 3, 1, 1, 8, 3, 0, 0, 0, 0) + b"abc",
}


@pytest.mark.parametrize("suffix", [".png", ".eps"])
@pytest.mark.parametrize("name", FOREIGN)
def test_other_formats_are_refused_and_never_reach_ghostscript(
    name: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object, **__: object) -> None:
        pytest.fail("a program was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    monkeypatch.setattr(subprocess, "Popen", started)
    path = tmp_path / f"other{suffix}"
    path.write_bytes(FOREIGN[name])
    assert outcome(path) == "not an image of a supported format"


def make_folder(path: Path) -> None:
    path.mkdir()


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.chdir(here)


@posix
@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_folder, "not a regular file"),
        (os.mkfifo if sys.platform != "win32" else make_folder, "not a regular file"),
        (make_socket, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: path.symlink_to("nowhere.png"), "the file is gone"),
        (lambda path: path.symlink_to(path.name), f"cannot be read: {os.strerror(errno.ELOOP).lower()}"),
        (lambda path: path.touch(), "empty file"),
        (lambda path: None, "the file is gone"),
    ],
    ids=["folder", "pipe", "socket", "device", "broken link", "circle", "empty", "missing"],
)
def test_only_regular_files_are_opened(make: Callable[[Path], None], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    make(path)
    assert refused(path) == reason


@posix
def test_impossible_names_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / ("n" * 300)) == f"cannot be read: {os.strerror(errno.ENAMETOOLONG).lower()}"
    assert refused(tmp_path / "a\0b") == "damaged (embedded null byte)"


@posix
def test_forbidden_file(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = tmp_path / "x.png"
    path.write_bytes(FILES["png"])
    path.chmod(0)
    assert refused(path) == "no permission to read it"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "no permission to read it"),
        (OSError(errno.EIO, "Input/output error"), "cannot be read: input/output error"),
        (FileNotFoundError(errno.ENOENT, "No such file"), "the file is gone"),
        (MemoryError(), "too large for the memory"),
        (UserWarning("odd\ntags"), "damaged (odd tags)"),
        (KeyError(), "damaged (KeyError)"),
    ],
)
def test_what_fails_while_reading_is_said(
    error: Exception, reason: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    path.write_bytes(FILES["png"])
    monkeypatch.setattr(Image.Image, "resize", fail)
    with pytest.raises(UnreadableImageError, match=f"^{re.escape(reason)}$"):
        read_image(path, 8)
