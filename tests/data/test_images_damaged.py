"""Whatever a file holds, it is read or refused in words: no other exception, no hang, no word on stderr, no memory."""

import errno
import io
import os
import re
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

from cnnstudio.data.images import MAX_PIXELS, UnreadableImageError, image_size, read_image, read_thumbnail

ROOT: Final = Path(__file__).parents[2]
REASON = re.compile(
    r"empty file|not an image of a supported format|truncated after [\d,]+ bytes|damaged \(.+\)"
    r"|[\d,]+ million pixels, more than the 89 million allowed"
)
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """Return a small picture of noise as a file."""
    noise = np.random.default_rng(6).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(data, kind, **options)
    return data.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def inside(file: bytes, *more: bytes) -> bytes:
    """Put chunks into a PNG, behind its header."""
    return file[:33] + b"".join(more) + file[33:]


def png_of(width: int, height: int, rows: bytes) -> bytes:
    """Return a PNG of one bit a pixel."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


EXIF = Image.Exif()
EXIF[0x0112] = 6
ANOTHER = Image.new("RGB", (16, 12), "teal")
FILES: Final = {
    "png": encoded("PNG", exif=EXIF),
    "png with alpha": encoded("PNG", "RGBA"),
    "apng": encoded("PNG", save_all=True, append_images=[ANOTHER]),
    "jpeg": encoded("JPEG", exif=EXIF),
    "progressive jpeg": encoded("JPEG", progressive=True),
    "cmyk jpeg": encoded("JPEG", "CMYK"),
    "mpo": encoded("MPO", save_all=True, append_images=[ANOTHER]),
    "webp": encoded("WEBP", exif=EXIF),
    "moving webp": encoded("WEBP", save_all=True, append_images=[ANOTHER]),
    "gif": encoded("GIF", "P", save_all=True, append_images=[ANOTHER]),
    "bmp": encoded("BMP"),
    "ppm": encoded("PPM"),
    "tiff": encoded("TIFF", exif=EXIF),
    "deflated tiff": encoded("TIFF", compression="tiff_deflate"),
}
MAGIC = [data[:size] for data in FILES.values() for size in (4, 12, 30)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "any.png"


def outcome(path: Path) -> str:
    """Read a file in every way; return the reason for which it is refused, or nothing."""
    reason = ""
    try:
        image_size(path)
        assert read_thumbnail(path, 8).shape[2] == 3
        assert read_image(path, 8).shape == (8, 8, 3)
    except UnreadableImageError as error:
        reason = str(error)
    assert not reason or REASON.fullmatch(reason), reason
    assert reason.isprintable()
    return reason


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


FOREIGN: Final = {
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


def refused(path: Path) -> str:
    with pytest.raises(UnreadableImageError) as error:
        read_image(path, 8)
    with pytest.raises(UnreadableImageError, match=f"^{re.escape(str(error.value))}$"):
        image_size(path)
    return str(error.value)


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


def patched(file: bytes, place: int, content: bytes) -> bytes:
    return file[:place] + content + file[place + len(content) :]


def with_tag(tiff: bytes, tag: int, value: int) -> bytes:
    """Set the value of a tag that holds one whole number."""
    found = re.search(struct.pack("<H", tag) + b"[\3\4]\0\1\0\0\0....", tiff, re.DOTALL)
    assert found
    return patched(tiff, found.start(), struct.pack("<HHII", tag, 4, 1, value))


JPEG_SIZE = FILES["jpeg"].index(b"\xff\xc0") + 5
CLAIMS: Final = {
    "png": (png_of(30_000, 30_000, b""), 900_000_000),
    "png a little too large": (png_of(9460, 9459, b""), 89_482_140),
    "gif": (patched(FILES["gif"], 6, struct.pack("<HH", 65_535, 65_535)), 4_294_836_225),
    "bmp": (patched(FILES["bmp"], 18, struct.pack("<ii", 30_000, 30_000)), 900_000_000),
    "ppm": (b"P6 30000 30000 255\n", 900_000_000),
    "plain pbm": (b"P1 30000 30000\n", 900_000_000),
    "jpeg": (patched(FILES["jpeg"], JPEG_SIZE, struct.pack(">HH", 65_500, 65_500)), 4_290_250_000),
    "webp": (b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + bytes(9), 268_435_456),
    "webp canvas": (b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\xff\0" * 2 + bytes(30), 4_294_967_296),
    "tiff": (with_tag(with_tag(FILES["tiff"], 256, 30_000), 257, 30_000), 900_000_000),
    # Real: 10.6 MB of zeros, of which every row can be decoded, in 11 kB.
    "png that keeps its promise": (png_of(9500, 9500, bytes(9500 * (1 + 1188))), 90_250_000),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_bombs_are_refused_by_their_header(name: str, path: Path) -> None:
    file, pixels = CLAIMS[name]
    assert len(file) < 20_000
    assert pixels > MAX_PIXELS
    path.write_bytes(file)
    assert refused(path) == f"{pixels / 1e6:,.0f} million pixels, more than the 89 million allowed"


ZEROS: Final = zlib.compress(bytes(150_000_000), 1)
TEXT_BOMBS: Final = {
    "zTXt": inside(FILES["png"], chunk(b"zTXt", b"a\0\0" + ZEROS)),
    "iTXt": inside(FILES["png"], chunk(b"iTXt", b"a\0\1\0\0\0" + ZEROS)),
    "iCCP": inside(FILES["png"], chunk(b"iCCP", b"a\0\0" + ZEROS)),
    "many": inside(FILES["png"], *[chunk(b"zTXt", b"%d\0\0" % n + zlib.compress(bytes(900_000))) for n in range(200)]),
}
# The picture is small, what its rows are packed in is not: only what the picture needs is unpacked.
ENDLESS: Final = png_of(16, 16, bytes(100_000_000))


@pytest.mark.parametrize("name", TEXT_BOMBS)
def test_bombs_in_metadata_are_refused(name: str, path: Path) -> None:
    path.write_bytes(TEXT_BOMBS[name])
    assert refused(path).startswith("damaged (")


CURIOUS: Final = {
    # Readable, and Pillow warns: of an animation without frames, of EXIF cut off, of a second frame that is not there.
    "apng": inside(FILES["png"], chunk(b"acTL", bytes(8))),
    "exif": encoded("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x02\0" + struct.pack("<HHII", 0x0112, 3, 1, 1) + b"cut"),
    "mpo": FILES["jpeg"][:2] + b"\xff\xe2\0\x0cMPF\0nonse" + FILES["jpeg"][2:],
}
_CHILD = """
import sys
from pathlib import Path
from cnnstudio.data.images import UnreadableImageError, read_image, read_thumbnail

