"""Fetch Debian's dataset-fashion-mnist (MIT), and lay out a few of its images as PNG files, one folder a class.

    python tests/fetch_fashion_mnist.py [--fresh]

Takes the installed package where there is one, and downloads it with apt otherwise; root is not needed. Exit code 0:
`.test-data/fashion10` is there; 1: it cannot be had here, and one sentence says why. Which images is fixed: the first
hundred of each class in the order of the data set's test file (Xiao et al., 2017).
"""

import argparse
import gzip
import shutil
import struct
import sys
import tempfile
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as a script it finds its own folder only

from tests.debian_package import DATA, NotAvailableError, say, unpacked

PACKAGE = "dataset-fashion-mnist"
CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot")
EACH = 100
INSTALLED = Path("/usr/share/datasets/fashion-mnist")
UNPACKED = DATA / "fashion-mnist"
LAID_OUT = DATA / "fashion10"
_IMAGES, _LABELS = 0x803, 0x801  # IDX: unsigned bytes in three dimensions and in one


def main(arguments: list[str] | None = None) -> int:
    """Run the script and return its exit code."""
    parser = argparse.ArgumentParser(description=f"Fetch {PACKAGE} into {DATA}.")
    parser.add_argument("--fresh", action="store_true", help="download it even where it is installed or unpacked")
    fresh = parser.parse_args(arguments).fresh
    try:
        lay_out(unpacked(PACKAGE, INSTALLED, UNPACKED, fresh=fresh), LAID_OUT)
    except NotAvailableError as error:
        sys.stderr.write(f"{PACKAGE} is not available on this system: {error}\n")
        return 1
    return 0


def lay_out(source: Path, target: Path, *, each: int = EACH) -> None:
    """Write the first images of each class into `target/class/NNNNN.png`, where NNNNN is the place in the file.

    Args:
        source: The package's folder.
        target: Replaced as a whole, once everything is written.
        each: Images of a class.

    Raises:
        NotAvailableError: The files of the package are others, or have fewer images.
    """
    images, labels = (source / f"t10k-{name}-ubyte.gz" for name in ("images-idx3", "labels-idx1"))
    shape, pixels = _read(images, _IMAGES)
    (count,), answers = _read(labels, _LABELS)
    if len(shape) != 3 or shape[0] != count:
        raise NotAvailableError(f"{images} and {labels} do not belong together")
    _, height, width = shape
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="lay-out-") as name:
        made = Path(name) / "made"
        for label, title in enumerate(CLASSES):
            folder = made / title
            folder.mkdir(parents=True)
            chosen = [place for place, answer in enumerate(answers) if answer == label][:each]
            if len(chosen) < each:
                raise NotAvailableError(f"{labels} has {len(chosen)} of class {title}, and {each} are wanted")
            for place in chosen:
                start = place * height * width
                picture = png(pixels[start : start + height * width], width)
                (folder / f"{place:05}.png").write_bytes(picture)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    say(f"{target}: {each} images of each of {len(CLASSES)} classes")


def png(pixels: bytes, width: int) -> bytes:
    """Return a grey image of 8 bits, row by row in `pixels`, as a PNG file (ISO/IEC 15948)."""
    height = len(pixels) // width
    rows = b"".join(b"\0" + pixels[row * width : (row + 1) * width] for row in range(height))  # each without a filter
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _read(file: Path, magic: int) -> tuple[tuple[int, ...], bytes]:
    """Return the shape and the bytes of an IDX file."""
    try:
        data = gzip.decompress(file.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise NotAvailableError(f"{file} cannot be read: {error}") from None
    dimensions = magic & 0xFF
    start = 4 * (1 + dimensions)
    numbers = struct.unpack_from(f">{1 + dimensions}I", data) if len(data) >= start else (0,)
    found, *shape = numbers
    size = 1
    for length in shape:
        size *= length
    if found != magic or len(data) != start + size:
        raise NotAvailableError(f"{file} is not such a file of images or labels as was expected")
    return tuple(shape), data[start:]


if __name__ == "__main__":
    sys.exit(main())
