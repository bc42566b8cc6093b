"""Colour maps for feature maps, as tables of 256 entries.

Both are perceptually even (Smith and van der Walt, 2015): equal steps of a value look like equal steps of lightness.
"""

from functools import cache
from typing import Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QLinearGradient

ColorMap = Literal["inferno", "viridis"]

# Inferno begins a little above its black, so that a map without any answer is still seen as a tile.
_START: dict[ColorMap, float] = {"inferno": 0.1, "viridis": 0.0}


@cache
def rgb_table(name: ColorMap) -> NDArray[np.uint8]:
    """Return the colours of the values 0 to 255.

    Returns:
        `(256, 3)` uint8, read-only: red, green, blue.
    """
    colors = pg.colormap.get(name).getLookupTable(start=_START[name], nPts=256, alpha=False)
    table: NDArray[np.uint8] = colors.astype(np.uint8)
    table.setflags(write=False)
    return table


@cache
def argb_table(name: ColorMap) -> NDArray[np.uint32]:
    """Return the colours of the values 0 to 255 as the 32-bit pixels of `QImage.Format_ARGB32`.

    Returns:
        `(256,)` uint32, read-only, opaque.
    """
    red, green, blue = rgb_table(name).astype(np.uint32).T
    table: NDArray[np.uint32] = np.uint32(0xFF000000) | (red << np.uint32(16)) | (green << np.uint32(8)) | blue
    table.setflags(write=False)
    return table


def gradient(name: ColorMap, width: float) -> QLinearGradient:
    """Return a horizontal gradient through the map, `width` pixels wide, for its key."""
    result = QLinearGradient(0, 0, width, 0)
    for value in range(0, 256, 15):
        red, green, blue = (int(part) for part in rgb_table(name)[value])
        result.setColorAt(value / 255, QColor(red, green, blue))
    return result
