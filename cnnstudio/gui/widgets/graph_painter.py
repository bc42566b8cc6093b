"""Paints the parts of a drawn network, on the screen and into files."""

import math
from typing import Final

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPen, QPolygonF

from cnnstudio.gui.graph.arrange import BAND_HEADER
from cnnstudio.gui.graph.columns import HEADER
from cnnstudio.gui.graph.interior import Cell, Interior
from cnnstudio.gui.graph.layers import Kind, Layer, short_count, short_name, short_shape
from cnnstudio.gui.graph.picture import Band, Placed
from cnnstudio.gui.graph.shapes import Line, Point, Rect
from cnnstudio.gui.widgets.graph_style import Detail, GraphStyle

CHEVRON: Final = 22.0  # width of the part of a block that expands it at a click
_MINIATURE = (40.0, 46.0)
_TEXT = 68.0  # from the left side of a block to its words
_TITLES = {Detail.NAMES: 26, Detail.TITLES: 19}  # pixels of a title where there is nothing else
_CORNER = 6.0
_HEAD = 6.0  # of an arrow
_SIGN = 6.0  # radius of the sign where a skip connection ends


def rectf(rect: Rect) -> QRectF:
    """Return a rectangle as Qt's."""
    return QRectF(rect.x, rect.y, rect.width, rect.height)


def paint_band(painter: QPainter, band: Band, style: GraphStyle, detail: Detail) -> None:
    """Paint the ground of a stage, with its name."""
    area = rectf(band.rect)
    painter.setPen(QPen(QColor(style.tokens.border), 1))
    painter.setBrush(style.frozen_band if band.frozen else style.band)
    painter.drawRoundedRect(area, 8, 8)
    header = QRectF(area.left() + 12, area.top() + 1, area.width() / 2 - 24, BAND_HEADER - 2)
    if band.frozen:
        style.icon(painter, "snowflake", style.tokens.frozen, QRectF(area.left() + 10, area.top() + 5, 15, 15))
        header.setLeft(area.left() + 30)
    if detail >= Detail.TITLES:
        colour = style.tokens.frozen_text if band.frozen else style.tokens.muted
        style.words(painter, header, band.stage, colour, 11 if detail == Detail.ALL else 15, bold=True)


def paint_image(painter: QPainter, rect: Rect, text: str, style: GraphStyle, detail: Detail) -> None:
    """Paint the node of the image."""
    area = rectf(rect)
    painter.setPen(QPen(QColor(style.tokens.edge), 1))
    painter.setBrush(style.node)
    painter.drawRoundedRect(area, rect.height / 2, rect.height / 2)
    style.icon(painter, "image", style.tokens.muted, QRectF(area.left() + 12, area.top() + 7, 16, 16))
    if detail >= Detail.TITLES:
        style.words(painter, area.adjusted(36, 0, -8, 0), text, style.tokens.text, 12 if detail == Detail.ALL else 15)


def paint_line(painter: QPainter, line: Line, style: GraphStyle) -> None:
    """Paint a connection."""
    pen = style.projected if line.projected else style.skip if line.skip else style.line
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    points = [QPointF(*point) for point in line.points]
    if line.arrow:
        before, tip = points[-2], points[-1]
        points[-1] = QLineF(tip, before).pointAt(min(1.0, _HEAD / max(_HEAD, QLineF(tip, before).length())))
        painter.drawPath(_rounded(points))
        _paint_head(painter, before, tip, pen.color())
    else:
        painter.drawPath(_rounded(points))
    if line.plus is not None:
        paint_sign(painter, QPointF(*line.plus), _SIGN, "+", style)


def _rounded(points: list[QPointF]) -> QPainterPath:
    path = QPainterPath(points[0])
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        into, out = QLineF(corner, before), QLineF(corner, after)
        radius = min(8.0, into.length() / 2, out.length() / 2)
        path.lineTo(into.pointAt(radius / into.length()))
        path.quadTo(corner, out.pointAt(radius / out.length()))
    path.lineTo(points[-1])
    return path


def _paint_head(painter: QPainter, before: QPointF, tip: QPointF, colour: QColor) -> None:
    angle = math.atan2(tip.y() - before.y(), tip.x() - before.x())
    back = QPointF(tip.x() - _HEAD * 1.2 * math.cos(angle), tip.y() - _HEAD * 1.2 * math.sin(angle))
    side = QPointF(-math.sin(angle) * _HEAD * 0.62, math.cos(angle) * _HEAD * 0.62)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF([tip, back + side, back - side]))


