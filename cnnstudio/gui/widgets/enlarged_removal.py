"""One feature map as large as there is room, with what dropout removes of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter

from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table
from cnnstudio.gui.widgets.enlarged_tile import EnlargedTile
from cnnstudio.gui.widgets.map_paint import as_image, paint_dead
from cnnstudio.gui.widgets.removal_marks import NOTHING, Removal, paint_marks_of_one
from cnnstudio.gui.words import counted

COLORS: Final[ColorMap] = "inferno"


class EnlargedRemoval(EnlargedTile):
    """One map with its marks.

    Attributes:
        channel: Which map it is.
    """

    def __init__(self) -> None:
        super().__init__("enlarged_removal", "Click or press Escape to see all maps")
        self.setAccessibleName("One map, enlarged")
        self.channel = 0
        self._table = argb_table(COLORS)
        self._tiles: NDArray[np.uint8] = np.empty((0, 1, 1), np.uint8)
        self._removal = NOTHING

    def show_removal(self, tiles: NDArray[np.uint8], removal: Removal, channel: int) -> None:
        """Show one of several maps (C, h, w) and what is removed of it."""
        self._tiles, self._removal, self.channel = tiles, removal, channel
        self.setAccessibleDescription(self.words())
        self.update()

    def words(self) -> str:
        """Return which map it is, and what is removed of it."""
        channel, removal = self.channel, self._removal
        _, height, width = self._tiles.shape
        if removal.values is not None:
            fate = f"{counted(int(removal.values[channel].sum()), 'value')} removed"
        else:
            fate = "removed" if removal.channels[channel] else "zero already" if removal.zero[channel] else "stays"
        name = f"channel {channel} · " if len(self._tiles) > 1 else ""
        return f"{name}{height} × {width} · {fate}"

    def _paint(self, painter: QPainter) -> None:
        """Paint the map as large as fits, its pixels sharp, and the words below."""
        pixels = self._table[self._tiles[self.channel]]
        height, width = pixels.shape
        line = self.fontMetrics().height() + 8
        factor = min(self.width() / width, (self.height() - line) / height)
        place = QRect(0, 0, max(1, int(factor * width)), max(1, int(factor * height)))
        place.moveLeft((self.width() - place.width()) // 2)
        if self._removal.zero[self.channel]:
            paint_dead(painter, [place], self._tokens)
        else:
            painter.drawImage(place, as_image(pixels))
        paint_marks_of_one(painter, self._removal, self.channel, place)
        painter.setPen(QColor(self._tokens.text))
        below = QRect(0, place.bottom(), self.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.words())
