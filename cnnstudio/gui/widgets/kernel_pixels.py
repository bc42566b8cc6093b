"""Kernels as pixels: zero is always the middle of the colours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnstudio.gui.widgets.colormaps import ZERO, ColorMap, argb_table

_REACH = 255 - ZERO
_PORTION = 2**15  # weights


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """One kernel of each filter of a layer, and how they are shown.

    Attributes:
        values: `(O, h, w)`, or `(O, 3, h, w)` over red, green and blue.
        peaks: `(O,)`, the magnitude that gets the strongest colour, no smaller than any other.
        order: `(O,)`, the filter at each place.
        captions: What stands below each filter, by its number; empty for nothing.
    """

    values: NDArray[np.float32]
    peaks: NDArray[np.float32]
    order: NDArray[np.intp]
    captions: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of a kernel."""
        height, width = self.values.shape[-2:]
        return height, width


def peaks_of(values: NDArray[np.float32], *, own: bool) -> NDArray[np.float32]:
    """Return the largest magnitude of each filter (O,), or that of all of them for each.

    Args:
        values: `(O, …)`.
        own: Whether each filter is scaled by itself.
    """
    flat = values.reshape(len(values), -1)
    peaks = np.maximum(flat.max(1, initial=0), -flat.min(1, initial=0))
    return peaks if own else np.full_like(peaks, peaks.max(initial=0))


def to_levels(values: NDArray[np.float32], peaks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Scale values from -peak … peak to 1 … 255, so that zero is `ZERO` for all filters alike.

    Args:
        values: `(O, …)`, finite.
        peaks: `(O,)`, no smaller than any magnitude; where it is 0, everything is `ZERO`.
    """
    factors = np.divide(_REACH, peaks, out=np.zeros_like(peaks), where=peaks > 0)
    factors = factors.reshape(-1, *(1,) * (values.ndim - 1))
    levels = np.empty(values.shape, np.uint8)
    some = max(1, _PORTION // max(1, values[:1].size))
    for first in range(0, len(values), some):  # in portions that stay in the processor's cache
        part = slice(first, first + some)
        scaled = values[part] * factors[part]
        np.add(scaled, ZERO, out=scaled)
        levels[part] = np.rint(scaled, out=scaled)
    return levels


def to_pixels(levels: NDArray[np.uint8], color_map: ColorMap) -> NDArray[np.uint32]:
    """Return the 32-bit pixels (O, h, w) of kernels (O, h, w), or of those over red, green and blue (O, 3, h, w)."""
    if levels.ndim < 4:
        return argb_table(color_map)[levels]
    red, green, blue = levels.astype(np.uint32).transpose(1, 0, 2, 3)
    pixels: NDArray[np.uint32] = np.uint32(0xFF000000) | (red << np.uint32(16)) | (green << np.uint32(8)) | blue
    return pixels
