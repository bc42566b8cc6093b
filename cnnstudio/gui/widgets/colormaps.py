"""Colour maps for feature maps and kernels, as tables of 256 entries.

All are perceptually even (Smith and van der Walt, 2015): equal steps of a value look like equal steps of lightness. The
diverging ones have their zero at entry 128 and go from there to blue where values are negative and to orange where they
are positive, which people with any kind of colour vision tell apart.
"""

from functools import cache
from typing import Final, Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QLinearGradient

from cnnstudio.gui.theme import Tokens

ColorMap = Literal["inferno", "viridis", "diverging", "diverging_dark"]

ZERO: Final = 128  # the entry of a diverging map that stands for 0; the largest magnitude lies 127 entries away

# Inferno begins a little above its black, so that a map without any answer is still seen as a tile.
_START: Final[dict[ColorMap, float]] = {"inferno": 0.1, "viridis": 0.0}
# Lightness, a and b (CIELAB) of the ends and the middle; both ends are equally light.
_BLUE_WHITE_ORANGE: Final = ((40, 5, -45), (93, 0, 0), (40, 38, 50))
_BLUE_BLACK_ORANGE: Final = ((78, -12, -30), (20, 0, -3), (78, 20, 50))


def diverging(tokens: Tokens) -> ColorMap:
    """Return the diverging map whose zero is as quiet as the ground of the theme."""
    return "diverging_dark" if tokens.name == "dark" else "diverging"


def is_diverging(name: ColorMap) -> bool:
    """Whether entry `ZERO` of a map stands for 0."""
    return name in {"diverging", "diverging_dark"}


@cache
def rgb_table(name: ColorMap) -> NDArray[np.uint8]:
    """Return the colours of the values 0 to 255.

    Returns:
        `(256, 3)` uint8, read-only: red, green, blue.
    """
    if is_diverging(name):
        table = _through_lab(_BLUE_BLACK_ORANGE if name == "diverging_dark" else _BLUE_WHITE_ORANGE)
    else:
        colors = pg.colormap.get(name).getLookupTable(start=_START[name], nPts=256, alpha=False)
        table = colors.astype(np.uint8)
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


def _through_lab(anchors: tuple[tuple[int, int, int], ...]) -> NDArray[np.uint8]:
    """Return straight lines through CIELAB, from one end over the middle at `ZERO` to the other."""
    low, middle, high = (np.array(anchor, float) for anchor in anchors)
    table = np.empty((256, 3), np.uint8)
    for value in range(256):
        share = max(-1.0, (value - ZERO) / (255 - ZERO))
        color = pg.CIELabColor(*(middle + abs(share) * ((low if share < 0 else high) - middle)))
        table[value] = color.red(), color.green(), color.blue()
    return table
