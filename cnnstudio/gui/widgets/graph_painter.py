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
_MINIATURE = (40.0, 46.0)
_TEXT = 68.0  # from the left side of a block to its words
_TITLES = {Detail.NAMES: (26, 20), Detail.TITLES: (19, 14)}  # most and least pixels where there is no other text
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
    header = QRectF(area.left() + 10, area.top() + 1, area.width() / 2 - 14, BAND_HEADER - 2)
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
    style.icon(painter, "image", style.tokens.muted, QRectF(area.left() + 12, area.top() + 7, 16, 16))
    if detail >= Detail.TITLES:
        style.words(painter, area.adjusted(36, 0, -8, 0), text, style.tokens.text, 12 if detail == Detail.ALL else 15)


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
        _paint_chevron(painter, QPointF(area.left() + 15, head.center().y()), style, down=placed.expanded)
    if placed.expanded:
        words = QRectF(head.left() + CHEVRON + 4, head.top() + 5, head.width() - CHEVRON - 14, 34)
        paint_inside(painter, placed, style, detail)
    else:
        words = area.adjusted(_TEXT, 5, -8, -5)
        across, along = _MINIATURE
        middle = area.center().y()
        paint_miniature(painter, block.inside, QRectF(area.left() + CHEVRON, middle - along / 2, across, along), style)
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
    block, tokens = placed.block, style.tokens
    if detail <= Detail.TITLES:
        most, least = _TITLES.get(detail, (0, 0))
        if most and (placed.expanded or detail == Detail.TITLES):
            pixels = style.fitting(block.title, area.width(), most=most, least=least)
            style.words(painter, area, block.title, tokens.text, pixels, bold=True)
        return
    if detail == Detail.SHORT and placed.expanded:
        style.words(painter, area, block.title, tokens.text, 16, bold=True)
        return
    if detail == Detail.SHORT:
        upper, lower = area.adjusted(0, 2, 0, -area.height() / 2), area.adjusted(0, area.height() / 2, 0, -4)
        style.words(painter, upper, block.title, tokens.text, 16, bold=True)
        style.words(painter, lower, short_shape(block.output_shape), tokens.muted, 14)
        return
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
