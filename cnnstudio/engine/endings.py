"""How a run ends otherwise than by its last epoch, in words."""

import math
import time
from collections.abc import Callable

import torch

from cnnstudio.core.events import EndReason, RunEnded
from cnnstudio.engine.metrics import Averages


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


def reason_of(error: Exception) -> str:
    """Return in one line why a run failed."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return "out of memory; lower data.batch_size or data.image_size"
    return next(iter(str(error).splitlines()), "") or type(error).__name__
