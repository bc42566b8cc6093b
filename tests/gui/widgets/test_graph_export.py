import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from cnnstudio.core.errors import InputError
from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.drawing import Drawing
from cnnstudio.gui.graph.layers import Kind
from cnnstudio.gui.graph.picture import Picture
from cnnstudio.gui.theme import DARK, LIGHT, Tokens
from cnnstudio.gui.widgets.graph_export import Sheet
from cnnstudio.gui.widgets.graph_style import GraphStyle
from tests.gui.graph.networks import Row, frozen_until, googlenet, mobile, resnet18, vgg16

SVG = "{http://www.w3.org/2000/svg}"
BOTH = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


def draw(rows: Sequence[Row], *opened: str) -> Picture:
    return Drawing(build_graph(rows)).opened(opened).wrapped(1100, 600).picture


def sheet(picture: Picture, tokens: Tokens = LIGHT) -> Sheet:
    return Sheet(picture, "3 × 224²", GraphStyle(tokens))


def parsed(file: Path) -> ET.Element:
    return ET.fromstring(file.read_text(encoding="utf-8"))  # noqa: S314 - our own file


def texts(file: Path) -> list[str]:
    return [each.text or "" for each in parsed(file).iter(f"{SVG}text")]


@pytest.mark.parametrize("rows", [vgg16(), resnet18(), googlenet(), mobile()])
def test_words_of_a_vector_drawing_stay_words(qapp: QApplication, tmp_path: Path, rows: Sequence[Row]) -> None:
    picture = draw(rows)
    sheet(picture).save_svg(tmp_path / "network.svg")
    words = texts(tmp_path / "network.svg")
    assert {placed.block.title for placed in picture.blocks} <= {*words}
    assert {band.title for band in picture.bands} <= {*words}
    assert {"3 × 224²", "convolution", "learns"} <= {*words}
    for placed in picture.blocks:
        assert words.count(placed.block.title) >= sum(each.block.title == placed.block.title for each in picture.blocks)


def test_an_open_block_is_drawn_with_its_layers(qapp: QApplication, tmp_path: Path) -> None:
    sheet(draw(resnet18())).save_svg(tmp_path / "closed.svg")
    sheet(draw(resnet18(), "layer2.0")).save_svg(tmp_path / "open.svg")
    more = {*texts(tmp_path / "open.svg")} - {*texts(tmp_path / "closed.svg")}
    assert more == {"Conv 3×3 /2", "Conv 3×3", "Conv 1×1 /2", "BatchNorm", "ReLU"}


def test_a_vector_drawing_says_how_large_it_is(qapp: QApplication, tmp_path: Path) -> None:
    picture = draw(resnet18())
    drawn = sheet(picture)
    drawn.save_svg(tmp_path / "network.svg")
    root = parsed(tmp_path / "network.svg")
    width, height = drawn.size.width(), drawn.size.height()
    assert picture.bounds.width <= width <= picture.bounds.width + 1
    assert picture.bounds.height + 20 < height < picture.bounds.height + 80
    assert root.get("viewBox") == f"0 0 {width} {height}"
    assert float((root.get("width") or "").removesuffix("mm")) == pytest.approx(width / 96 * 25.4, rel=1e-3)
    assert float((root.get("height") or "").removesuffix("mm")) == pytest.approx(height / 96 * 25.4, rel=1e-3)
    assert root.findtext(f"{SVG}title") == "Network"
    assert root.findtext(f"{SVG}desc") == "11 blocks, 68 layers"


def test_a_vector_drawing_names_a_font_that_is_there_everywhere(qapp: QApplication, tmp_path: Path) -> None:
    sheet(draw(vgg16())).save_svg(tmp_path / "network.svg")
    families = {each.get("font-family", "") for each in parsed(tmp_path / "network.svg").iter()} - {""}
    assert len(families) == 1
    assert families.pop().endswith(", sans-serif")


