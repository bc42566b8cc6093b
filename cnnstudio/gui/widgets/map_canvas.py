"""The tiles of a wall of feature maps."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QPainter

from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table
from cnnstudio.gui.widgets.map_paint import Colors, paint_tiles
from cnnstudio.gui.widgets.tile_canvas import TileCanvas
from cnnstudio.gui.widgets.tile_grid import TileGrid, fit_grid


class MapCanvas(TileCanvas):
    """Feature maps, by the numbers of their channels.

    Attributes:
        grid: Where the tiles lie.
        maps: `(C, h, w)` uint8.
        dead: `(C,)`, which channels are zero everywhere.
        colors: Gives the colours of some channels.
    """

    grid: TileGrid

    def __init__(self, color_map: ColorMap) -> None:
        super().__init__("map_canvas", "Feature maps", TileGrid(0, 1, 32))
        self.maps: NDArray[np.uint8] = np.empty((0, 1, 1), np.uint8)
        self.dead = np.zeros(0, np.bool_)
        self.colors: Colors = lambda _channels: argb_table(color_map)

    def fit(self, width: int, height: int, scroll_bar: int) -> TileGrid:
        """Return where the tiles lie."""
        return fit_grid(len(self.maps), width, height, scroll_bar=scroll_bar)

    def paint_rows(self, painter: QPainter, rows: range) -> None:
        """Paint some rows."""
        parts = self.maps, self.grid, rows, self.colors, self._tokens
        paint_tiles(painter, *parts, order=self.order, dead=self.dead)

    def point_at(self, number: int) -> None:
        """Frame a channel, or none for -1, without a signal; its tooltip says which it is."""
        super().point_at(number)
        self.setToolTip(f"channel {number}" if number >= 0 else "")
