"""What colours with a zero in their middle stand for."""

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import diverging, gradient

_LONG: Final = 120  # pixels of the strip
_HIGH: Final = 8
_SPACE: Final = 6


class ValueKey(QWidget):
    """A strip of colours with the numbers of its ends and a mark at zero."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("value_key")
        self.setProperty("role", "caption")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._ends = ("", "")
        self._gray = False
        self._tokens = LIGHT

    @property
    def ends(self) -> tuple[str, str]:
        """The words at both ends."""
        return self._ends

    def show_ends(self, low: str, high: str, *, gray: bool) -> None:
        """Say what the ends of the strip stand for.

        Args:
            low: At the left end.
            high: At the right end.
            gray: Whether each of red, green and blue goes from none of it over half of it to all.
        """
        if (self._ends, self._gray) != ((low, high), gray):
            self._ends, self._gray = (low, high), gray
            self.setAccessibleName(f"Key: from {low} over 0 to {high}")
            self.updateGeometry()
            self.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room for strip and words."""
        metrics = self.fontMetrics()
        words = 2 * max(metrics.horizontalAdvance(each) for each in self._ends)
        return QSize(words + 2 * _SPACE + _LONG, metrics.height() + _HIGH)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the strip, its ends, and its zero below."""
        painter = QPainter(self)
        self.paint(painter, self._tokens)

    def paint(self, painter: QPainter, tokens: Tokens) -> None:
        """Draw it, on the screen or elsewhere."""
        metrics = painter.fontMetrics()
        side = (self.width() - _LONG) / 2
        strip = QRectF(side, 2, _LONG, _HIGH)
        colors = self._colors(tokens)
        colors.setStart(strip.left(), 0)
        colors.setFinalStop(strip.right(), 0)
        painter.fillRect(strip, colors)
        painter.setPen(QColor(tokens.text))
        painter.drawLine(QPointF(strip.center().x(), 1), QPointF(strip.center().x(), strip.bottom() + 1))
        painter.setPen(QColor(tokens.muted))
        up = (_HIGH + 4 - metrics.height()) / 2
        align = Qt.AlignmentFlag.AlignVCenter
        before = QRectF(0, up, side - _SPACE, metrics.height())
        behind = before.translated(side + _LONG + _SPACE, 0)
        painter.drawText(before, align | Qt.AlignmentFlag.AlignRight, self._ends[0])
        painter.drawText(behind, align | Qt.AlignmentFlag.AlignLeft, self._ends[1])
        below = QRectF(side, strip.bottom(), _LONG, metrics.height())
        painter.drawText(below, align | Qt.AlignmentFlag.AlignHCenter, "0")

    def _colors(self, tokens: Tokens) -> QLinearGradient:
        if not self._gray:
            return gradient(diverging(tokens), _LONG)
        result = QLinearGradient(0, 0, _LONG, 0)
        result.setColorAt(0, QColor("#000000"))
        result.setColorAt(1, QColor("#FFFFFF"))
        return result