@BOTH
def test_a_vector_drawing_and_an_image_show_the_same(qapp: QApplication, tmp_path: Path, tokens: Tokens) -> None:
    drawn = sheet(draw(frozen_until(resnet18(), "layer2"), "layer1.0"), tokens)
    drawn.save_svg(tmp_path / "network.svg")
    drawn.save_png(tmp_path / "network.png", 1)
    image = QImage(str(tmp_path / "network.png"))
    other = QImage(drawn.size, QImage.Format.Format_RGB32)
    painter = QPainter(other)
    QSvgRenderer(str(tmp_path / "network.svg")).render(painter)
    painter.end()
    assert image.size() == other.size() == drawn.size
    points = [(x, y) for x in range(0, image.width(), 5) for y in range(0, image.height(), 5)]
    same = sum(image.pixel(x, y) == other.pixel(x, y) for x, y in points)
    assert same > 0.9 * len(points)


@BOTH
@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_an_image_has_its_size_and_the_colours_of_the_theme(
    qapp: QApplication, tmp_path: Path, tokens: Tokens, scale: float
) -> None:
    picture = draw(frozen_until(resnet18(), "layer2"))
    drawn = sheet(picture, tokens)
    drawn.save_png(tmp_path / "network.png", scale)
    image = QImage(str(tmp_path / "network.png"))
    assert image.size() == QSize(round(drawn.size.width() * scale), round(drawn.size.height() * scale))

    def colour(x: float, y: float) -> QColor:
        return image.pixelColor(round((x - picture.bounds.x) * scale), round((y - picture.bounds.y) * scale))

    assert image.pixelColor(1, 1) == QColor(tokens.card)
    if scale >= 1:
        bars = {
            key: colour(placed.rect.x + 4.4, placed.rect.centre[1]).name() for key, placed in picture.by_key.items()
        }
        assert bars["layer1.1"] == tokens.frozen.lower()
        assert bars["layer2.0"] == bars["fc"] == tokens.learning.lower()


def test_an_image_holds_the_legend(qapp: QApplication, tmp_path: Path) -> None:
    picture = draw(vgg16())
    sheet(picture).save_png(tmp_path / "network.png", 1)
    image = QImage(str(tmp_path / "network.png"))
    style = GraphStyle(LIGHT)
    row = [image.pixelColor(x, image.height() - 16 - 10).name() for x in range(image.width())]
    assert style.kinds[Kind.CONV].name() in row
    assert LIGHT.learning.lower() in row


def test_a_narrow_drawing_has_a_legend_of_many_lines(qapp: QApplication, tmp_path: Path) -> None:
    picture = Drawing(build_graph(frozen_until(resnet18(), "layer2"))).picture
    drawn = sheet(picture)
    assert drawn.size.height() > picture.bounds.height + 100
    drawn.save_svg(tmp_path / "network.svg")
    assert {"convolution", "skip connection", "projection", "frozen", "learns"} <= {*texts(tmp_path / "network.svg")}


def test_what_is_too_large_for_an_image_is_refused(qapp: QApplication, tmp_path: Path) -> None:
    path = tmp_path / "network.png"
    with pytest.raises(InputError, match=r"a picture of [\d,]+ × [\d,]+ pixels is too large") as caught:
        sheet(draw(resnet18())).save_png(path, 30)
    assert caught.value.where == str(path)
    assert caught.value.remedy == "collapse some blocks, or save it as SVG"
    assert not path.exists()


@pytest.mark.parametrize("name", ["no such folder/network", "."])
def test_a_file_that_cannot_be_written_is_named(qapp: QApplication, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    drawn = sheet(draw(vgg16()))
    for save in (drawn.save_svg, lambda path: drawn.save_png(path, 1)):
        with pytest.raises(InputError, match="the file cannot be written") as caught:
            save(path)
        assert caught.value.where == str(path)
        assert caught.value.remedy == "choose another folder"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(qapp: QApplication, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        sheet(draw(vgg16())).save_svg(tmp_path / "network.svg")
    tmp_path.chmod(0o700)
