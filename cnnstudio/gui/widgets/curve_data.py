"""The numbers behind the curves: growing buffers, smoothing, and the range of the loss axis."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_ROUND_TOPS = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0)  # Their quarters label an axis well.
_MOST_RANKED = 4096
_TOWERS = 2  # times what is usual; a short curve has fewer points to tell that by
_FEW = 20  # losses, of which a 95th percentile is little else than the highest


class Points:
    """The points of one curve, in buffers that double when they are full."""

    def __init__(self) -> None:
        self._buffer = np.empty((2, 256))
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def x(self) -> NDArray[np.float64]:
        """`(n,)` float64, a view that later points leave as it is."""
        return self._buffer[0, : self._size]

    @property
    def y(self) -> NDArray[np.float64]:
        """`(n,)` float64, a view that later points leave as it is."""
        return self._buffer[1, : self._size]

    def extend(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Append points."""
        end = self._size + len(x)
        if end > self._buffer.shape[1]:
            grown = np.empty((2, max(end, 2 * self._buffer.shape[1])))
            grown[:, : self._size] = self._buffer[:, : self._size]
            self._buffer = grown
        self._buffer[0, self._size : end] = x
        self._buffer[1, self._size : end] = y
        self._size = end

    def nearest(self, x: float) -> int | None:
        """Return the index of the point whose x is nearest, if there is one. Needs ascending x."""
        if not self._size:
            return None
        right = int(np.searchsorted(self.x, x))
        if right == 0 or (right < self._size and self.x[right] - x < x - self.x[right - 1]):
            return right
        return right - 1


class Smoother:
    """An exponential moving average without the pull of its start (bias correction of Kingma and Ba, 2015).

    The average forgets over a *length* of the axis rather than over a number of points, so that the lag looks the same
    whether an epoch reports ten times or ten thousand times; it spans five points or so at the least.

    Args:
        length: Distance on the x axis after which a point has lost 63 % of its weight.
    """

    least_decay = 0.8

    def __init__(self, length: float) -> None:
        self._length = length
        self._last_x = 0.0
        self._mean = 0.0
        self._weight = 0.0

    def smooth(self, x: Sequence[float], y: Sequence[float]) -> list[float]:
        """Return the average after each further point."""
        averages = []
        for position, value in zip(x, y, strict=True):
            passed = max(1e-6, (position - self._last_x) / self._length)
            decay = max(self.least_decay, math.exp(-passed))
            self._last_x = position
            self._mean = decay * self._mean + (1 - decay) * value
            self._weight = decay * self._weight + (1 - decay)
            averages.append(self._mean / self._weight)
        return averages


def loss_top(*curves: NDArray[np.float64]) -> float:
    """Return where the loss axis should end.

    Everything is shown unless a few points tower over the rest: then the axis ends above the 95th percentile, and they
    leave it. Of a short curve that is a point four times as high as its neighbours, unless it is the last one, which
    may be where the curve is going. The result is a round number, so that the axis keeps still while losses arrive.

    Args:
        curves: Losses, each `(n,)`; may be empty.
    """
    highest = usual = allowed = 0.0
    for curve in curves:
        losses = curve[:: max(1, len(curve) // _MOST_RANKED)]
        losses = losses[np.isfinite(losses)]
        if len(losses):
            highest = max(highest, float(losses.max()))
            each = _usual(losses)
            usual, allowed = max(usual, each), max(allowed, each * (_TOWERS if len(losses) >= _FEW else 2 * _TOWERS))
    return round_up(1.05 * (highest if highest <= allowed else 1.25 * usual))


def _usual(losses: NDArray[np.float64]) -> float:
    """Return what a curve stays below but for single points."""
    if len(losses) >= _FEW:
        return float(np.percentile(losses, 95))
    if len(losses) == 1:
        return float(losses[0])
    neighbours = sliding_window_view(np.pad(losses, (1, 0), mode="reflect"), 3)
    return max(float(np.median(neighbours, axis=1).max()), float(losses[-1]))


def round_up(value: float) -> float:
    """Return the smallest round number (1, 1.2, 1.6, 2 … times a power of ten) that is not below `value`."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((top * power for top in _ROUND_TOPS if value <= top * power * (1 + 1e-9)), 10 * power)
