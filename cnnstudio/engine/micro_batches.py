"""Batches that the device has no memory for are computed in parts, and the run says so and goes on."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cnnstudio.core.events import Warned

T = TypeVar("T")

_FEWEST: Final = 2  # images from which BatchNorm can learn
# How it is said where no `torch.OutOfMemoryError` is raised.
_SAYINGS: Final = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",  # on Windows
    "MPS backend out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "unable to find an engine to execute this computation",  # cuDNN, where no algorithm gets its workspace
)


class TooLittleMemoryError(Exception):
    """The device has no memory for the smallest part of a batch."""


class Part(NamedTuple):
    """A part of a batch.

    Attributes:
        rows: Which of its images.
        share: How much of the batch they are; the gradients of all parts, each times its share, add up to that of the
            batch.
    """

    rows: slice
    share: float


class MicroBatches:
    """Computes batches whole or, once the device has run out of memory, in parts that fit; never in larger ones again.

    Attributes:
        portion: Images that are computed at once, at most; 0 while whole batches fit.
    """

    def __init__(self, tell: Callable[[Warned], None], portion: int = 0) -> None:
        """Begin with whole batches.

        Args:
            tell: Hears of each division.
            portion: What was found out before.
        """
        self.portion = portion
        self._tell = tell

    def compute(
        self,
        work: Callable[[Sequence[Part]], T],
        size: int,
        *,
        when: str,
        fewest: int = 1,
        undo: Callable[[], None] = lambda: None,
    ) -> T:
        """Do work on a batch, halving its parts for as long as the device runs out of memory.

        Args:
            work: Computes a batch part by part; repeated from the beginning where it does not fit.
            size: Images of the batch.
            when: Since when batches are divided, if they are from now on: `from step 41 on`.
            fewest: Images of the smallest part that can be computed; see `fewest_images`.
            undo: Lets go what work that has failed leaves behind.

        Raises:
            TooLittleMemoryError: The smallest parts do not fit.
        """
        before = self.portion
        while (done := self._tried(work, size, fewest)) is None:
            undo()
            torch.accelerator.empty_cache()  # does nothing on the CPU
            self._halve(size, fewest)
        if self.portion != before:
            self._tell(Warned(text=self._sentence(size, fewest, when)))
        return done[0]

    def _tried(self, work: Callable[[Sequence[Part]], T], size: int, fewest: int) -> tuple[T] | None:
        """Return what the work returns, or None where it does not fit.

        The caller recovers: an exception keeps the tensors of its frames alive until its except block has been left.
        """
        try:
            return (work(self.parts(size, fewest)),)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        return None

    def parts(self, size: int, fewest: int = 1) -> list[Part]:
        """Divide a batch into nearly equal parts of at most `portion` images, but of no fewer than `fewest`."""
        count = min(math.ceil(size / self.portion), max(1, size // fewest)) if self.portion else 1
        ends = [size * number // count for number in range(count + 1)]
        return [Part(slice(begin, end), (end - begin) / size) for begin, end in pairwise(ends)]

    def _halve(self, size: int, fewest: int) -> None:
        now = _largest(self.parts(size, fewest))
        self.portion = math.ceil(now / 2)
        if _largest(self.parts(size, fewest)) == now:
            images = "1 image" if now == 1 else f"{now} images"
            remedy = "lower data.batch_size" if fewest > _FEWEST else "choose a smaller network"
            raise TooLittleMemoryError(
                f"the device has too little memory for {images} at a time; lower data.image_size or {remedy}"
            )

    def _sentence(self, size: int, fewest: int, when: str) -> str:
        parts = self.parts(size, fewest)
        largest = _largest(parts)
        equal = largest * len(parts) == size
        how = f"{len(parts)} × {largest}" if equal else f"{len(parts)} parts of at most {largest}"
        text = f"the device ran out of memory: batches of {size} are computed as {how} {when}"
        return text + (f", and BatchNorm sees {largest} images at a time" if fewest > 1 else "")


def fewest_images(module: nn.Module) -> int:
    """Return how few images a module can learn from at once: two where BatchNorm learns, else one."""
    return _FEWEST if any(isinstance(each, _BatchNorm) and each.training for each in module.modules()) else 1


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device, or the computer, has no memory left."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(saying in str(error) for saying in _SAYINGS)
    )


def _largest(parts: Sequence[Part]) -> int:
    sizes: list[int] = [part.rows.stop - part.rows.start for part in parts]
    return max(sizes)
