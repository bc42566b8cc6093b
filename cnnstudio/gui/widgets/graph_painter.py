"""Paints the stages, blocks and image of a drawn network, on the screen and into files."""

from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from cnnstudio.gui.graph.arrange import BAND_HEADER
from cnnstudio.gui.graph.columns import HEADER
from cnnstudio.gui.graph.layers import short_count, short_shape
from cnnstudio.gui.graph.picture import Band, Picture, Placed
from cnnstudio.gui.graph.shapes import Rect
from cnnstudio.gui.widgets.graph_inside import paint_inside, paint_miniature
from cnnstudio.gui.widgets.graph_lines import paint_line
from cnnstudio.gui.widgets.graph_style import Detail, GraphStyle, rectf

CHEVRON: Final = 22.0  # width of the part of a block that expands it at a click
_MINIATURE = (38.0, 46.0)
_TEXT = 68.0  # from the left side of a block to its words
# Most and least pixels of a title where there is little or no other text.
_TITLES = {Detail.NAMES: (26, 20), Detail.TITLES: (19, 12), Detail.SHORT: (16, 12)}
_CORNER = 6.0


def paint_ground(painter: QPainter, picture: Picture, image_words: str, style: GraphStyle, detail: Detail) -> None:
    """Paint everything but the blocks: the stages, the node of the image, and the connections."""
    for band in picture.bands:
        _paint_band(painter, band, style, detail)
    _paint_image(painter, picture.image, image_words, style, detail)
    for line in picture.lines:
        paint_line(painter, line, style)


def _paint_band(painter: QPainter, band: Band, style: GraphStyle, detail: Detail) -> None:
    """Paint the ground of a stage, with its name."""
    area = rectf(band.rect)
    painter.setPen(QPen(QColor(style.tokens.border), 1))
    painter.setBrush(style.frozen_band if band.frozen else style.band)
    painter.drawRoundedRect(area, 8, 8)
    header = QRectF(area.left() + 10, area.top() + 1, area.width() / 2 - 18, BAND_HEADER - 2)
    if band.frozen:
        style.icon(painter, "snowflake", style.tokens.frozen, QRectF(area.left() + 8, area.top() + 5, 14, 14))
        header.setLeft(area.left() + 26)
    if detail >= Detail.TITLES:
        colour = style.tokens.frozen_text if band.frozen else style.tokens.muted
        pixels = 11 if detail == Detail.ALL else style.fitting(band.title, header.width(), most=16, least=12)
        style.words(painter, header, band.title, colour, pixels, bold=True)


def _paint_image(painter: QPainter, rect: Rect, text: str, style: GraphStyle, detail: Detail) -> None:
    """Paint the node of the image."""
    area = rectf(rect)
    painter.setPen(QPen(QColor(style.tokens.edge), 1))
    painter.setBrush(style.node)
    painter.drawRoundedRect(area, rect.height / 2, rect.height / 2)
    pixels = (12 if detail == Detail.ALL else 15) if detail >= Detail.TITLES else 0
    width = min(area.width() - 44, style.width(text, pixels)) if pixels else 0
    left = area.center().x() - (24 + width if pixels else 16) / 2
    style.icon(painter, "image", style.tokens.muted, QRectF(left, area.top() + 7, 16, 16))
    if pixels:
        words = QRectF(left + 24, area.top(), width + 1, area.height())
        style.words(painter, words, text, style.tokens.text, pixels)


