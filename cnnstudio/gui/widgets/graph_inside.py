"""Paints the layers inside a block: in full where it is open, as a miniature where it is collapsed."""

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from cnnstudio.gui.graph.interior import Cell, Interior
from cnnstudio.gui.graph.layers import Kind, Layer, short_name, short_shape
from cnnstudio.gui.graph.picture import Placed
from cnnstudio.gui.graph.shapes import Point
from cnnstudio.gui.widgets.graph_lines import paint_line, paint_sign
from cnnstudio.gui.widgets.graph_style import Detail, GraphStyle, rectf


def paint_miniature(painter: QPainter, inside: Interior, area: QRectF, style: GraphStyle) -> None:
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


def paint_inside(painter: QPainter, placed: Placed, style: GraphStyle, detail: Detail) -> None:
    """Paint the layers of a block that is open, and what connects them."""
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


def paint_kind(painter: QPainter, area: QRectF, kind: Kind, style: GraphStyle) -> None:
    """Paint the mark of a kind of layer; that of dropout is hollow, for layers that are not there in the end."""
    hollow = kind == Kind.DROPOUT
    painter.setPen(QPen(style.kinds[kind], 1.4) if hollow else QPen(Qt.PenStyle.NoPen))
    painter.setBrush(QColor(Qt.GlobalColor.transparent) if hollow else style.kinds[kind])
    painter.drawRect(area.adjusted(0.7, 0.7, -0.7, -0.7) if hollow else area)


def _paint_cell(painter: QPainter, cell: Cell, row: Layer, style: GraphStyle, detail: Detail) -> None:
    area = rectf(cell.rect)
    far = detail <= Detail.NAMES
    bar = area.adjusted(3, 3, -3, -3) if far else QRectF(area.left() + 3, area.top() + 3, 4, area.height() - 6)
    paint_kind(painter, bar, cell.kind, style)
    if far:
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
