"""What paired measurements say: the median of their ratios, and how far it can be trusted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_RESAMPLES: Final = 10_000
_COVERED: Final = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median with its bootstrap interval.

    Attributes:
        value: The median.
        low: Lower end of the 95 % interval; None where there is a single measurement.
        high: Upper end.
        count: Measurements behind it.
    """

    value: float
    low: float | None
    high: float | None
    count: int

    def map(self, change: Callable[[float], float]) -> "Estimate":
        """Return the estimate of a growing function of the value."""
        low, high = (None if each is None else change(each) for each in (self.low, self.high))
        return Estimate(change(self.value), low, high, self.count)


def estimate(values: Sequence[float], *, seed: int = 0) -> Estimate:
    """Return the median of measurements and the percentile bootstrap interval of it (Efron & Tibshirani, 1993).

    Args:
        values: At least one, all finite.
        seed: Of the resampling; the same values give the same interval.

    Raises:
        ValueError: There is no value, or one is not finite.
    """
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no measurement to take the median of")
    if not np.isfinite(array).all():
        raise ValueError(f"a measurement is not finite: {list(values)}")
    value = float(np.median(array))
    if array.size == 1:
        return Estimate(value, None, None, 1)
    drawn = np.random.default_rng(seed).integers(array.size, size=(_RESAMPLES, array.size))
    medians = np.median(array[drawn], axis=1)
    outside = (1 - _COVERED) / 2
    low, high = np.quantile(medians, (outside, 1 - outside))
    return Estimate(value, float(low), float(high), int(array.size))


def paired_ratio(above: Sequence[float], below: Sequence[float], *, seed: int = 0) -> Estimate:
    """Return the median of the ratios of measurements that were taken next to each other.

    What slows both of a pair, such as a warm processor, cancels out; a ratio of two medians would keep it.

    Args:
        above: Numerators.
        below: Denominators, positive, in the same order.
        seed: As for `estimate`.

    Raises:
        ValueError: The lengths differ, a denominator is not positive, or as `estimate`.
    """
    if len(above) != len(below):
        raise ValueError(f"{len(above)} measurements cannot be paired with {len(below)}")
    if any(each <= 0 for each in below):
        raise ValueError(f"a ratio needs positive denominators: {list(below)}")
    return estimate([a / b for a, b in zip(above, below, strict=True)], seed=seed)


def rotated(count: int, turn: int) -> list[int]:
    """Return the order of `count` sides in a round: each comes first, second … equally often."""
    return [(turn + place) % count for place in range(count)]
