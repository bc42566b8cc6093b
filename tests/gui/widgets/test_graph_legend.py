from collections.abc import Sequence

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.layers import Kind
from cnnstudio.gui.theme import DARK, LIGHT, Tokens
from cnnstudio.gui.widgets.graph_legend import Entry, GraphLegend, entries_of, legend_height, paint_legend
from cnnstudio.gui.widgets.graph_style import GraphStyle
from tests.gui.graph.networks import Row, frozen_until, googlenet, mobile, resnet18, vgg16

ALL_KINDS = ["convolution", "normalisation", "activation", "pooling", "fully connected"]


def entries(rows: Sequence[Row]) -> tuple[Entry, ...]:
    return entries_of(build_graph(rows))


def words(rows: Sequence[Row]) -> list[str]:
    return [entry.word for entry in entries(rows)]


def painted(rows: Sequence[Row], width: int, tokens: Tokens = LIGHT) -> QImage:
    style = GraphStyle(tokens)
    image = QImage(width, 20 * 12, QImage.Format.Format_RGB32)
    image.fill(QColor(tokens.ground))
    painter = QPainter(image)
    paint_legend(painter, entries(rows), QRectF(image.rect()), style)
    painter.end()
    return image


def inked(image: QImage, rows: range) -> list[int]:
    """Return the columns in which something is painted."""
    ground = image.pixel(image.width() - 1, image.height() - 1)
    return [x for x in range(image.width()) if any(image.pixel(x, y) != ground for y in rows)]


@pytest.mark.parametrize(
    ("rows", "explained"),
    [
        (vgg16(), ["convolution", "activation", "pooling", "fully connected", "dropout", "learns"]),
        (resnet18(), [*ALL_KINDS, "sum", "skip connection", "projection", "learns"]),
        (
            frozen_until(resnet18(), "layer2"),
            [*ALL_KINDS, "sum", "skip connection", "projection", "frozen", "learns"],
        ),
        (frozen_until(googlenet(), "fc"), [*ALL_KINDS, "dropout", "concatenation", "frozen", "learns"]),
        (mobile(), [*ALL_KINDS, "sum", "scaling", "skip connection", "learns"]),
    ],
)
def test_only_what_is_in_the_network_is_explained(rows: Sequence[Row], explained: list[str]) -> None:
    assert words(rows) == explained


def test_no_network_needs_no_legend(qapp: QApplication) -> None:
    assert entries_of(None) == ()
    assert legend_height((), 800, GraphStyle(LIGHT)) == 0


@pytest.mark.parametrize("rows", [frozen_until(resnet18(), "layer2"), frozen_until(googlenet(), "fc"), mobile()])
def test_one_line_is_enough_in_a_narrow_window(qapp: QApplication, rows: Sequence[Row]) -> None:
    assert legend_height(entries(rows), 818, GraphStyle(LIGHT)) == 20


def test_entries_move_together_before_they_wrap(qapp: QApplication) -> None:
    rows, style = frozen_until(googlenet(), "fc"), GraphStyle(LIGHT)
    shown = entries(rows)
    roomy = inked(painted(rows, 1200), range(20))[-1] + 1
    close = next(width for width in range(100, 1200) if legend_height(shown, width, style) == 20)
    assert roomy - close == pytest.approx(8 * (len(shown) - 1), abs=3)
    assert inked(painted(rows, close), range(20))[-1] == pytest.approx(close, abs=3)


def test_no_word_that_fits_is_elided(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    style, shown = GraphStyle(LIGHT), entries(frozen_until(resnet18(), "layer2"))
    rooms: list[tuple[str, float]] = []

    def note(_: GraphStyle, _painter: object, area: QRectF, text: str, *_rest: object) -> None:
        rooms.append((text, area.width()))

    monkeypatch.setattr(GraphStyle, "words", note)
    image = QImage(10, 10, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    for tenth in range(1200, 9000, 7):
        paint_legend(painter, shown, QRectF(0, 0, tenth / 10, 20), style)
    painter.end()
    assert all(style.width(word, 11) <= room for word, room in rooms)


def test_entries_wrap_where_it_is_narrow_and_none_is_cut_off(qapp: QApplication) -> None:
    rows = frozen_until(resnet18(), "layer2")
    style = GraphStyle(LIGHT)
    assert legend_height(entries(rows), 500, style) == 40
    assert legend_height(entries(rows), 1, style) == 20 * len(entries(rows))
    image = painted(rows, 500)
    for row in range(2):
        assert max(inked(image, range(20 * row, 20 * row + 20))) < 499
    assert not inked(image, range(41, 240))


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_marks_look_like_what_they_explain(qapp: QApplication, tokens: Tokens) -> None:
    rows = frozen_until(resnet18(), "layer2")
    style, image = GraphStyle(tokens), painted(rows, 1400, tokens)
    kinds = {entry.word: style.kinds[entry.mark] for entry in entries(rows) if isinstance(entry.mark, Kind)}
    row = [image.pixelColor(x, 10) for x in range(image.width())]
    starts = {word: row.index(colour) for word, colour in kinds.items()}
    assert [*starts] == sorted(starts, key=lambda word: starts[word]) == ALL_KINDS
    assert row.index(QColor(tokens.learning)) > row.index(QColor(tokens.accent)) > starts["fully connected"]


def test_the_legend_takes_the_height_that_it_needs(qtbot: QtBot) -> None:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    legend = GraphLegend(GraphStyle(LIGHT))
    column.addWidget(QWidget(), 1)
    column.addWidget(legend)
    page.resize(1000, 300)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitExposed(page)
    assert not legend.isVisible()
    legend.show_entries(entries(frozen_until(resnet18(), "layer2")))
    qtbot.waitUntil(lambda: legend.isVisible() and legend.height() == 20)
    page.resize(500, 300)
    qtbot.waitUntil(lambda: legend.height() == 40)
    legend.show_entries(())
    assert not legend.isVisible()


def test_screen_readers_hear_what_is_explained(qtbot: QtBot) -> None:
    legend = GraphLegend(GraphStyle(LIGHT))
    qtbot.addWidget(legend)
    legend.show_entries(entries(vgg16()))
    assert legend.accessibleName() == "Legend"
    assert legend.accessibleDescription() == "convolution, activation, pooling, fully connected, dropout, learns"
    assert legend.entries == entries(vgg16())


def test_the_legend_follows_the_theme(qtbot: QtBot) -> None:
    legend = GraphLegend(GraphStyle(LIGHT))
    qtbot.addWidget(legend)
    legend.show_entries(entries(vgg16()))
    legend.resize(700, 20)
    for tokens in (DARK, LIGHT):
        style = GraphStyle(tokens)
        legend.set_style(style)
        picture = legend.grab().toImage()
        assert picture.pixelColor(4, 10) == style.kinds[Kind.CONV]
