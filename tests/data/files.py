"""Small pictures as files, whole and tampered with, and what reading says of them."""

import io
import re
import struct
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

from cnnstudio.data.images import UnreadableImageError, image_size, read_image, read_thumbnail

REASON = re.compile(
    r"empty file|not an image of a supported format|truncated after [\d,]+ bytes|damaged \(.+\)"
    r"|[\d,]+ million pixels, more than the 89 million allowed"
)


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


def png_of(width: int, height: int, rows: bytes, depth: int = 1, mode: str = "L") -> bytes:
    """Put a PNG together by hand; `rows` has a filter byte before each row."""
    header = struct.pack(">IIBBBBB", width, height, depth, {"L": 0, "RGB": 2}[mode], 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


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


def patched(file: bytes, place: int, content: bytes) -> bytes:
    """Write over some bytes."""
    return file[:place] + content + file[place + len(content) :]


def with_tag(tiff: bytes, tag: int, value: int) -> bytes:
    """Set the value of a tag that holds one whole number."""
    found = re.search(struct.pack("<H", tag) + b"[\3\4]\0\1\0\0\0....", tiff, re.DOTALL)
    assert found
    return patched(tiff, found.start(), struct.pack("<HHII", tag, 4, 1, value))


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


def refused(path: Path) -> str:
    """Return the reason for which a file is refused, before any pixel is decoded."""
    with pytest.raises(UnreadableImageError) as error:
        read_image(path, 8)
    with pytest.raises(UnreadableImageError, match=f"^{re.escape(str(error.value))}$"):
        image_size(path)
    return str(error.value)
