"""Where the features of a frozen part find room: in memory, in a mapped file on the disk, or nowhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import psutil
from numpy.typing import NDArray

from cnnstudio.core.events import Warned
from cnnstudio.data.room import disk_room, mapped

_MEMORY: Final = 0.25  # of what is free
_DISK: Final = 0.5  # of what is free
# Bytes of a feature. A disk that reads 500 MB a second gives the largest one in 2 ms; still larger ones are those of an
# early boundary, and sooner computed than read.
_LARGEST_READ: Final = 2**20


@dataclass(frozen=True, slots=True)
class FeatureRoom:
    """How many features there is room for, and where.

    Attributes:
        shape: Of a feature; it takes two bytes a number.
        views: Of each training image; 0 where there is no room for one.
        on_disk: Whether it is in a mapped file, which is read again in each epoch.
    """

    shape: tuple[int, ...]
    views: int
    on_disk: bool = False

    @classmethod
    def of(cls, shape: tuple[int, ...], *, train: int, val: int, views: int, report: Callable[[Warned], None]) -> Self:
        """Look for room, first in memory, where fewer views do as well.

        Args:
            shape: Of a feature.
            train: Training images.
            val: Validation images, of which one view is wanted.
            views: That are wanted of each training image.
            report: Told where it is not in memory.
        """
        size = 2 * math.prod(shape)
        least = size * (train + val)
        memory = psutil.virtual_memory().available * _MEMORY

        def most(budget: float) -> int:
            return max(1, min(views, int((budget - size * val) // (size * train))))

        if least <= memory:
            return cls(shape, most(memory))
        disk = _disk()
        if size <= _LARGEST_READ and least <= disk:
            views = most(disk)
            whole = size * (train * views + val)
            what = f"the features of the frozen part take {whole / 1e9:.1f} GB, more than there is memory for"
            report(Warned(text=f"{what}: they are in a file while the run lasts"))
            return cls(shape, views, on_disk=True)
        what = f"the features of the frozen part would take {least / 1e9:.1f} GB of memory"
        if size <= _LARGEST_READ:
            what += f", and the disk has room for {disk / 1e9:.1f} GB"
        report(Warned(text=f"{what}, so it runs in every epoch"))
        return cls(shape, 0)

    def allocate(self, count: int) -> NDArray[np.float16]:
        """Return an array of features `(count, *shape)`, whose file vanishes with it.

        Raises:
            OSError: The disk has no room any more.
        """
        whole = (count, *self.shape)
        return mapped(whole, np.float16, "features") if self.on_disk else np.empty(whole, np.float16)


def _disk() -> float:
    """Return how many bytes of features the disk may take; none where we cannot write."""
    try:
        return disk_room() * _DISK
    except OSError:
        return 0.0
