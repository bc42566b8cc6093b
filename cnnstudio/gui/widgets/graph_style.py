"""Colours and fonts of the drawn network, in one scheme."""

from enum import IntEnum
from functools import lru_cache
from typing import Final

from PySide6.QtCore import QByteArray, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from cnnstudio.core.resources import resource
from cnnstudio.gui.graph.layers import Kind
from cnnstudio.gui.graph.shapes import Rect
from cnnstudio.gui.theme import Tokens

# Okabe and Ito's colours, darkened or lightened until they stand out from the ground. Their vermilion and sky blue are
# left to what learns and what is frozen.
KINDS: Final = {
    "light": {
        Kind.CONV: "#0072B2",
        Kind.NORM: "#C0629A",
        Kind.ACTIVATION: "#BF7B00",
        Kind.POOLING: "#009E73",
        Kind.LINEAR: "#8F8300",
        Kind.MERGE: "#1B1F24",
        Kind.DROPOUT: "#828C99",
        Kind.OTHER: "#77808C",
    },
    "dark": {
        Kind.CONV: "#3F9FE0",
        Kind.NORM: "#D98FBC",
        Kind.ACTIVATION: "#E69F00",
        Kind.POOLING: "#2DBE93",
        Kind.LINEAR: "#F0E442",
        Kind.MERGE: "#E8EBEF",
        Kind.DROPOUT: "#7A8492",
        Kind.OTHER: "#8A94A1",
    },
}
_FROZEN_TINT: Final = 0.12


class Detail(IntEnum):
    """How much is painted; what would be too small to read is left out."""

    SHAPES = 0
    NAMES = 1
    TITLES = 2
    SHORT = 3
    ALL = 4


def detail_at(scale: float) -> Detail:
    """Return what can be read at a magnification."""
    steps = ((0.66, Detail.ALL), (0.48, Detail.SHORT), (0.33, Detail.TITLES), (0.2, Detail.NAMES))
    return next((detail for least, detail in steps if scale >= least), Detail.SHAPES)


def mixed(ground: str, colour: str, share: float) -> QColor:
    """Return a ground with a share of a colour in it."""
    below, above = QColor(ground), QColor(colour)
    pairs = ((below.red(), above.red()), (below.green(), above.green()), (below.blue(), above.blue()))
    red, green, blue = (round(one + (other - one) * share) for one, other in pairs)
    return QColor(red, green, blue)


def rectf(rect: Rect) -> QRectF:
    """Return a rectangle as Qt's."""
    return QRectF(rect.x, rect.y, rect.width, rect.height)


class GraphStyle:
    """Everything that painting needs of the theme.

    Attributes:
        tokens: The colours of the theme.
        kinds: A colour for each kind of layer.
        node: Ground of a block or layer.
        frozen_node: The same, where it is frozen.
        band: Ground of a stage.
        frozen_band: The same, where it is frozen.
        line: A connection.
        skip: A skip connection.
        projected: A skip connection with layers of its own.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.kinds = {kind: QColor(colour) for kind, colour in KINDS[tokens.name].items()}
        self.node, self.frozen_node = QColor(tokens.card), mixed(tokens.card, tokens.frozen, _FROZEN_TINT)
        self.band, self.frozen_band = QColor(tokens.ground), mixed(tokens.ground, tokens.frozen, _FROZEN_TINT)
        self.line = QPen(mixed(tokens.card, tokens.muted, 0.8), 1.4)
        self.skip = QPen(QColor(tokens.accent), 1.8)
        self.projected = QPen(self.skip)
        self.projected.setDashPattern([3, 2])
        for pen in (self.line, self.skip, self.projected):
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        self._family = QApplication.font().family()

    def state(self, *, frozen: bool, learning: bool) -> str:
        """Return the colour that marks what is frozen or learns; empty for neither."""
        return self.tokens.learning if learning else self.tokens.frozen if frozen else ""

    def font(self, pixels: int, *, bold: bool = False) -> QFont:
        """Return a font of that many pixels at 100 %."""
        return _font(self._family, pixels, bold)

    def words(
        self,
        painter: QPainter,
        area: QRectF,
        text: str,
        colour: str,
        pixels: int,
        *,
        bold: bool = False,
        right: bool = False,
        centre: bool = False,
    ) -> None:
        """Write a line, elided to the area and upright in the middle of it."""
        painter.setFont(_font(self._family, pixels, bold))
        painter.setPen(QColor(colour))
        shown, width, height, ascent = _elided(self._family, pixels, bold, text, area.width())
        x = area.right() - width if right else area.center().x() - width / 2 if centre else area.left()
        painter.drawText(QPointF(x, area.center().y() - height / 2 + ascent), shown)

    def fitting(self, text: str, width: float, *, most: int, least: int) -> int:
        """Return the largest size in pixels at which a bold line is not elided, or the least."""
        sizes = range(most, least, -1)
        return next((pixels for pixels in sizes if self.width(text, pixels, bold=True) <= width), least)

    def width(self, text: str, pixels: int, *, bold: bool = False) -> float:
        """Return the width of a line."""
        return _elided(self._family, pixels, bold, text, 1e6)[1]

    def icon(self, painter: QPainter, name: str, colour: str, area: QRectF) -> None:
        """Draw an icon as lines, which stay sharp at any size."""
        _renderer(name, colour).render(painter, area)


@lru_cache(maxsize=64)
def _font(family: str, pixels: int, bold: bool) -> QFont:
    font = QFont(family)
    font.setPixelSize(pixels)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)  # Words keep their width at any magnification.
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font


@lru_cache(maxsize=4096)
def _elided(family: str, pixels: int, bold: bool, text: str, width: float) -> tuple[str, float, float, float]:
    """Return a text that fits, its width, its height, and how far its baseline lies below its top."""
    metrics = QFontMetricsF(_font(family, pixels, bold))
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
    return shown, metrics.horizontalAdvance(shown), metrics.height(), metrics.ascent()


@lru_cache(maxsize=16)
def _renderer(name: str, colour: str) -> QSvgRenderer:
    svg = resource(f"icons/{name}.svg").read_text(encoding="utf-8").replace("currentColor", colour)
    return QSvgRenderer(QByteArray(svg.encode()))
