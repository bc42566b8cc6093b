"""Where kernels lie on a wall, and their pixels."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_GAP = 6
_SMALLEST, _LARGEST, _SCROLLING = 24, 96, 42
_NARROWEST, _CAPTION_WIDTH = 12, 38


@dataclass(frozen=True, slots=True)
class KernelGrid:
    """Places in rows, filled from the top left, each with room for a caption below.

    Attributes:
        count: Number of kernels.
        columns: Kernels in a row.
        cell: Width and height of a weight in pixels.
        sides: Height and width of a kernel in weights.
        caption: Pixels for the caption.
        gap: Pixels between two places.
    """

    count: int
    columns: int
    cell: int
    sides: tuple[int, int]
    caption: int = 0
    gap: int = _GAP

    @property
    def wide(self) -> int:
        """Width of a place in pixels."""
        return max(self.cell * self.sides[1], _CAPTION_WIDTH if self.caption else _NARROWEST)

    @property
    def high(self) -> int:
        """Height of a place in pixels, without its caption."""
        return max(self.cell * self.sides[0], _NARROWEST)

    @property
    def rows(self) -> int:
        """Number of rows; the last one may have room left."""
        return math.ceil(self.count / self.columns)

    @property
    def across(self) -> int:
        """Pixels from one place to the next."""
        return self.wide + self.gap

    @property
    def down(self) -> int:
        """Pixels from one row to the next."""
        return self.high + self.caption + self.gap

    @property
    def height(self) -> int:
        """Pixels from the top of the first row to the bottom of the last."""
        return max(0, self.rows * self.down - self.gap)

    def corner(self, place: int) -> tuple[int, int]:
        """Return x and y of the top left pixel of a place."""
        row, column = divmod(place, self.columns)
        return column * self.across, row * self.down

    def place_at(self, x: float, y: float) -> int | None:
        """Return the place at a position, its caption included; None in a gap or outside."""
        column, right = divmod(x, self.across)
        row, below = divmod(y, self.down)
        place = int(row) * self.columns + int(column)
        inside = 0 <= column < self.columns and row >= 0 and right < self.wide and below < self.high + self.caption
        return place if inside and place < self.count else None


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
    """Return some rows of a wall, each kernel in the middle of its place and enlarged to it without smoothing.

    Args:
        pixels: `(n, h, w)`, the kernels of those rows.
        grid: Where they lie.
        scale: Device pixels in a pixel of the grid.

    Returns:
        `(rows * down, columns * across)` device pixels, contiguous; what is free is 0, which is transparent.
    """
    count, height, width = pixels.shape
    rows, cell = math.ceil(count / grid.columns), grid.cell * scale
    large = np.zeros((rows * grid.columns, height * cell, width * cell), np.uint32)
    large[:count] = pixels.repeat(cell, axis=1).repeat(cell, axis=2)
    top, left = (grid.high * scale - cell * height) // 2, (grid.wide * scale - cell * width) // 2
    wall = np.zeros((rows, grid.down * scale, grid.columns, grid.across * scale), np.uint32)
    placed = large.reshape(rows, grid.columns, height * cell, width * cell).transpose(0, 2, 1, 3)
    wall[:, top : top + height * cell, :, left : left + width * cell] = placed
    return wall.reshape(rows * grid.down * scale, grid.columns * grid.across * scale)
