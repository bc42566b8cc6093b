"""Where kernels lie on a wall, and their pixels."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnstudio.gui.widgets.grid import FREE, Grid, lay

_GAP = 6
_SMALLEST, _LARGEST, _SCROLLING = 24, 96, 42
_NARROWEST, _CAPTION_WIDTH = 12, 38


@dataclass(frozen=True, slots=True)
class KernelGrid(Grid):
    """Kernels, each in the middle of its tile.

    Attributes:
        count: Number of kernels.
        columns: Kernels in a row.
        cell: Width and height of a weight in pixels.
        sides: Height and width of a kernel in weights.
        caption: Pixels for the caption.
        gap: Pixels between two tiles.
    """

    count: int
    columns: int
    cell: int
    sides: tuple[int, int]
    caption: int = 0
    gap: int = _GAP

    @property
    def wide(self) -> int:
        """Width of a tile in pixels."""
        return max(self.cell * self.sides[1], _CAPTION_WIDTH if self.caption else _NARROWEST)

    @property
    def high(self) -> int:
        """Height of a tile in pixels, without its caption."""
        return max(self.cell * self.sides[0], _NARROWEST)


def fit_kernels(
    count: int, width: int, height: int, *, sides: tuple[int, int], caption: int = 0, scroll_bar: int = 0
) -> KernelGrid:
    """Lay kernels on `width` x `height` pixels, as large as they can be with all of them in sight.

    Where that would make them tiny, they get a size that is good to look at, and the wall is higher than `height`.

    Args:
        count: Number of kernels.
        width: Pixels across.
        height: Pixels down that are in sight.
        sides: Height and width of a kernel.
        caption: Pixels for a line below each.
        scroll_bar: Pixels of the width that are lost if the wall is higher than `height`.
    """
    longest = max(sides)
    for cell in range(max(1, _LARGEST // longest), math.ceil(_SMALLEST / longest) - 1, -1):
        grid = _filled(KernelGrid(count, 1, cell, sides, caption), width)
        if grid.height <= height:
            return grid
    return _filled(KernelGrid(count, 1, math.ceil(_SCROLLING / longest), sides, caption), width - scroll_bar)


def _filled(grid: KernelGrid, width: int) -> KernelGrid:
    return replace(grid, columns=max(1, (width + grid.gap) // grid.across))


def mosaic(pixels: NDArray[np.uint32], grid: KernelGrid, *, scale: int = 1) -> NDArray[np.uint32]:
    """Return some rows of a wall, each kernel enlarged without smoothing.

    Args:
        pixels: `(n, h, w)`, the kernels of those rows.
        grid: Where they lie.
        scale: Device pixels in a pixel of the grid.

    Returns:
        `(rows * down, columns * across)` device pixels, contiguous; what is free is 0, which is transparent.
    """
    height, width = pixels.shape[1:]
    down = _middle(height, grid.cell * scale, grid.high * scale, (grid.caption + grid.gap) * scale)
    across = _middle(width, grid.cell * scale, grid.wide * scale, grid.gap * scale)
    return lay(pixels, math.ceil(len(pixels) / grid.columns), grid.columns, down, across)


def _middle(count: int, cell: int, room: int, beside: int) -> NDArray[np.intp]:
    """Return the weight in each line of a tile where `count` of them lie in the middle, and of what lies beside it."""
    before = (room - count * cell) // 2
    line = np.full(room + beside, FREE)
    line[before : before + count * cell] = np.arange(count).repeat(cell)
    return line
