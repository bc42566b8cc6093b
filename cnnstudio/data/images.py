"""Reading one image file, whatever it is, into RGB pixels; the only place that decodes."""

import re
import struct
import warnings
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm"}
)
FOREIGN_SUFFIXES: Final = frozenset(
    {".heic", ".heif", ".avif", ".svg", ".psd", ".ico", ".icns", ".eps", ".pdf", ".jp2", ".tga", ".dds", ".exr", ".hdr"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".xcf", ".pcx", ".jxl"}
)
MAX_PIXELS: Final = 89_478_485  # 256 MiB of RGB, as in Pillow
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

Pixels = NDArray[np.uint8]

_WHITE: Final = (255, 255, 255, 255)
# Between its threshold and twice that, Pillow only warns. Here a bomb is a bomb.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# What Pillow's decoders raise on damaged files, beside OSError.
_DAMAGE: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    MemoryError,
    struct.error,
)


class UnreadableImageError(Exception):
    """An image file cannot be used; the message is the reason, as a clause."""


def image_size(path: Path) -> tuple[int, int]:
    """Return `(width, height)` in pixels from the header, after checking format and size.

    Raises:
        UnreadableImageError: Not an image of a format on the list, or larger than `MAX_PIXELS`.
    """
    with _open(path) as image:
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
    with _open(path) as image:
        return _scaled(_decode(image, side), (side, side))


def read_thumbnail(path: Path, side: int) -> Pixels:
    """Decode an image and scale it to fit a square, keeping its aspect ratio.

    Returns:
        `(h, w, 3)` uint8, RGB, with `max(h, w) == side`.

    Raises:
        UnreadableImageError: As for `read_image`.
    """
    with _open(path) as image:
        whole = _decode(image, side)
        scale = side / max(whole.size)
        return _scaled(whole, (max(1, round(whole.width * scale)), max(1, round(whole.height * scale))))


def _scaled(image: Image.Image, size: tuple[int, int]) -> Pixels:
    """Scale RGB or RGBA and lay it on white; scaling first keeps large transparent pictures cheap."""
    small = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", size, _WHITE), small).convert("RGB")
    return np.array(small)


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(path, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise UnreadableImageError(_too_many(bomb)) from None
    except UnidentifiedImageError:
        raise UnreadableImageError(_unidentified(path)) from None
    except _DAMAGE as error:
        raise UnreadableImageError(_reason(error)) from None
    return image


def _decode(image: Image.Image, side: int) -> Image.Image:
    try:
        # JPEG decodes at a half, a quarter or an eighth for free; twice the target keeps the scaling sharp.
        image.draft("RGB", (2 * side, 2 * side))
        image.load()
        return _to_rgb_or_rgba(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise UnreadableImageError(_too_many(bomb)) from None
    except _DAMAGE as error:
        raise UnreadableImageError(_reason(error)) from None


def _to_rgb_or_rgba(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        return Image.fromarray(_to_8_bits(np.asarray(image, dtype=np.float64))).convert("RGB")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("RGB")


def _to_8_bits(values: NDArray[np.float64]) -> Pixels:
    finite = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low >= 0 and 255 < high <= 65535:  # a 16-bit picture in a wider type keeps its absolute brightness
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    return ((finite - low) * (255.0 / ((high - low) or 1.0))).astype(np.uint8)


def _too_many(bomb: Exception) -> str:
    found = re.search(r"\((\d+) pixels\)", str(bomb))
    size = f"{int(found[1]) / 1e6:,.0f} million pixels" if found else "too many pixels"
    return f"{size}, more than the {MAX_PIXELS / 1e6:.0f} million allowed"


def _unidentified(path: Path) -> str:
    try:
        empty = path.stat().st_size == 0
    except OSError as error:
        return _reason(error)
    return "empty file" if empty else "not an image of a supported format"


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, MemoryError):
        return "too large for the memory"
    text = " ".join(str(error).split())
    if "truncated" in text or "Truncated" in text:
        return f"truncated ({text})"
    return f"damaged ({text or type(error).__name__})"
