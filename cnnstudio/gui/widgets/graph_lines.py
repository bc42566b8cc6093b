"""Paints the connections of a drawn network."""

import math
from typing import Final

from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from cnnstudio.gui.graph.shapes import Line
from cnnstudio.gui.widgets.graph_style import GraphStyle

_HEAD: Final = 7.2  # length of an arrow's head
_TURN: Final = 8.0  # radius of a corner
_SIGN: Final = 6.0  # radius of the sign where a skip connection ends


def paint_line(painter: QPainter, line: Line, style: GraphStyle) -> None:
    """Paint a connection."""
    pen = style.projected if line.projected else style.skip if line.skip else style.line
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    points = [QPointF(*point) for point in line.points]
    if line.arrow:
        before, tip = points[-2], points[-1]
        points[-1] = QLineF(tip, before).pointAt(min(1.0, 0.8 * _HEAD / max(0.1, QLineF(tip, before).length())))
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
        radius = min(_TURN, into.length() / 2, out.length() / 2)
        path.lineTo(into.pointAt(radius / into.length()))
        path.quadTo(corner, out.pointAt(radius / out.length()))
    path.lineTo(points[-1])
    return path


def _paint_head(painter: QPainter, before: QPointF, tip: QPointF, colour: QColor) -> None:
    angle = math.atan2(tip.y() - before.y(), tip.x() - before.x())
    back = QPointF(tip.x() - _HEAD * math.cos(angle), tip.y() - _HEAD * math.sin(angle))
    side = QPointF(-math.sin(angle) * _HEAD * 0.52, math.cos(angle) * _HEAD * 0.52)
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