def peak():
    lines = Path("/proc/self/status").read_text().splitlines() if sys.platform == "linux" else ["VmHWM: 0 kB"]
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

read_image(Path(sys.argv[1]), 8)
before = peak()
for name in sys.argv[2:]:
    for read in (read_image, read_thumbnail):
        try:
            read(Path(name), 8)
        except UnreadableImageError as error:
            print(Path(name).stem, error, sep=": ")
        else:
            print(Path(name).stem, "read", sep=": ")
print("kB", peak() - before)
"""


@pytest.mark.parametrize("warnings", ["default", "error"])
def test_bombs_take_no_memory_and_metadata_no_words(warnings: str, tmp_path: Path) -> None:
    """In a process of its own, as under a test the filters of warnings are others than in the program."""
    files = {"first": FILES["png"], **CURIOUS, "endless": ENDLESS, **TEXT_BOMBS}
    files |= {f"claim {name}": file for name, (file, _) in CLAIMS.items()}
    files["samples"] = with_tag(FILES["tiff"], 277, 2**24)  # refused, and Pillow logs an error
    for name, file in files.items():
        (tmp_path / f"{name}.png").write_bytes(file)
    paths = [str(tmp_path / f"{name}.png") for name in files]
    command = [sys.executable, "-W", warnings, "-c", _CHILD, *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    *answers, memory = done.stdout.splitlines()
    readable = {answer.removesuffix(": read") for answer in answers if answer.endswith(": read")}
    assert readable == {*CURIOUS, "endless"}
    assert sum("million pixels" in answer for answer in answers) == 2 * len(CLAIMS)
    assert int(memory.removeprefix("kB ")) < 100_000  # the texts alone may take 64 MB together, by Pillow's limit
