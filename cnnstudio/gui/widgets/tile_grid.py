"""Where feature maps lie on a wall, and their pixels."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GAP = 6
_SMALLEST, _LARGEST, _SCROLLING = 32, 96, 48


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Square tiles in rows, filled from the top left.

    Attributes:
        count: Number of tiles.
        columns: Tiles in a row.
        side: Width and height of a tile in pixels.
        gap: Pixels between two tiles.
    """

    count: int
    columns: int
    side: int
    gap: int = _GAP

    @property
    def rows(self) -> int:
        """Number of rows; the last one may have room left."""
        return math.ceil(self.count / self.columns)

    @property
    def height(self) -> int:
        """Pixels from the top of the first row to the bottom of the last."""
        return max(0, self.rows * (self.side + self.gap) - self.gap)

    def corner(self, tile: int) -> tuple[int, int]:
        """Return x and y of a tile's top left pixel."""
        row, column = divmod(tile, self.columns)
        return column * (self.side + self.gap), row * (self.side + self.gap)

    def tile_at(self, x: float, y: float) -> int | None:
        """Return the tile at a position; None in a gap or outside."""
        column, right = divmod(x, self.side + self.gap)
        row, down = divmod(y, self.side + self.gap)
        tile = int(row) * self.columns + int(column)
        inside = 0 <= column < self.columns and row >= 0 and right < self.side and down < self.side
        return tile if inside and tile < self.count else None


def fit_grid(count: int, width: int, height: int, *, scroll_bar: int = 0) -> TileGrid:
    """Lay `count` tiles on `width` x `height` pixels.

    Tiles are as large as they can be with all of them in sight. Where that would take tiles of less than 32 pixels,
    they get a size that is good to look at, and the wall is higher than `height`.

    Args:
        count: Number of tiles.
        width: Pixels across.
        height: Pixels down that are in sight.
        scroll_bar: Pixels of the width that are lost if the wall is higher than `height`.
    """
    grids = []
    for columns in range(1, max(1, min(count, (width + _GAP) // (_SMALLEST + _GAP))) + 1):
        rows = max(1, math.ceil(count / columns))
        side = min(_LARGEST, (width + _GAP) // columns - _GAP, (height + _GAP) // rows - _GAP)
        grids.append(TileGrid(count, columns, side))
    largest = max(grid.side for grid in grids)
    if largest >= _SMALLEST:  # A little smaller is as good if it fills the width better.
        return next(grid for grid in reversed(grids) if grid.side >= max(_SMALLEST, 0.94 * largest))
    width = max(_SCROLLING, width - scroll_bar) + _GAP
    columns = width // (_SCROLLING + _GAP)
    return TileGrid(count, columns, width // columns - _GAP)


def mosaic(
    maps: NDArray[np.uint8],
    grid: TileGrid,
    rows: range,
    table: NDArray[np.uint32],
    *,
    scale: int = 1,
    order: NDArray[np.intp] | None = None,
) -> NDArray[np.uint32]:
    """Return the pixels of some rows of a wall, each map enlarged to its tile without smoothing.

    Args:
        maps: All maps, `(C, h, w)`.
        grid: Where they lie.
        rows: Which rows, by their numbers.
        table: The colour of each value, `(256,)`, or of each value of each map that is shown, `(tiles, 256)`.
        scale: Device pixels in a pixel of the grid.
        order: Which map lies where; without it, in their own order.

    Returns:
        `(len(rows) * pitch, columns * pitch)`, contiguous, where pitch is tile and gap in device pixels; gaps are 0,
        which is transparent.
    """
    side, pitch = grid.side * scale, (grid.side + grid.gap) * scale
    which = np.arange(len(maps)) if order is None else order
    down = (np.arange(side) * maps.shape[1] // side)[:, None]
    across = np.arange(side) * maps.shape[2] // side
    smaller = maps.shape[1] * maps.shape[2] < side * side  # then its own pixels are the fewer to be coloured
    pixels = np.zeros((len(rows), pitch, grid.columns, pitch), np.uint32)
    for tile, channel in enumerate(which[rows.start * grid.columns : rows.stop * grid.columns]):
        row, column = divmod(tile, grid.columns)
        colors = table if table.ndim == 1 else table[tile]
        shown = colors[maps[channel]][down, across] if smaller else colors[maps[channel][down, across]]
        pixels[row, :side, column, :side] = shown
    return pixels.reshape(len(rows) * pitch, grid.columns * pitch)
