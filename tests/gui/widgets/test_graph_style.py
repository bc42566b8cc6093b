import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication

from cnnstudio.gui.graph.layers import Kind
from cnnstudio.gui.theme import DARK, LIGHT, Tokens
from cnnstudio.gui.widgets.graph_style import Detail, GraphStyle, detail_at, mixed

BOTH = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour: QColor) -> float:
    """Return the relative luminance as WCAG defines it."""

    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())


def contrast(one: QColor, other: QColor) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@BOTH
@pytest.mark.parametrize("kind", list(Kind))
def test_marks_stand_out_from_what_they_lie_on(qapp: QApplication, tokens: Tokens, kind: Kind) -> None:
    style = GraphStyle(tokens)
    for ground in (style.node, style.frozen_node, style.band):
        assert contrast(style.kinds[kind], ground) >= 3


@BOTH
def test_kinds_differ_from_each_other_and_from_the_states(qapp: QApplication, tokens: Tokens) -> None:
    style = GraphStyle(tokens)
    colours = [*style.kinds.values(), QColor(tokens.frozen), QColor(tokens.learning)]
    assert len({colour.name() for colour in colours}) == len(colours)


@BOTH
def test_words_can_be_read_on_every_ground(qapp: QApplication, tokens: Tokens) -> None:
    style = GraphStyle(tokens)
    for ground in (style.node, style.frozen_node, style.band, style.frozen_band):
        assert contrast(QColor(tokens.text), ground) >= 4.5
        assert contrast(QColor(tokens.muted), ground) >= 4.5
    assert contrast(QColor(tokens.frozen_text), style.frozen_band) >= 4.5


def test_a_state_has_a_colour_and_learning_wins(qapp: QApplication) -> None:
    style = GraphStyle(LIGHT)
    assert style.state(frozen=True, learning=False) == LIGHT.frozen
    assert style.state(frozen=False, learning=True) == LIGHT.learning
    assert style.state(frozen=True, learning=True) == LIGHT.learning
    assert style.state(frozen=False, learning=False) == ""


def test_more_is_told_the_nearer_it_is() -> None:
    scales = [0.05, 0.2, 0.33, 0.48, 0.66, 4]
    assert [detail_at(scale) for scale in scales] == [*Detail, Detail.ALL]


def test_colours_are_mixed_by_shares() -> None:
    assert mixed("#000000", "#ff8000", 0) == QColor("#000000")
    assert mixed("#000000", "#ff8000", 0.5) == QColor("#804000")
    assert mixed("#000000", "#ff8000", 1) == QColor("#ff8000")


def test_a_line_shrinks_until_it_fits_but_not_beyond_the_least_size(qapp: QApplication) -> None:
    style = GraphStyle(LIGHT)
    text = "Max pool 3×3 /2"
    assert style.fitting(text, 1000, most=19, least=12) == 19
    assert style.fitting(text, 1, most=19, least=12) == 12
    room = style.width(text, 15, bold=True)
    assert style.fitting(text, room, most=19, least=12) == 15


def test_words_stay_in_their_area(qapp: QApplication) -> None:
    style = GraphStyle(LIGHT)
    image = QImage(200, 40, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    style.words(painter, QRectF(50, 10, 60, 20), "a line that is far too long", "#000000", 12)
    painter.end()
    inked = [(x, y) for x in range(200) for y in range(40) if image.pixelColor(x, y) != QColor("white")]
    assert inked
    assert all(49 <= x <= 110 and 8 <= y <= 32 for x, y in inked)
