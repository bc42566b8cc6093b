"""The line below feature maps: which are shown, and what their colours mean."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from cnnstudio.gui.widgets.colormaps import ZERO, ColorMap, gradient, is_diverging
from cnnstudio.gui.widgets.elided_label import ElidedLabel

STRIP = QSize(96, 8)


class MapFooter(QWidget):
    """Words on the left, a key on the right."""

    def __init__(self, color_map: ColorMap) -> None:
        super().__init__()
        self._count = ElidedLabel("", "caption")
        self._count.setObjectName("map_count")
        self._low, self._high = QLabel(), QLabel()
        self._strip = _Strip()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._count, 1)
        parts: dict[str, QWidget] = {"map_low": self._low, "map_key": self._strip, "map_high": self._high}
        for name, part in parts.items():
            part.setObjectName(name)
            part.setProperty("role", "caption")
            row.addWidget(part)
        self.set_key(color_map, "min", "max", "")

    def set_words(self, words: str) -> None:
        """Say what is shown."""
        self._count.setText(words)

    def set_key(self, color_map: ColorMap, low: str, high: str, tip: str) -> None:
        """Say what the colours mean.

        Args:
            color_map: The colours.
            low: What the first of them stands for.
            high: What the last of them stands for.
            tip: How maps are scaled, in words.
        """
        self._low.setText(low)
        self._high.setText(high)
        for part in (self._low, self._strip, self._high):
            part.setToolTip(tip)
        self._strip.show_colors(color_map)
        zero = ", zero in the middle" if is_diverging(color_map) else ""
        self._strip.setAccessibleName(f"Key: the colours go from {low} to {high}{zero}")

    def key(self) -> tuple[str, str]:
        """Return what the first and the last colour stand for."""
        return self._low.text(), self._high.text()

    def words(self) -> str:
        """Return what is shown."""
        return self._count.text()


class _Strip(QWidget):
    """The colours from the smallest to the largest value."""

    def __init__(self) -> None:
        super().__init__()
        self._color_map: ColorMap = "inferno"
        self.setFixedSize(STRIP)

    def show_colors(self, color_map: ColorMap) -> None:
        """Show another colour map."""
        self._color_map = color_map
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the colour map."""
        paint_strip(QPainter(self), QRectF(self.rect()), self._color_map)


def paint_strip(painter: QPainter, place: QRectF, color_map: ColorMap) -> None:
    """Draw a colour map from left to right, a tick at its zero where it has one."""
    painter.save()
    painter.translate(place.topLeft())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(gradient(color_map, place.width()))
    painter.drawRoundedRect(QRectF(0, 0, place.width(), place.height()), 2, 2)
    if is_diverging(color_map):
        x = place.width() * ZERO / 255
        painter.setPen(QPen(QColor(128, 128, 128), 1))
        painter.drawLine(round(x), 0, round(x), round(place.height()))
    painter.restore()
