"""The painted part of a wall of kernels."""

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from cnnstudio.gui.widgets.colormaps import diverging
from cnnstudio.gui.widgets.kernel_grid import KernelGrid, fit_kernels, mosaic
from cnnstudio.gui.widgets.kernel_pixels import Kernels, to_levels, to_pixels
from cnnstudio.gui.widgets.map_paint import draw_rows, scale_of
from cnnstudio.gui.widgets.tile_canvas import TileCanvas

NONE = Kernels(np.empty((0, 1, 1), np.float32), np.empty(0, np.float32), np.empty(0, np.intp))
_CAPTION = 15


class KernelCanvas(TileCanvas):
    """Kernels, by the numbers of their filters.

    Attributes:
        grid: Where they lie.
        kernels: What is shown.
    """

    grid: KernelGrid

    def __init__(self) -> None:
        super().__init__("kernel_canvas", "Filters", KernelGrid(0, 1, 8, (3, 3)))
        self.setToolTip("A click enlarges a filter and shows its weights")
        self.kernels = NONE

    def show_kernels(self, kernels: Kernels) -> None:
        """Show other kernels."""
        self.kernels, self.order = kernels, kernels.order
        self.update()

    def fit(self, width: int, height: int, scroll_bar: int) -> KernelGrid:
        """Return where the kernels lie."""
        caption = _CAPTION if self.kernels.captions else 0
        sides = self.kernels.sides
        return fit_kernels(len(self.order), width, height, sides=sides, caption=caption, scroll_bar=scroll_bar)

    def picture(self, ratio: int) -> QImage:
        """Return all kernels, those out of sight too, at `ratio` device pixels to a pixel."""
        image = QImage(self.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(ratio)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        self.paint_rows(painter, range(self.grid.rows))
        painter.end()
        return image

    def paint_rows(self, painter: QPainter, rows: range) -> None:
        """Paint some rows in one piece, and their captions."""
        kernels, shown = self.kernels, self.order[self.grid.in_rows(rows)]
        levels = to_levels(kernels.values[shown], kernels.peaks[shown])
        pixels = mosaic(to_pixels(levels, diverging(self._tokens)), self.grid, scale=scale_of(painter))
        draw_rows(painter, pixels, self.grid, rows)
        if kernels.captions:
            self._caption(painter, rows)

    def _caption(self, painter: QPainter, rows: range) -> None:
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(QColor(self._tokens.muted))
        grid = self.grid
        for tile in range(*grid.in_rows(rows).indices(grid.count)):
            x, y = grid.corner(tile)
            below = QRect(x - grid.gap // 2, y + grid.high, grid.across, grid.caption)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.kernels.captions[self.order[tile]])
