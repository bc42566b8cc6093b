"""One feature map as large as there is room, over the image that it answers to."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table
from cnnstudio.gui.widgets.map_paint import overlay, paint_zoom

_STEPS = np.arange(256, dtype=np.uint8)


class EnlargedMap(QWidget):
    """One map over a whole wall of them; where its image is known, the image, the map over it, and the map.

    Attributes:
        channel: Which map it is.

    Signals:
        closed: It was clicked.
    """

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("enlarged_map")
        self.setToolTip(
            "Click or press Escape to see all maps. Over an image, a map is stretched to the whole of it; "
            "without padding it covers a little less."
        )
        self.channel = -1
        self._map = self._over = np.zeros((1, 1), np.uint32)
        self._image = QImage()
        self._words = ""
        self._tokens = LIGHT
        self.hide()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def show_map(
        self,
        values: NDArray[np.uint8],
        channel: int,
        color_map: ColorMap,
        *,
        levels: NDArray[np.uint8] = _STEPS,
        image: QImage | None = None,
        words: str = "",
    ) -> None:
        """Show a map.

        Args:
            values: `(h, w)`.
            channel: Its number.
            color_map: Its colours.
            levels: `(256,)`, the entry of the colour map for each value.
            image: What it answers to.
            words: What it is; without any, its number and size.
        """
        self._map = np.ascontiguousarray(argb_table(color_map)[levels[values]])
        self._over = overlay(values, levels, color_map)
        self._image = image or QImage()
        self.channel = channel
        height, width = values.shape
        self._words = words or f"channel {channel} · {height} × {width}"
        self.setAccessibleName(f"{self._words}, enlarged")
        self.update()

    def paint(self, painter: QPainter, room: QRectF) -> None:
        """Paint everything into a room, on what is there already."""
        line = self.fontMetrics().height() + 8
        bottom = paint_zoom(painter, room.adjusted(0, 0, 0, -line), self._map, self._over, self._image)
        painter.setPen(QColor(self._tokens.text))
        place = QRectF(room.x(), bottom, room.width(), line)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self._words)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint it on the ground of a card."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._tokens.card))
        self.paint(painter, QRectF(self.rect()))

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        """Close."""
        self.closed.emit()
