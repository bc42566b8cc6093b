"""Pictures that would unpack to far more than they seem: refused by their header, in bounded memory, without a word."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Final

import pytest

from cnnstudio.data.images import MAX_PIXELS
from tests.data.files import FILES, chunk, encoded, inside, patched, png_of, refused, with_tag

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "any.png"


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
