"""Marks over feature maps: which of them, and which of their values, dropout has removed.

What is removed is hatched, so that no one has to tell it by its colour; only where a value is drawn smaller than a
hatch it is a dot of sky blue, which none of the maps' colours comes near.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPixmap

from cnnstudio.gui.widgets.map_paint import as_image, draw_rows, scale_of
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


_TABLE: Final = np.array([0, 0xFFFFFFFF], np.uint32)  # of a value that stays, and of one that is removed

NOTHING: Final = Removal(np.zeros(0, np.bool_), np.zeros(0, np.bool_))


def paint_marks(painter: QPainter, removal: Removal, grid: TileGrid, rows: range) -> None:
    """Mark what is removed in some rows of a wall.

    Args:
        painter: On the wall.
        removal: What is removed.
        grid: Where the tiles lie.
        rows: Which rows, by their numbers.
    """
    tiles = grid.in_rows(rows)
    if removal.values is not None:
        seen, scale = removal.values.view(np.uint8), scale_of(painter)
        pixels = mosaic(seen, grid, rows, _TABLE, scale=scale)
        draw_rows(painter, _colored(pixels, grid.side * scale / seen.shape[2]), grid, rows)
    removed = np.flatnonzero(removal.channels[tiles]) + tiles.start
    _mark_channels(painter, [grid.place(int(tile)) for tile in removed])


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
        pixels = _TABLE[values[down[:, None], across].view(np.uint8)]
        painter.drawImage(place, as_image(_colored(pixels, place.width() / width)))
    if removal.channels[channel]:
        _mark_channels(painter, [place])


def _mark_channels(painter: QPainter, places: Sequence[QRect]) -> None:
    if not places:
        return
    cover, stripes = QColor(_BENEATH), _stripes()
    cover.setAlphaF(_DIMMED)
    for place in places:
        painter.fillRect(place, cover)
        painter.fillRect(place, stripes)
    painter.setPen(QPen(QColor(MARK), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRects([place.adjusted(1, 1, -1, -1) for place in places])


def _colored(pixels: NDArray[np.uint32], cell: float) -> NDArray[np.uint32]:
    """Colour what is not transparent, in place; striped, unless its values are too small for that.

    Args:
        pixels: `(h, w)`, 0 or all bits set.
        cell: Width of a value in these pixels.
    """
    if cell < _LEAST:
        pixels &= _argb(MARK)
        return pixels
    across = np.arange(pixels.shape[1])
    for shift in range(_FINE):  # the stripes go down by a pixel from each column to the next
        dark = (across + shift) % _FINE < _FINE // 2
        pixels[shift::_FINE] &= np.where(dark, _argb(_BENEATH), _argb(MARK))
    return pixels


def _argb(color: str) -> np.uint32:
    return np.uint32(0xFF000000 | int(color[1:], 16))


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
