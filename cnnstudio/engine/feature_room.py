"""How many features of a frozen part there are, and where they find room: in memory, in a mapped file, or nowhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import psutil
from numpy.typing import NDArray

from cnnstudio.core.config import Config
from cnnstudio.core.events import Warned
from cnnstudio.data.room import disk_room, mapped

_MEMORY: Final = 0.25  # of what is free
_DISK: Final = 0.5  # of what is free
# Bytes of a feature. A disk that reads 500 MB a second gives the largest one in 2 ms; still larger ones are those of an
# early boundary, and sooner computed than read.
_LARGEST_READ: Final = 2**20
# Views of each training image where they are shifted and mirrored: as many as keep the passes of the frozen part within
# a budget, for they bring little. The best validation accuracy with one, two and four views was 78.6, 78.3 and 78.3 %
# on 1,742 pieces of clip art, 67.8, 66.7 and 66.1 % on 180 of them, and 85.0, 84.9 and 85.4 % on 1,000 pieces of
# clothing (means of 5 seeds).
_MOST_VIEWS: Final = 4
_PASSES: Final = {"cpu": 1_000}
_PASSES_ELSEWHERE: Final = 50_000


def views_of(config: Config, images: int, device: str) -> int:
    """Return how many views of each training image are to go through what is frozen, as configured or by the budget.

    Args:
        config: The run.
        images: Training images.
        device: Type of the device.
    """
    if config.transfer.views != "auto":
        return config.transfer.views
    return max(1, min(_MOST_VIEWS, _PASSES.get(device, _PASSES_ELSEWHERE) // images))


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
