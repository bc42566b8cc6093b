"""Where feature maps lie on a wall, and their pixels."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnstudio.gui.widgets.grid import FREE, Grid, lay

_GAP = 6
_SMALLEST, _LARGEST, _SCROLLING = 32, 96, 48


@dataclass(frozen=True, slots=True)
class TileGrid(Grid):
    """Square tiles.

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
    def wide(self) -> int:
        """Width of a tile in pixels."""
        return self.side

    @property
    def high(self) -> int:
        """Height of a tile in pixels."""
        return self.side


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
        table: The colour of each value, `(256,)` or fewer, or of each value of each map that is shown, `(tiles, 256)`.
        scale: Device pixels in a pixel of the grid.
        order: Which map lies where; without it, in their own order.

    Returns:
        `(len(rows) * pitch, columns * pitch)`, contiguous, where pitch is tile and gap in device pixels; gaps are 0,
        which is transparent.
    """
    which = np.arange(len(maps)) if order is None else order
    shown = maps.take(which[grid.in_rows(rows)], axis=0, mode="clip")
    places = []
    for axis, length in enumerate(shown.shape[1:], start=1):
        line = np.arange(grid.side * scale)
        source = line * length // len(line)
        if length > len(line):  # then the pixels that are seen are the fewer to be coloured
            shown, source = shown.take(source, axis=axis, mode="clip"), line
        places.append(np.concatenate([source, np.full(grid.gap * scale, FREE)]))
    if table.ndim == 2:
        pixels = table.ravel().take(shown + (256 * np.arange(len(shown)))[:, None, None], mode="clip")
    else:
        pixels = table.take(shown, mode="clip")
    return lay(pixels, len(rows), grid.columns, *places)
