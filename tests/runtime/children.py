"""Processes that act as if they trained; they start without torch."""

import sys
import textwrap


def acting(training: str) -> list[str]:
    """Return the command of a process that does as it is told where another would train.

    Args:
        training: The body of `train(config, sink, control, *, out, resume)`, with `step`, `ended` and `until_stopped`
            at hand.
    """
    body = textwrap.indent(textwrap.dedent(training).strip(), " " * 4)
    return [sys.executable, "-P", "-c", f"{_BEFORE}\n{body}\n{_AFTER}"]


_BEFORE = """
import os, signal, sys, time, types
import numpy as np
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.events import (Phase, RunEnded, StepEnded)
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.runtime.isolated import main

def step(number):
    return StepEnded(step=number, epoch=0.1, loss=1.0, accuracy=0.5, lr=0.1, images_per_second=10.0)

def ended(reason):
    return RunEnded(reason=reason, best_val_accuracy=None, seconds=1.0, run="")

def until_stopped(sink, control):
    number = 0
    try:
        while True:
            control.check()
            sink(step(number := number + 1))
            time.sleep(0.002)
    except StopRun:
        sink(ended("stopped"))

def train(config, sink, control, *, out, resume):
"""

_AFTER = """
trainer = types.ModuleType("cnnstudio.engine.trainer")
trainer.train = train
sys.modules[trainer.__name__] = trainer
main()
"""
