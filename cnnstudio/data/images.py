"""Reading one image file, whatever it is, into RGB pixels; the only place that decodes."""

import contextlib
import errno
import logging
import re
import stat
import struct
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES: Final = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
    | {".pbm", ".pgm", ".ppm", ".pnm"}
)
FOREIGN_SUFFIXES: Final = frozenset(
    {".heic", ".heif", ".avif", ".svg", ".psd", ".ico", ".icns", ".eps", ".pdf", ".jp2", ".tga", ".dds", ".exr", ".hdr"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".xcf", ".pcx", ".jxl"}
)
MAX_PIXELS: Final = 89_478_485  # 256 MiB of RGB
_LARGE: Final = 2**24  # pixels, which take 128 MiB while they are scaled with their transparency
_LARGE_ONES: Final = threading.Lock()

Pixels = NDArray[np.uint8]

_WHITE: Final = (255, 255, 255, 255)
# What Pillow raises on damaged files, beside OSError and MemoryError; Warning where somebody made errors of them.
_MALFORMED: Final = (
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    Warning,
    struct.error,
)
# Pillow warns about metadata that do not matter here, and only warns of pictures up to twice its limit.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())


class UnreadableImageError(Exception):
    """An image file cannot be used; the message is the reason, as a clause."""


def image_size(path: Path) -> tuple[int, int]:
    """Return `(width, height)` in pixels from the header, after checking format and size.

    Raises:
        UnreadableImageError: Not an image of a format on the list, or larger than `MAX_PIXELS`.
    """
    with _opened(path) as image:
        return image.size


def read_image(path: Path, side: int) -> Pixels:
    """Decode an image and scale it to a square.

    Nothing is cut off: what lies at the edges stays visible, at the price of the aspect ratio. Transparent pixels
    become white, EXIF orientation is applied, an animation gives its first frame, 16-bit greys are scaled to 8.

    Args:
        path: The file.
        side: Side of the result in pixels.

    Returns:
        `(side, side, 3)` uint8, RGB.

    Raises:
        UnreadableImageError: The file is damaged, of another format, or larger than `MAX_PIXELS`.
    """
    with _opened(path) as image, _turn(image, side):
        return _scaled(_decode(image), (side, side))


def read_thumbnail(path: Path, side: int) -> Pixels:
    """Decode an image and scale it to fit a square, keeping its aspect ratio.

    Returns:
        `(h, w, 3)` uint8, RGB, with `max(h, w) == side`.

    Raises:
        UnreadableImageError: As for `read_image`.
    """
    with _opened(path) as image, _turn(image, side):
        whole = _decode(image)
        scale = side / max(whole.size)
        return _scaled(whole, (max(1, round(whole.width * scale)), max(1, round(whole.height * scale))))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file; what goes wrong with it inside the context is said as an UnreadableImageError."""
    size = 0
    try:
        status = path.stat()
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its other end
            raise UnreadableImageError("not a regular file")
        if size == 0:
            raise UnreadableImageError("empty file")
        with Image.open(path, formats=FORMATS) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise UnreadableImageError(_too_many(pixels))
            yield image
    except UnidentifiedImageError:
        raise UnreadableImageError("not an image of a supported format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        found = re.search(r"\((\d+) pixels\)", str(bomb))
        raise UnreadableImageError(_too_many(int(found[1]) if found else 2 * MAX_PIXELS)) from None
    except MemoryError:
        raise UnreadableImageError("too large for the memory") from None
    except OSError as error:
        raise UnreadableImageError(_os_reason(error, size)) from None
    except _MALFORMED as error:
        raise UnreadableImageError(_damaged(error)) from None


@contextlib.contextmanager
def _turn(image: Image.Image, side: int) -> Iterator[None]:
    """Let one large picture after the other be decoded; several at once would take most of a run's memory."""
    # JPEG decodes at a half, a quarter or an eighth for free; twice the target keeps the scaling sharp.
    image.draft("RGB", (2 * side, 2 * side))
    with _LARGE_ONES if image.width * image.height > _LARGE else contextlib.nullcontext():
        yield


def _decode(image: Image.Image) -> Image.Image:
    image.load()
    with contextlib.suppress(*_MALFORMED):  # damaged metadata do not cost the picture
        ImageOps.exif_transpose(image, in_place=True)
    return _to_rgb_or_rgba(image)


def _scaled(image: Image.Image, size: tuple[int, int]) -> Pixels:
    """Scale RGB or RGBA and lay it on white; scaling first keeps large transparent pictures cheap."""
    small = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", size, _WHITE), small).convert("RGB")
    return np.array(small)


def _to_rgb_or_rgba(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        return Image.fromarray(_to_8_bits(np.asarray(image, dtype=np.float64))).convert("RGB")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _to_8_bits(values: NDArray[np.float64]) -> Pixels:
    finite = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low >= 0 and 255 < high <= 65535:  # a 16-bit picture in a wider type keeps its absolute brightness
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    return ((finite - low) * (255.0 / ((high - low) or 1.0))).astype(np.uint8)


def _too_many(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f} million pixels, more than the {MAX_PIXELS / 1e6:.0f} million allowed"


def _os_reason(error: OSError, size: int) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if error.errno == errno.EINVAL:  # a directory of a TIFF says so of its next one, say
        return "damaged (a part of it would lie outside of the file)"
    if error.strerror:
        return f"cannot be read: {error.strerror.lower()}"
    return f"truncated after {size:,} bytes" if "truncated" in str(error).lower() else _damaged(error)


def _damaged(error: Exception) -> str:
    return f"damaged ({' '.join(str(error).split()) or type(error).__name__})"
