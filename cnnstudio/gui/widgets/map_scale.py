"""From the values of feature maps to entries of a colour map: what is scaled alike, and in which order maps lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.colormaps import ZERO, ColorMap, argb_table, diverging, is_diverging

Order = Literal["number", "activity"]
Scaling = Literal["own", "shared"]
Colors = Literal["auto", "sequential", "diverging"]


@dataclass(frozen=True, slots=True)
class MapStyle:
    """How feature maps are shown.

    Attributes:
        order: By the numbers of the channels, or the most active first.
        scaling: Each map from its own limits, or all of a layer from the same.
        colors: Of a map that begins at the smallest value, or of one with zero in its middle; `auto` takes the second
            where there are negative values.
    """

    order: Order = "number"
    scaling: Scaling = "own"
    colors: Colors = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What is known of the values of some maps.

    Attributes:
        ranges: `(C, 2)`, minimum and maximum of each.
        activity: `(C,)`, mean magnitude of the values of each.
    """

    ranges: NDArray[np.float32]
    activity: NDArray[np.float32]

    @property
    def dead(self) -> NDArray[np.bool_]:
        """`(C,)`, which maps are zero everywhere."""
        dead: NDArray[np.bool_] = (self.ranges == 0).all(1)
        return dead

    def overall(self) -> NDArray[np.float32]:
        """Return minimum and maximum of all maps, `(2,)`."""
        return _around(self.ranges, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How the maps of a layer are painted.

    Attributes:
        color_map: The colours.
        ranges: `(C, 2)`, the values that 0 and 255 of each tile stand for.
        limits: `(C, 2)`, the values at both ends of the colours, for each map.
        order: `(C,)`, which channel lies where.
        dead: `(C,)`, which channels are zero everywhere.
    """

    color_map: ColorMap
    ranges: NDArray[np.float32]
    limits: NDArray[np.float32]
    order: NDArray[np.intp]
    dead: NDArray[np.bool_]

    def levels(self, channels: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the entry of the colour map for each value of the tiles of some channels, `(n, 256)`."""
        return levels_of(self.ranges[channels], self.limits[channels], self.color_map)

    def colors(self, channels: NDArray[np.intp]) -> NDArray[np.uint32]:
        """Return the colour of each value of the tiles of some channels, `(n, 256)`."""
        return argb_table(self.color_map)[self.levels(channels)]


def plain_look(count: int, color_map: ColorMap) -> Look:
    """Return the look of maps of which only the tiles are known."""
    ranges = np.tile(np.array([0, 1], np.float32), (count, 1))
    return Look(color_map, ranges, ranges, np.arange(count), np.zeros(count, np.bool_))


def looks_of(rows: Sequence[Figures], style: MapStyle, tokens: Tokens, *, alike: bool = False) -> list[Look]:
    """Return the looks of rows of maps, of a single one for a wall.

    Args:
        rows: Their values.
        style: What is wanted.
        tokens: The colours of the theme.
        alike: Whether the rows are of the same layer: then a channel has the same limits and the same place in each.
    """
    color_map = color_map_of(style, rows, tokens)
    limits = limits_of([row.ranges for row in rows], style.scaling, color_map, alike=alike)
    activities = [row.activity for row in rows]
    if alike and rows:
        activities = [np.mean(activities, 0, dtype=np.float32)] * len(rows)
    return [
        Look(color_map, row.ranges, ends, order_of(style, activity), row.dead)
        for row, ends, activity in zip(rows, limits, activities, strict=True)
    ]


def color_map_of(style: MapStyle, rows: Sequence[Figures], tokens: Tokens) -> ColorMap:
    """Return the colour map that shows some maps in a style, under a theme."""
    negative = any(bool((each.ranges[:, 0] < 0).any()) for each in rows)
    zero_matters = style.colors == "diverging" or (style.colors == "auto" and negative)
    return diverging(tokens) if zero_matters else "inferno"


def order_of(style: MapStyle, activity: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the channels in the order in which they lie; those as active as each other by their numbers."""
    if style.order == "number":
        return np.arange(len(activity))
    return np.argsort(-np.nan_to_num(activity), kind="stable")


def limits_of(
    rows: Sequence[NDArray[np.float32]], scaling: Scaling, color_map: ColorMap, *, alike: bool = False
) -> list[NDArray[np.float32]]:
    """Return the values at both ends of the colour map, for each map.

    Args:
        rows: `(C, 2)`, minima and maxima of the maps of each row.
        scaling: What is scaled from the same limits: with `own` each map, with `shared` all of a row.
        color_map: A diverging one has limits at equal distances from zero.
        alike: Whether the rows are of the same layer: then a channel has the same limits in all rows, with `shared`
            all channels in all rows.

    Returns:
        `(C, 2)` float32 of each row.
    """
    found = [np.nan_to_num(row, nan=0.0, posinf=0.0, neginf=0.0) for row in rows]
    if alike and found:
        found = [_around(np.stack(found), 0)] * len(found)
    if scaling == "shared":
        found = [np.broadcast_to(_around(row, 0), row.shape) if len(row) else row for row in found]
    if is_diverging(color_map):
        found = [np.abs(row).max(1, initial=0.0)[:, None] * np.array([-1, 1], np.float32) for row in found]
    return found


def levels_of(ranges: NDArray[np.float32], limits: NDArray[np.float32], color_map: ColorMap) -> NDArray[np.uint8]:
    """Return the entry of a colour map for each value of a tile that goes from 0 to 255.

    Args:
        ranges: `(C, 2)`, the values that 0 and 255 of each tile stand for.
        limits: `(C, 2)`, the values at both ends of the colour map.
        color_map: Its name; of a diverging one, 0 is at entry `ZERO`.

    Returns:
        `(C, 256)`; the lowest entry, or `ZERO`, where both limits are the same.
    """
    low, high = np.nan_to_num(ranges, nan=0.0, posinf=0.0, neginf=0.0)[:, :, None].transpose(1, 0, 2)
    values = low + np.linspace(0, 1, 256, dtype=np.float32) * (high - low)
    first, last = limits[:, :, None].transpose(1, 0, 2)
    spread = np.where(last > first, last - first, np.float32(np.inf))
    share = (values - first) / spread
    entries = ZERO + (2 * share - 1) * (255 - ZERO) if is_diverging(color_map) else 255 * share
    if is_diverging(color_map):
        entries = np.where(last > first, entries, ZERO)
    levels: NDArray[np.uint8] = entries.round().clip(0, 255).astype(np.uint8)
    return levels


def _around(ranges: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return the limits that hold all ranges along an axis; the last one holds minimum and maximum."""
    return np.stack([ranges[..., 0].min(axis), ranges[..., 1].max(axis)], -1)