def paint_sign(painter: QPainter, centre: QPointF, radius: float, sign: str, style: GraphStyle) -> None:
    """Paint a circle with a plus or a times sign."""
    colour = QColor(style.tokens.accent if sign == "+" else style.tokens.text)
    painter.setPen(QPen(colour, 1.6))
    painter.setBrush(style.node)
    painter.drawEllipse(centre, radius, radius)
    arm = radius * 0.5
    turned = sign != "+"
    for angle in (math.pi / 4, 3 * math.pi / 4) if turned else (0, math.pi / 2):
        reach = QPointF(arm * math.cos(angle), arm * math.sin(angle))
        painter.drawLine(centre - reach, centre + reach)


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
        _paint_title(
            painter,
            placed,
            QRectF(head.left() + CHEVRON + 4, head.top() + 5, head.width() - CHEVRON - 14, 34),
            style,
            detail,
        )
        _paint_inside(painter, placed, style, detail)
    else:
        _paint_miniature(
            painter,
            block.inside,
            QRectF(area.left() + CHEVRON, area.center().y() - _MINIATURE[1] / 2, *_MINIATURE),
            style,
        )
        _paint_title(painter, placed, area.adjusted(_TEXT, 5, -8, -5), style, detail)


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
        pixels = _TITLES.get(detail, 0)
        if pixels and (placed.expanded or detail == Detail.TITLES):
            style.words(painter, area, block.title, tokens.text, pixels, bold=True)
        return
    if detail == Detail.SHORT:
        upper, lower = area.adjusted(0, 2, 0, -area.height() / 2), area.adjusted(0, area.height() / 2, 0, -4)
        style.words(painter, upper, block.title, tokens.text, 16, bold=True)
        style.words(painter, lower, short_shape(block.output_shape), tokens.muted, 14)
        return
    line = area.height() / (2 if placed.expanded else 3)
    lines = [QRectF(area.left(), area.top() + line * number, area.width(), line) for number in range(3)]
    style.words(painter, lines[0], block.title, tokens.text, 12, bold=True)
    style.words(painter, lines[1], block.kind, tokens.muted, 11)
    if placed.expanded:
        style.words(painter, lines[0], short_shape(block.output_shape), tokens.text, 11, right=True)
    else:
        style.words(painter, lines[2], short_shape(block.output_shape), tokens.text, 11)
    if block.parameters:
        _paint_count(painter, placed, lines[1 if placed.expanded else 2], style)


def _paint_count(painter: QPainter, placed: Placed, area: QRectF, style: GraphStyle) -> None:
    """Write how many parameters there are, with a mark of what becomes of them."""
    count = short_count(placed.block.parameters)
    style.words(painter, area, count, style.tokens.muted, 11, right=True)
    centre = QPointF(area.right() - style.width(count, 11) - 9, area.center().y())
    if placed.block.frozen:
        style.icon(painter, "snowflake", style.tokens.frozen, QRectF(centre.x() - 6, centre.y() - 6, 12, 12))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.tokens.learning))
        painter.drawEllipse(centre, 3, 3)


def _paint_miniature(painter: QPainter, inside: Interior, area: QRectF, style: GraphStyle) -> None:
    """Paint the block's layers as small marks, so that its make shows while it is collapsed."""
    if len(inside.cells) == 1:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.kinds[inside.cells[0].kind])
        painter.drawRoundedRect(QRectF(area.center().x() - 9, area.center().y() - 4, 18, 8), 2, 2)
        return
    across, along = min(0.1, area.width() / inside.width), min(0.35, area.height() / inside.height)
    left = area.center().x() - inside.width * across / 2
    top = area.center().y() - inside.height * along / 2

    def at(point: Point) -> QPointF:
        return QPointF(left + point[0] * across, top + point[1] * along)

    painter.setBrush(Qt.BrushStyle.NoBrush)
    for line in inside.lines:
        painter.setPen(QPen(style.skip.color() if line.skip else style.line.color(), 1.2 if line.skip else 0.8))
        painter.drawPolyline(QPolygonF([at(point) for point in line.points]))
    painter.setPen(Qt.PenStyle.NoPen)
    for cell in inside.cells:
        painter.setBrush(style.skip.color() if cell.sign == "+" else style.kinds[cell.kind])
        mark = QRectF(at((cell.rect.x, cell.rect.y)), at((cell.rect.right, cell.rect.bottom)))
        if cell.sign:
            painter.drawEllipse(mark.center(), 2, 2)
        else:
            painter.drawRect(mark.adjusted(0, 0.25, 0, -0.25))


def _paint_inside(painter: QPainter, placed: Placed, style: GraphStyle, detail: Detail) -> None:
    for line in placed.lines:
        paint_line(painter, line, style)
    outline = QPen(QColor(style.tokens.edge), 1)
    painter.setBrush(style.frozen_node if placed.block.frozen else style.node)
    painter.setPen(outline)
    for unit in placed.units:
        painter.drawRoundedRect(rectf(unit), 4, 4)
    for cell in placed.cells:
        row = placed.block.rows[cell.row - placed.block.first]
        if cell.sign:
            paint_sign(painter, QPointF(*cell.rect.centre), cell.rect.width / 2 - 1, cell.sign, style)
        else:
            _paint_cell(painter, cell, row, style, detail)
    painter.setPen(outline)
    for one, other in zip(placed.cells, placed.cells[1:], strict=False):
        if other.rect.y == one.rect.bottom and other.rect.x == one.rect.x:
            painter.drawLine(QLineF(one.rect.x, one.rect.bottom, one.rect.right, one.rect.bottom))


def _paint_cell(painter: QPainter, cell: Cell, row: Layer, style: GraphStyle, detail: Detail) -> None:
    area = rectf(cell.rect)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(style.kinds[cell.kind])
    if cell.kind == Kind.DROPOUT:
        painter.setBrush(QBrush(style.kinds[cell.kind], Qt.BrushStyle.Dense4Pattern))
    bar = QRectF(area.left() + 3, area.top() + 3, 4, area.height() - 6)
    if detail <= Detail.NAMES:
        bar = area.adjusted(3, 3, -3, -3)
    painter.drawRect(bar)
    if detail <= Detail.NAMES:
        return
    tokens, words = style.tokens, area.adjusted(13, 0, -8, 0)
    main = cell.kind in {Kind.CONV, Kind.LINEAR, Kind.POOLING, Kind.MERGE}
    colour = tokens.text if main else tokens.muted
    if detail != Detail.ALL:
        style.words(painter, words, short_name(row), colour, 15 if main else 13)
        return
    shape = short_shape(row.output_shape) if main else ""
    style.words(painter, words, shape, tokens.muted, 11, right=True)
    taken = style.width(shape, 11) + 8 if shape else 0
    style.words(painter, words.adjusted(0, 0, -taken, 0), short_name(row), colour, 11)
