"""How the boundary between frozen and learning stages is drawn: a line, a grip on it, and a bubble with words."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen

from cnnstudio.gui.theme import Tokens

_GRIP, _GRIP_HELD = (32, 8), (40, 10)


def draw_line(painter: QPainter, tokens: Tokens, middle: QPointF, *, strong: bool, held: bool) -> None:
    """Draw a line from side to side.

    Args:
        painter: Of the viewport.
        tokens: The colours.
        middle: Of the line; as far from the right side as from the left one.
        strong: Whether it parts anything, or waits to be pulled.
        held: Whether the mouse is at it.
    """
    pen = QPen(QColor(tokens.accent if strong else tokens.edge), 2)
    if not held:
        pen.setDashPattern([3, 2])
    painter.setPen(pen)
    painter.drawLine(QPointF(0, middle.y()), QPointF(2 * middle.x(), middle.y()))


def draw_grip(painter: QPainter, tokens: Tokens, middle: QPointF, *, strong: bool, held: bool) -> None:
    """Draw what can be taken with the mouse; the arguments are those of the line."""
    width, height = _GRIP_HELD if held else _GRIP
    box = QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)
    _draw_pill(painter, tokens, box, tokens.accent if strong else tokens.muted)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tokens.card))
    for offset in (-6, 0, 6):
        painter.drawEllipse(middle + QPointF(offset, 0), 1.25, 1.25)


def draw_bubble(painter: QPainter, tokens: Tokens, box: QRectF, words: str) -> None:
    """Draw words in a pill."""
    _draw_pill(painter, tokens, box, tokens.accent)
    painter.setPen(QColor(tokens.on_accent))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


def bubble(metrics: QFontMetrics, middle: QPointF, height: float, words: str) -> QRectF:
    """Return the place of a bubble.

    Args:
        metrics: Of the font.
        middle: Where it is to be.
        height: Of the viewport, which it does not leave.
        words: What it says.
    """
    box = QRectF(0, 0, metrics.horizontalAdvance(words) + 24, metrics.height() + 6)
    box.moveCenter(middle)
    box.moveTop(max(2.0, min(box.top(), height - box.height() - 2)))
    return box


def _draw_pill(painter: QPainter, tokens: Tokens, box: QRectF, colour: str) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(tokens.card), 2))
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(box.adjusted(-1, -1, 1, 1), box.height() / 2 + 1, box.height() / 2 + 1)
