"""One feature map as large as there is room, over the image that it answers to."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table
from cnnstudio.gui.widgets.enlarged_tile import EnlargedTile
from cnnstudio.gui.widgets.map_paint import overlay, paint_zoom

_TIP: Final = (
    "Click or press Escape to see all maps. Over an image, a map is stretched to the whole of it; "
    "without padding it covers a little less."
)
_STEPS: Final = np.arange(256, dtype=np.uint8)


class EnlargedMap(EnlargedTile):
    """One map over a whole wall of them; where its image is known, the image, the map over it, and the map.

    Attributes:
        channel: Which map it is.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("enlarged_map", _TIP, parent)
        self.channel = -1
        self._map = self._over = np.zeros((1, 1), np.uint32)
        self._image = QImage()
        self._words = ""

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

    def _paint(self, painter: QPainter) -> None:
        self.paint(painter, QRectF(self.rect()))
