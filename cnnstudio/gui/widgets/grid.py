"""Where tiles lie on a wall, and how pixels get there."""

import math
from abc import ABC, abstractmethod
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect

FREE: Final = -1
"""In `lay`: a line of a place that nothing lies on."""


class Grid(ABC):
    """Tiles in rows, filled from the top left, where there is room for a line of text below each.

    Attributes:
        count: Number of tiles.
        columns: Tiles in a row.
        gap: Pixels between two tiles.
    """

    __slots__ = ()
    count: int
    columns: int
    gap: int

    @property
    @abstractmethod
    def wide(self) -> int:
        """Width of a tile in pixels."""

    @property
    @abstractmethod
    def high(self) -> int:
        """Height of a tile in pixels, without its caption."""

    @property
    def caption(self) -> int:
        """Pixels for the line below each tile."""
        return 0

    @property
    def rows(self) -> int:
        """Number of rows; the last one may have room left."""
        return math.ceil(self.count / self.columns)

    @property
    def across(self) -> int:
        """Pixels from one tile to the next."""
        return self.wide + self.gap

    @property
    def down(self) -> int:
        """Pixels from one row to the next."""
        return self.high + self.caption + self.gap

    @property
    def height(self) -> int:
        """Pixels from the top of the first row to the bottom of the last."""
        return max(0, self.rows * self.down - self.gap)

    def corner(self, tile: int) -> tuple[int, int]:
        """Return x and y of the top left pixel of a tile."""
        row, column = divmod(tile, self.columns)
        return column * self.across, row * self.down

    def place(self, tile: int) -> QRect:
        """Return where a tile lies, without its caption."""
        return QRect(*self.corner(tile), self.wide, self.high)

    def tile_at(self, x: float, y: float) -> int | None:
        """Return the tile at a position, its caption included; None in a gap or outside."""
        column, right = divmod(x, self.across)
        row, below = divmod(y, self.down)
        tile = int(row) * self.columns + int(column)
        inside = 0 <= column < self.columns and row >= 0 and right < self.wide and below < self.high + self.caption
        return tile if inside and tile < self.count else None

    def rows_between(self, top: int, bottom: int) -> range:
        """Return the numbers of the rows that reach into these lines of pixels."""
        return range(top // self.down, min(self.rows, bottom // self.down + 1))

    def in_rows(self, rows: range) -> slice:
        """Return which tiles lie in some rows."""
        return slice(rows.start * self.columns, rows.stop * self.columns)


def lay(
    pixels: NDArray[np.uint32], rows: int, columns: int, down: NDArray[np.intp], across: NDArray[np.intp]
) -> NDArray[np.uint32]:
    """Lay small pictures beside and below each other, enlarged without smoothing.

    Args:
        pixels: `(n, h, w)`, n at most `rows * columns`.
        rows: How many lie below each other.
        columns: How many lie beside each other.
        down: `(D,)`, the row of its picture in each line of a place, or `FREE`.
        across: `(A,)`, the same for columns.

    Returns:
        `(rows * D, columns * A)`, contiguous; what is free is 0, which is transparent.
    """
    count, height, width = pixels.shape
    framed = np.zeros((rows * columns, height, width + 1), np.uint32)  # the last column is what `FREE` finds
    framed[:count, :, :width] = pixels
    lines = np.zeros((rows, height + 1, columns, len(across)), np.uint32)  # and so is the last line
    wide = framed.take(across, axis=2, mode="wrap")
    lines[:, :height] = wide.reshape(rows, columns, height, len(across)).transpose(0, 2, 1, 3)
    wall = lines.reshape(rows, height + 1, columns * len(across)).take(down, axis=1, mode="wrap")
    return wall.reshape(rows * len(down), columns * len(across))
