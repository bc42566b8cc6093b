"""Our own side: `train`, the one way in, whose events tell how far it is."""

import os
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.bench.gate import Gate, Listener
from tests.bench.task import Task

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program itself does before torch loads

from cnnstudio.core.config import load_config
from cnnstudio.core.control import Control
from cnnstudio.core.events import EpochEnded, Event, RunEnded, RunStarted, StepEnded
from cnnstudio.runtime.loading import load_engine
from tests.watches import everything

load_engine()

_ENDLESS: Final = 10_000  # epochs; the parent process says when it is enough


def run(task: Task, listener: Listener) -> None:
    """Train as the command line would, and tell the listener of every reported step."""
    from cnnstudio.engine.trainer import train

    settings = (*task.but(epochs=_ENDLESS if task.by_blocks else task.epochs).settings(), f"data.folder={task.tree[0]}")
    with tempfile.TemporaryDirectory() as folder:
        control = Control()
        ended = train(load_config(None, settings), _Sink(task, listener, control), control, out=Path(folder) / "run")
    if ended.reason != "finished":
        raise RuntimeError(ended.message)


class _Sink:
    """Turns events into counts of images."""

    def __init__(self, task: Task, listener: Listener, control: Control) -> None:
        self._task = task
        self._listener = listener
        self._control = control
        self._began = time.perf_counter()
        self._told = 0  # steps
        self._images = self._steps = 0  # of an epoch

    def __call__(self, event: Event) -> None:
        """Take note of an event; the training waits meanwhile."""
        match event:
            case RunStarted():
                self._images, self._steps = event.train_images, event.steps_per_epoch
                if self._task.watch:
                    self._control.watch(everything(event))
            case StepEnded():
                steps = range(self._told, event.step)
                self._told = event.step
                if isinstance(self._listener, Gate) and event.step <= self._steps:  # images are being read meanwhile
                    if event.step == self._steps:
                        self._listener.first_epoch(self._images, time.perf_counter() - self._began)
                    return
                self._listener.step(sum(self._size(step % self._steps) for step in steps))
            case EpochEnded():
                self._listener.epoch(val_accuracy=event.val_accuracy)
            case RunEnded() if event.reason == "failed":
                raise RuntimeError(event.message)
            case _:
                pass

    def _size(self, step: int) -> int:
        """Return the number of images in a step of the epoch, counted from 0; the last one takes what is left."""
        left = self._images - step * self._task.batch
        return min(self._task.batch, left)
