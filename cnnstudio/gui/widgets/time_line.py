"""A slider over the moments of a run, with a mark where the best one is."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens

_EDGE = 10  # pixels at both ends, which the handle needs
_HANDLE = 6.0
_TICK = 2.0
_MOST_TICKS = 40  # more of them would be a line


class TimeLine(QSlider):
    """Stops in equal distances; a press anywhere goes to the nearest one, arrow keys, Home and End move too.

    Attributes:
        best: The stop that is marked; -1 for none.
    """

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName(object_name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setPageStep(5)
        self.best = -1
        self._tokens = LIGHT

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def set_best(self, stop: int) -> None:
        """Mark a stop; -1 for none."""
        self.best = stop
        self.update()

    def place(self, stop: int) -> QPointF:
        """Return where a stop lies; the only one is at the right end."""
        share = stop / self.maximum() if self.maximum() else 1.0
        return QPointF(_EDGE + (self.width() - 2 * _EDGE) * share, self.height() / 2)

    def sizeHint(self) -> QSize:
        """Return the size that it likes to have."""
        return QSize(160, 24)

    def minimumSizeHint(self) -> QSize:
        """Return the size below which it cannot be used."""
        return QSize(80, 24)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the nearest stop."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._go_to(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go_to(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        event.accept()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the line, its stops, the mark and the handle."""
        tokens, painter = self._tokens, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        at, last = self.place(self.value()), self.place(self.maximum())
        first = QPointF(_EDGE, last.y())
        painter.setPen(QPen(QColor(tokens.border), 2))
        painter.drawLine(first, last)
        done = QColor(tokens.accent if self.isEnabled() else tokens.edge)
        painter.setPen(QPen(done, 2))
        painter.drawLine(first, at)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.maximum() < _MOST_TICKS:
            for stop in range(self.maximum() + 1):
                painter.setBrush(done if stop < self.value() else QColor(tokens.edge))
                painter.drawEllipse(self.place(stop), _TICK, _TICK)
        if self.best >= 0 and self.isEnabled():
            top = self.place(self.best) - QPointF(0, 6)
            painter.setBrush(QColor(tokens.good))
            painter.drawPolygon(QPolygonF([top, top + QPointF(-3.5, -5), top + QPointF(3.5, -5)]))
        painter.setBrush(done)
        painter.drawEllipse(at, _HANDLE, _HANDLE)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)

    def _go_to(self, event: QMouseEvent) -> None:
        share = (event.position().x() - _EDGE) / max(1, self.width() - 2 * _EDGE)
        self.setValue(round(min(1.0, max(0.0, share)) * self.maximum()))
        event.accept()
