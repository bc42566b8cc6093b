"""Feature maps in words."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cnnstudio.gui.widgets.colormaps import ColorMap, is_diverging
from cnnstudio.gui.widgets.map_scale import Figures, Scaling
from cnnstudio.gui.words import counted

SCALES: Final[dict[Scaling, str]] = {
    "own": "Each map is scaled from its own smallest to its own largest value",
    "shared": "All maps are scaled alike, from the smallest to the largest value of the layer",
}
_AROUND_ZERO: Final[dict[Scaling, str]] = {
    "own": "Each map is scaled from minus to plus its own largest magnitude; zero is in the middle",
    "shared": "All maps are scaled alike, from minus to plus the largest magnitude of the layer; zero is in the middle",
}


def number(value: float) -> str:
    """Return a value with three digits that count."""
    return f"{value:.3g}".replace("-", "−")


def scale_words(scaling: Scaling, color_map: ColorMap) -> str:
    """Return how maps are scaled, as a sentence."""
    return (_AROUND_ZERO if is_diverging(color_map) else SCALES)[scaling]


def count_words(count: int, dead: NDArray[np.bool_]) -> str:
    """Return how many maps there are, and how many of them are zero everywhere."""
    found = int(dead.sum())
    words = f"{count:,} channels"
    return f"{words} · {found:,} dead (×): zero everywhere" if found else words


def channel_words(channel: int, count: int, figures: Figures | None) -> str:
    """Return which map it is, and from where to where its values go."""
    words = f"channel {channel} of {count:,}"
    if figures is None or channel >= len(figures.ranges):
        return words
    if figures.dead[channel]:
        return f"{words} · dead: zero everywhere"
    return f"{words} · {range_words(figures.ranges[channel])} · mean magnitude {number(figures.activity[channel])}"


def range_words(ends: NDArray[np.float32]) -> str:
    """Return minimum and maximum: `−0.31 to 2.4`."""
    return f"{number(ends[0])} to {number(ends[1])}"


def ends_of(color_map: ColorMap, limits: NDArray[np.float32] | None) -> tuple[str, str]:
    """Return what the ends of a colour map stand for; without limits, in words."""
    if limits is not None:
        return number(limits[0]), number(limits[1])
    return ("−max", "+max") if is_diverging(color_map) else ("min", "max")


def row_scale_words(scaling: Scaling, color_map: ColorMap, *, alike: bool) -> str:
    """Return how maps in rows are scaled, as a sentence.

    Args:
        scaling: What has limits of its own.
        color_map: The colours.
        alike: Whether the rows are of the same layer.
    """
    who = {
        (True, "own"): "Each channel is scaled alike in all rows",
        (True, "shared"): "All maps of all rows are scaled alike",
        (False, "own"): "Each map is scaled on its own",
        (False, "shared"): "All maps of a row are scaled alike",
    }[alike, scaling]
    if is_diverging(color_map):
        return f"{who}, from minus to plus the largest magnitude; zero is in the middle"
    return f"{who}, from the smallest to the largest value"


def rows_words(dead: Sequence[NDArray[np.bool_]], *, alike: bool) -> str:
    """Return how many maps there are in rows, and how many are zero everywhere.

    Args:
        dead: `(C,)` of each row.
        alike: Whether the rows are of the same layer.
    """
    if alike:
        whole = np.logical_and.reduce(list(dead))
        words = f"{len(whole):,} channels × {counted(len(dead), 'image')}"
        return f"{words} · {int(whole.sum()):,} dead (×) in all of them" if whole.any() else words
    found = sum(int(each.sum()) for each in dead)
    words = f"{counted(len(dead), 'layer')} · {sum(map(len, dead)):,} channels"
    return f"{words} · {found:,} dead (×): zero everywhere" if found else words
