"""Marks over feature maps: which of them, and which of their values, dropout has removed.

What is removed is hatched, so that no one has to tell it by its colour; only where a value is drawn smaller than a
hatch it is a dot of sky blue, which none of the maps' colours comes near.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.widgets.map_canvas import MapCanvas
from cnnstudio.gui.widgets.map_paint import as_image
from cnnstudio.gui.widgets.tile_grid import TileGrid, mosaic

MARK: Final = "#56B4E9"  # sky blue (Okabe and Ito, 2008)
_BENEATH: Final = "#0B1B2B"
_DIMMED: Final = 0.78  # of a removed map, how much is covered
_PERIOD: Final = 9  # pixels from one stripe to the next across a removed map
_FINE: Final = 4  # the same across a removed value
_LEAST: Final = 3  # pixels across a value that is hatched


@dataclass(frozen=True, slots=True, eq=False)
class Removal:
    """What is removed of some maps.

    Attributes:
        channels: `(C,)` bool, which maps are removed as a whole.
        zero: `(C,)` bool, which ones were zero before.
        values: `(C, h, w)` bool, which values are removed; None where maps are removed as a whole.
    """

    channels: NDArray[np.bool_]
    zero: NDArray[np.bool_]
    values: NDArray[np.bool_] | None = None


NOTHING: Final = Removal(np.zeros(0, np.bool_), np.zeros(0, np.bool_))


class TileMarks(QWidget):
    """Lies over the tiles of a wall and lets mouse and keys through.

    Attributes:
        removal: What is marked.
    """

    def __init__(self, canvas: MapCanvas) -> None:
        super().__init__(canvas)
        self.removal = NOTHING
        self._canvas = canvas
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.resize(canvas.size())
        canvas.installEventFilter(self)

    def show_removal(self, removal: Removal) -> None:
        """Mark what is removed of the maps that are shown."""
        self.removal = removal
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as what it lies over."""
        if event.type() == QEvent.Type.Resize:
            self.resize(self._canvas.size())
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Mark the rows that need it."""
        grid = self._canvas.grid
        pitch = grid.side + grid.gap
        rows = range(event.rect().top() // pitch, min(grid.rows, event.rect().bottom() // pitch + 1))
        if rows and grid.count == len(self.removal.channels):
            paint_marks(QPainter(self), self.removal, grid, rows, scale=math.ceil(self.devicePixelRatioF()))


def paint_marks(painter: QPainter, removal: Removal, grid: TileGrid, rows: range, *, scale: int) -> None:
    """Mark what is removed in some rows of a wall.

    Args:
        painter: On the wall.
        removal: What is removed.
        grid: Where the tiles lie.
        rows: Which rows, by their numbers.
        scale: Device pixels in a pixel of the grid.
    """
    if removal.values is not None:
        seen = removal.values.view(np.uint8)
        pixels = mosaic(seen, grid, rows, _table(), scale=scale)
        _hatch(pixels, grid.side * scale / seen.shape[2])
        image = as_image(pixels)
        image.setDevicePixelRatio(scale)
        painter.drawImage(0, rows.start * (grid.side + grid.gap), image)
    stripes = _stripes()
    first = rows.start * grid.columns
    for tile in np.flatnonzero(removal.channels[first : rows.stop * grid.columns]) + first:
        _mark_channel(painter, QRect(*grid.corner(int(tile)), grid.side, grid.side), stripes)


def paint_marks_of_one(painter: QPainter, removal: Removal, channel: int, place: QRect) -> None:
    """Mark what is removed of a single map.

    Args:
        painter: Paints.
        removal: What is removed.
        channel: Which map.
        place: Where it lies.
    """
    if removal.values is not None:
        values = removal.values[channel]
        height, width = values.shape
        down = np.arange(place.height()) * height // place.height()
        across = np.arange(place.width()) * width // place.width()
        pixels = _table()[values[down[:, None], across].view(np.uint8)]
        _hatch(pixels, place.width() / width)
        painter.drawImage(place, as_image(pixels))
    if removal.channels[channel]:
        _mark_channel(painter, place, _stripes())


def _mark_channel(painter: QPainter, place: QRect, stripes: QBrush) -> None:
    cover = QColor(_BENEATH)
    cover.setAlphaF(_DIMMED)
    painter.fillRect(place, cover)
    painter.fillRect(place, stripes)
    painter.setPen(QPen(QColor(MARK), 2))
    painter.drawRect(place.adjusted(1, 1, -1, -1))


def _hatch(pixels: NDArray[np.uint32], cell: float) -> None:
    """Stripe what is not transparent, in place, unless its values are too small for that.

    Args:
        pixels: `(h, w)`.
        cell: Width of a value in these pixels.
    """
    if cell < _LEAST:
        return
    height, width = pixels.shape
    dark = (np.arange(height)[:, None] + np.arange(width)) % _FINE < _FINE // 2
    pixels[dark & (pixels != 0)] = np.uint32(0xFF000000) | np.uint32(int(_BENEATH[1:], 16))


@cache
def _table() -> NDArray[np.uint32]:
    """Return the colours of a value that stays and of one that is removed."""
    table = np.zeros(2, np.uint32)
    table[1] = np.uint32(0xFF000000) | np.uint32(int(MARK[1:], 16))
    return table


def _stripes() -> QBrush:
    pixmap = QPixmap(_PERIOD, _PERIOD)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(MARK), 2))
    for shift in (-_PERIOD, 0, _PERIOD):  # so that the stripes meet at the corners
        painter.drawLine(shift - 1, _PERIOD + 1, shift + _PERIOD + 1, -1)
    painter.end()
    return QBrush(pixmap)
