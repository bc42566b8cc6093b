"""Large matrices as small pictures, in which nothing large gets lost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnstudio.gui.widgets.colormaps import ZERO


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a matrix: its first row and column, and how many of each."""

    top: int
    left: int
    rows: int
    columns: int

    def around(self, row: int, column: int, rows: int, columns: int) -> "Part":
        """Return a part of that size in this one, with a cell as near its middle as can be."""
        rows, columns = min(rows, self.rows), min(columns, self.columns)
        top = min(max(row - rows // 2, self.top), self.top + self.rows - rows)
        left = min(max(column - columns // 2, self.left), self.left + self.columns - columns)
        return Part(top, left, rows, columns)

    def holds(self, row: int, column: int) -> bool:
        """Whether a cell lies in it."""
        return 0 <= row - self.top < self.rows and 0 <= column - self.left < self.columns


def edges(first: int, count: int, parts: int) -> NDArray[np.intp]:
    """Return where `parts` parts of `count` rows begin, and the end of the last one (parts + 1,)."""
    return first + np.arange(parts + 1) * count // parts


def strongest(levels: NDArray[np.uint8], down: NDArray[np.intp], across: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return of each block of a matrix the level that is farthest from `ZERO`.

    Args:
        levels: `(R, C)`.
        down: Edges of the rows of blocks, n + 1 of them.
        across: Edges of the columns of blocks, m + 1 of them.

    Returns:
        `(n, m)`.
    """
    # Twice the distance from zero, and one more on the far side: the largest of these numbers tells both.
    signed = (levels - ZERO).view(np.int8)
    ranks = 2 * np.abs(signed).view(np.uint8) + (signed > 0)
    ranks = _largest(_largest(ranks, down), across)
    distance = ranks >> 1
    found: NDArray[np.uint8] = np.where(ranks & 1, ZERO + distance, ZERO - distance)
    return found


def _largest(ranks: NDArray[np.uint8], limits: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return one row for each block of rows, as columns: the next call takes the others."""
    first, last = limits[:-1], limits[1:] - 1
    found = ranks[first]
    for step in range(1, int((last - first).max(initial=0)) + 1):  # row by row: `reduceat` takes ten times as long
        np.maximum(found, ranks[np.minimum(first + step, last)], out=found)
    return np.ascontiguousarray(found.T)
