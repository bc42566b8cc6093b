"""How a run ends otherwise than by its last epoch, in words."""

import errno
import math
import time
from collections.abc import Callable, Iterator
from typing import Final

import torch

from cnnstudio.core.events import EndReason, RunEnded
from cnnstudio.engine.metrics import Averages
from cnnstudio.engine.micro_batches import is_out_of_memory

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_GONE: Final = ("Connection closed by peer", "Connection reset by peer")
_LOST: Final = ("CUDA error", "HIP error")  # where an older driver's error comes as a RuntimeError


class DivergedError(ArithmeticError):
    """The loss is no longer a number."""


def finite(averages: Averages, step: int) -> Averages:
    """Return averages that are numbers.

    Raises:
        DivergedError: The loss is none after that step.
    """
    if not math.isfinite(averages.loss):
        raise DivergedError(f"the loss is no longer a number after step {step}; lower train.lr and start again")
    return averages


def never_began(sink: Callable[[RunEnded], None], began: float, reason: EndReason, message: str) -> RunEnded:
    """Tell that a run has ended before its first step; it has left no folder."""
    ended = RunEnded(reason=reason, best_val_accuracy=None, seconds=time.monotonic() - began, run="", message=message)
    sink(ended)
    return ended


def reason_of(error: Exception, *, resumable: bool = False) -> str:
    """Return in one line why a run failed and what to do.

    Args:
        error: What ended it.
        resumable: Whether it has a checkpoint to go on from.
    """
    resume = " and resume the run" if resumable else ""
    if is_out_of_memory(error):
        return "out of memory; lower data.batch_size or data.image_size"
    if any(isinstance(each, OSError) and each.errno in _FULL for each in _chain(error)):
        return f"the disk is full; make room{resume}"
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    if any(saying in first for saying in _GONE):
        return f"another process of the run has ended; look into its output{resume}"
    if isinstance(error, torch.AcceleratorError) or first.startswith(_LOST):
        return f"the device has failed ({first}); start CNN Studio again{resume}"  # this process cannot use it any more
    return first


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