def paint_block(painter: QPainter, placed: Placed, style: GraphStyle, detail: Detail, *, hovered: bool) -> None:
    """Paint a block, and its layers if they are seen."""
    block, area = placed.block, rectf(placed.rect)
    painter.setPen(QPen(QColor(style.tokens.muted if hovered else style.tokens.edge), 1))
    painter.setBrush(style.frozen_node if block.frozen else style.node)
    painter.drawRoundedRect(area, _CORNER, _CORNER)
    state = style.state(frozen=block.frozen, learning=block.learning)
    head = QRectF(area.left(), area.top(), area.width(), min(area.height(), HEADER + 4 if placed.expanded else 1e6))
    if state:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(state))
        painter.drawRoundedRect(QRectF(area.left() + 3, area.top() + 5, 3, head.height() - 10), 1.5, 1.5)
    if block.expandable:
        _paint_chevron(painter, QPointF(area.left() + 14, head.center().y()), style, down=placed.expanded)
    if placed.expanded:
        words = QRectF(head.left() + CHEVRON + 4, head.top() + 5, head.width() - CHEVRON - 14, 34)
        paint_inside(painter, placed, style, detail)
    else:
        words = area.adjusted(_TEXT, 5, -8, -5)
        across, along = _MINIATURE
        middle = area.center().y()
        left = area.left() + CHEVRON + 2
        paint_miniature(painter, block.inside, QRectF(left, middle - along / 2, across, along), style)
    if detail == Detail.ALL:
        _paint_words(painter, placed, words, style)
    elif detail in _TITLES and (placed.expanded or detail != Detail.NAMES):
        _paint_title(painter, placed, words, style, detail)


def chevron_of(placed: Placed) -> QRectF:
    """Return the part of a block that opens and closes it at a click."""
    rect = placed.rect
    return QRectF(rect.x, rect.y, CHEVRON, HEADER if placed.expanded else rect.height)


def _paint_chevron(painter: QPainter, centre: QPointF, style: GraphStyle, *, down: bool) -> None:
    pen = QPen(QColor(style.tokens.muted), 1.6)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    corners = ((-4, -2), (0, 2.5), (4, -2)) if down else ((-2, -4), (2.5, 0), (-2, 4))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(QPolygonF([centre + QPointF(*corner) for corner in corners]))


def _paint_title(painter: QPainter, placed: Placed, area: QRectF, style: GraphStyle, detail: Detail) -> None:
    """Write the title as large as it fits, for eyes that are far away, with the output shape if that can be read."""
    most, least = _TITLES[detail]
    title = placed.block.title
    pixels = style.fitting(title, area.width(), most=most, least=least)
    if placed.expanded or detail != Detail.SHORT:
        style.words(painter, area, title, style.tokens.text, pixels, bold=True)
        return
    upper, lower = area.adjusted(0, 2, 0, -area.height() / 2), area.adjusted(0, area.height() / 2, 0, -4)
    style.words(painter, upper, title, style.tokens.text, pixels, bold=True)
    style.words(painter, lower, short_shape(placed.block.output_shape), style.tokens.muted, 14)


def _paint_words(painter: QPainter, placed: Placed, area: QRectF, style: GraphStyle) -> None:
    """Write all that there is to say about a block."""
    block, tokens = placed.block, style.tokens
    shape = short_shape(block.output_shape)
    if placed.expanded:
        upper, lower = area.adjusted(0, 0, 0, -area.height() / 2), area.adjusted(0, area.height() / 2, 0, 0)
        style.words(painter, upper, shape, tokens.text, 11, right=True)
        upper.setRight(upper.right() - style.width(shape, 11) - 8)
        style.words(painter, upper, block.title, tokens.text, 12, bold=True)
        style.words(painter, _paint_count(painter, placed, lower, style), block.kind, tokens.muted, 11)
        return
    line = area.height() / 3
    lines = [QRectF(area.left(), area.top() + line * number, area.width(), line) for number in range(3)]
    style.words(painter, lines[0], block.title, tokens.text, 12, bold=True)
    style.words(painter, lines[1], block.kind, tokens.muted, 11)
    style.words(painter, _paint_count(painter, placed, lines[2], style), shape, tokens.text, 11)


def _paint_count(painter: QPainter, placed: Placed, area: QRectF, style: GraphStyle) -> QRectF:
    """Write how many parameters there are, with a mark of what becomes of them, and return the room that is left."""
    if not placed.block.parameters:
        return area
    count = short_count(placed.block.parameters)
    style.words(painter, area, count, style.tokens.muted, 11, right=True)
    centre = QPointF(area.right() - style.width(count, 11) - 9, area.center().y())
    if placed.block.frozen:
        style.icon(painter, "snowflake", style.tokens.frozen, QRectF(centre.x() - 6, centre.y() - 6, 12, 12))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.tokens.learning))
        painter.drawEllipse(centre, 3, 3)
    return QRectF(area.topLeft(), QPointF(centre.x() - 8, area.bottom()))
