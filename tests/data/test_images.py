"""Pictures are read right, whatever their format, mode and orientation."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from sklearn.datasets import load_sample_image

from cnnstudio.data.images import Pixels, image_size, read_image, read_thumbnail
from tests.data.files import png_of

SIDE = 16
ORIENTATION = 0x0112
# Nothing is scaled where the picture has the size asked for, so that its pixels can be compared one by one.
RGB, ALPHA = (np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, n), dtype=np.uint8) for n in (3, 1))
GREY = RGB[..., 0]
BITS = GREY > 127
DEEP = np.random.default_rng(2).integers(0, 65536, (SIDE, SIDE), dtype=np.uint16)
PALETTE = np.random.default_rng(3).integers(0, 256, (16, 3), dtype=np.uint8)
INDEX = GREY % 16


def grey(values: NDArray[Any]) -> Pixels:
    """Repeat a grey in three channels."""
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


def on_white(colour: Pixels, alpha: NDArray[Any]) -> NDArray[np.float64]:
    """Lay a picture on white by the textbook; `alpha` is `(H, W, 1)` from 0 to 255."""
    share = alpha / 255.0
    return colour * share + 255.0 * (1 - share)


def palette_image() -> Image.Image:
    image = Image.fromarray(INDEX)
    image.putpalette(PALETTE.tobytes())
    return image


RGBA = np.concatenate([RGB, ALPHA], axis=2)
FADING = bytes(range(0, 256, 17))  # an alpha for each entry of the palette
EXACT: dict[str, tuple[Image.Image, str, dict[str, Any], NDArray[Any]]] = {
    **{
        f"RGB {name}": (Image.fromarray(RGB), name, options, RGB)
        for name, options in {"PNG": {}, "BMP": {}, "PPM": {}, "TIFF": {}, "WEBP": {"lossless": True}}.items()
    },
    **{
        f"RGB TIFF {packing}": (Image.fromarray(RGB), "TIFF", {"compression": packing}, RGB)
        for packing in ("tiff_lzw", "tiff_deflate", "packbits")
    },
    **{f"L {name}": (Image.fromarray(GREY), name, {}, grey(GREY)) for name in ("PNG", "BMP", "PPM", "TIFF", "GIF")},
    **{
        f"1 {name}": (Image.fromarray(BITS), name, options, grey(BITS * 255))
        for name, options in {"PNG": {}, "BMP": {}, "PPM": {}, "TIFF": {"compression": "group4"}}.items()
    },
    **{f"P {name}": (palette_image(), name, {}, PALETTE[INDEX]) for name in ("PNG", "BMP", "GIF", "TIFF")},
    "LA PNG": (Image.fromarray(RGBA[..., 2:]), "PNG", {}, on_white(grey(RGB[..., 2]), ALPHA)),
    "RGBA PNG": (Image.fromarray(RGBA), "PNG", {}, on_white(RGB, ALPHA)),
    "RGBA TIFF": (Image.fromarray(RGBA), "TIFF", {}, on_white(RGB, ALPHA)),
    "RGBA WEBP": (Image.fromarray(RGBA), "WEBP", {"lossless": True, "exact": True}, on_white(RGB, ALPHA)),
    "P PNG, one entry transparent": (
        palette_image(),
        "PNG",
        {"transparency": 5},
        on_white(PALETTE[INDEX], (INDEX != 5)[..., None] * 255),
    ),
    "P GIF, one entry transparent": (
        palette_image(),
        "GIF",
        {"transparency": 5},
        on_white(PALETTE[INDEX], (INDEX != 5)[..., None] * 255),
    ),
    "P PNG, entries fading": (
        palette_image(),
        "PNG",
        {"transparency": FADING},
        on_white(PALETTE[INDEX], INDEX[..., None] * 17),
    ),
    "RGB PNG, one colour transparent": (
        Image.fromarray(PALETTE[INDEX]),
        "PNG",
        {"transparency": tuple(PALETTE[5].tolist())},
        on_white(PALETTE[INDEX], (INDEX != 5)[..., None] * 255),
    ),
    "I;16 PNG": (Image.fromarray(DEEP), "PNG", {}, grey(DEEP // 256)),
    "I;16 TIFF": (Image.fromarray(DEEP), "TIFF", {}, grey(DEEP // 256)),
    "I;16B TIFF": (Image.fromarray(DEEP.astype(">u2")), "TIFF", {}, grey(DEEP // 256)),
    "I TIFF, 16 bits in 32": (Image.fromarray(DEEP.astype(np.int32)), "TIFF", {}, grey(DEEP / 257.0)),
    "I TIFF, 8 bits in 32": (Image.fromarray(GREY.astype(np.int32)), "TIFF", {}, grey(GREY)),
    "F TIFF, 0 to 1": (Image.fromarray(GREY / np.float32(255)), "TIFF", {}, grey(GREY)),
    "F TIFF, 0 to 255": (Image.fromarray(GREY.astype(np.float32)), "TIFF", {}, grey(GREY)),
}


@pytest.mark.parametrize("name", EXACT)
def test_lossless_formats_give_their_pixels(name: str, tmp_path: Path) -> None:
    image, kind, options, expected = EXACT[name]
    path = tmp_path / "picture"
    image.save(path, kind, **options)
    pixels = read_image(path, SIDE)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    # Blending and scaling to 8 bits round; everything else is exact.
    rounding = 1.0 if expected.dtype == np.float64 or name.startswith(("I TIFF", "F TIFF")) else 0.0
    assert np.abs(pixels - expected.astype(np.float64)).max() <= rounding


def test_png_of_16_bits_a_channel_keeps_the_upper_eight(tmp_path: Path) -> None:
    deep = np.random.default_rng(4).integers(0, 65536, (SIDE, SIDE, 3), dtype=np.uint16)
    path = tmp_path / "deep.png"
    path.write_bytes(png_of(SIDE, SIDE, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep), 16, "RGB"))
    np.testing.assert_array_equal(read_image(path, SIDE), deep // 256)


def test_measurements_are_spread_over_the_greys(tmp_path: Path) -> None:
    values = np.linspace(-3.0, 5.0, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    path = tmp_path / "field.tif"
    Image.fromarray(values).save(path)
    pixels = read_image(path, SIDE)
    np.testing.assert_allclose(pixels[..., 0], (values + 3) / 8 * 255, atol=1)
    assert (pixels.min(), pixels.max()) == (0, 255)
    # What is no number counts as zero, and does not spoil the rest.
    values[0, :3] = np.nan, np.inf, -np.inf
    Image.fromarray(values).save(path)
    spoilt = read_image(path, SIDE)
    zero = spoilt[0, 0]
    assert abs(int(zero[0]) - 255 * -values.ravel()[3] / (5 - values.ravel()[3])) < 2
    np.testing.assert_array_equal(spoilt[0, :3], [zero, zero, zero])
    # One value everywhere has no range.
    Image.fromarray(np.full((SIDE, SIDE), -7.0, dtype=np.float32)).save(path)
    assert read_image(path, SIDE).max() == 0


@pytest.mark.parametrize(
    ("ink", "colour"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((255, 0, 255, 0), (0, 255, 0)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 127, 0, 127), (128, 64, 128)),
    ],
)
def test_cmyk_jpeg(ink: tuple[int, ...], colour: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (SIDE, SIDE), ink).save(path, quality=95)
    np.testing.assert_allclose(read_image(path, SIDE), np.broadcast_to(colour, (SIDE, SIDE, 3)), atol=3)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_is_close_to_its_source_and_progressive_the_same(mode: str, tmp_path: Path) -> None:
    photo = Image.fromarray(load_sample_image("flower.jpg")).convert(mode).resize((96, 96))
    photo.save(tmp_path / "base.jpg", quality=95, subsampling=0)
    photo.save(tmp_path / "progressive.jpg", quality=95, subsampling=0, progressive=True)
    base = read_image(tmp_path / "base.jpg", 96)
    assert np.abs(base - np.asarray(photo.convert("RGB"), dtype=np.float64)).mean() < 2
    np.testing.assert_array_equal(read_image(tmp_path / "progressive.jpg", 96), base)


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    for name, kind in {"a.jpg": "JPEG", "b.png": "JPEG", "c": "JPEG", "d.jpg": "PNG", "e.gif": "PNG"}.items():
        Image.fromarray(RGB).save(tmp_path / name, kind)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png", SIDE), read_image(tmp_path / "a.jpg", SIDE))
    np.testing.assert_array_equal(read_image(tmp_path / "c", SIDE), read_image(tmp_path / "a.jpg", SIDE))
    np.testing.assert_array_equal(read_image(tmp_path / "d.jpg", SIDE), RGB)
    np.testing.assert_array_equal(read_image(tmp_path / "e.gif", SIDE), RGB)


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})])
def test_animation_gives_its_first_frame(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    frames = [Image.fromarray(grey(GREY)), Image.fromarray(255 - grey(GREY)), Image.fromarray(RGB)]
    path = tmp_path / "film"
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], **options)
    with Image.open(path) as film:
        assert getattr(film, "n_frames", 1) == 3
    np.testing.assert_array_equal(read_image(path, SIDE), grey(GREY))


def test_phone_pictures_of_several_frames_give_the_first(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (32, 32), (200, 30, 30)), Image.new("RGB", (32, 32), (30, 30, 200))
    path = tmp_path / "phone.jpg"
    first.save(path, "MPO", save_all=True, append_images=[second])
    np.testing.assert_allclose(read_image(path, 8), np.broadcast_to((200, 30, 30), (8, 8, 3)), atol=3)


def stored(upright: Pixels, orientation: int) -> Pixels:
    """Return what a camera stores for an upright picture, by the table of the EXIF standard (2.32, 4.6.4).

    Its words: "1: the 0th row is at the visual top of the image, and the 0th column is the visual left-hand side", …
    """
    turned: dict[int, Pixels] = {
        1: upright,  # row 0 top, column 0 left
        2: upright[:, ::-1],  # top, right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: upright.transpose(1, 0, 2),  # left, top
        6: upright.transpose(1, 0, 2)[::-1],  # right, top
        7: upright.transpose(1, 0, 2)[::-1, ::-1],  # right, bottom
        8: upright.transpose(1, 0, 2)[:, ::-1],  # left, bottom
    }
    return np.ascontiguousarray(turned[orientation])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [("PNG", {}, 0), ("TIFF", {}, 0), ("WEBP", {"lossless": True}, 0), ("JPEG", {"quality": 100, "subsampling": 0}, 4)],
)
def test_turned_pictures_stand_upright(
    kind: str, options: dict[str, Any], tolerance: int, orientation: int, tmp_path: Path
) -> None:
    upright = np.random.default_rng(5).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / "turned"
    Image.fromarray(stored(upright, orientation)).save(path, kind, exif=exif, **options)
    thumbnail = read_thumbnail(path, 20)
    assert thumbnail.shape == (12, 20, 3)
    assert np.abs(thumbnail.astype(int) - upright).max() <= tolerance


@pytest.mark.parametrize(
    ("tags", "turned"),
    [
        (b"", False),
        (b"nonsense", False),
        (b"MM\0*", False),
        (struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, 99, 0, 0), False),
        # An orientation in the wrong type, and one that stands before a tag with a value far outside.
        (struct.pack(">2sHIHHHI4sI", b"MM", 42, 8, 1, ORIENTATION, 2, 4, b"six\0", 0), False),
        (
            struct.pack(">2sHIH" + "HHI4s" * 2, b"MM", 42, 8, 2, ORIENTATION, 3, 1, b"\0\6", 0x829A, 5, 9, b"\xff" * 4),
            True,
        ),
    ],
)
@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("PNG", {}), ("WEBP", {"lossless": True})])
@pytest.mark.filterwarnings("ignore:::PIL")
def test_damaged_metadata_do_not_cost_the_picture(
    kind: str, options: dict[str, Any], tags: bytes, turned: bool, tmp_path: Path
) -> None:
    path = tmp_path / "camera"
    Image.fromarray(RGB).save(path, kind, **options)
    plain = read_image(path, SIDE)
    Image.fromarray(RGB).save(path, kind, exif=b"Exif\0\0" + tags, **options)
    np.testing.assert_array_equal(read_image(path, SIDE), np.rot90(plain, -1) if turned else plain)


def test_image_size_comes_from_the_header(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("RGB", (640, 427)).save(data, "PNG")
    path = tmp_path / "wide.png"
    path.write_bytes(data.getvalue()[:60])  # not one whole row
    assert image_size(path) == (640, 427)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@given(width=st.integers(1, 300), height=st.integers(1, 300), side=st.integers(1, 96))
def test_thumbnails_keep_the_aspect_ratio(folder: Path, width: int, height: int, side: int) -> None:
    path = folder / "any.png"
    Image.new("RGB", (width, height), (10, 200, 30)).save(path)
    pixels = read_thumbnail(path, side)
    scale = side / max(width, height)
    assert pixels.shape == (max(1, round(height * scale)), max(1, round(width * scale)), 3)
    assert max(pixels.shape[:2]) == side
    assert (pixels == (10, 200, 30)).all()
    square = read_image(path, side)
    assert square.shape == (side, side, 3)
    assert (square == (10, 200, 30)).all()


@pytest.mark.parametrize(
    ("size", "shape"), [((1, 5000), (96, 1, 3)), ((5000, 1), (1, 96, 3)), ((1, 1), (96, 96, 3)), ((3, 2), (64, 96, 3))]
)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif"])
def test_extreme_sizes(size: tuple[int, int], shape: tuple[int, int, int], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"odd{suffix}"
    Image.new("RGB", size, (128, 128, 128)).save(path)
    thumbnail = read_thumbnail(path, 96)
    assert thumbnail.shape == shape
    assert np.abs(thumbnail.astype(int) - 128).max() <= 1
    assert read_image(path, 8).shape == (8, 8, 3)


def test_what_lies_at_the_edges_stays(tmp_path: Path) -> None:
    wide = np.zeros((40, 400, 3), dtype=np.uint8)
    wide[:, :100], wide[:, 300:] = (255, 0, 0), (0, 0, 255)
    path = tmp_path / "wide.png"
    Image.fromarray(wide).save(path)
    small = read_image(path, 8)
    np.testing.assert_array_equal(small[:, 0], np.broadcast_to((255, 0, 0), (8, 3)))
    np.testing.assert_array_equal(small[:, 7], np.broadcast_to((0, 0, 255), (8, 3)))
    assert small[:, 3:5].max() == 0


@pytest.mark.parametrize("read", [read_image, read_thumbnail])
@pytest.mark.parametrize("side", [24, 50, 100])
@pytest.mark.parametrize("photo", ["china.jpg", "flower.jpg"])
def test_decoding_jpeg_at_a_fraction_does_not_show(
    photo: str, side: int, read: Callable[[Path, int], Pixels], tmp_path: Path
) -> None:
    whole = Image.fromarray(load_sample_image(photo))  # 640 × 427: decoded at 1/8, 1/4 and 1/2
    whole.save(tmp_path / "photo.jpg", quality=92)
    with Image.open(tmp_path / "photo.jpg") as image:
        image.save(tmp_path / "photo.bmp")  # the same pixels in a format that is always decoded whole
    drafted, exact = (read(tmp_path / f"photo.{suffix}", side).astype(int) for suffix in ("jpg", "bmp"))
    assert np.abs(drafted - exact).mean() < 3.5  # of 255; Lanczos and bicubic differ by up to 1.5


def test_a_large_jpeg_is_decoded_at_an_eighth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(load_sample_image("china.jpg")).resize((4000, 3000)).save(tmp_path / "photo.jpg", quality=92)
    decoded: list[tuple[int, int]] = []
    load = JpegImageFile.load

    def watch(image: JpegImageFile) -> Any:
        pixels = load(image)
        decoded.append(image.size)
        return pixels

    monkeypatch.setattr(JpegImageFile, "load", watch)
    drafted = read_image(tmp_path / "photo.jpg", 96)
    assert decoded[0] == (500, 375)
    monkeypatch.setattr(JpegImageFile, "draft", lambda *_: None)
    whole = read_image(tmp_path / "photo.jpg", 96)
    assert (4000, 3000) in decoded
    assert np.abs(drafted.astype(int) - whole).mean() < 1  # of 255
