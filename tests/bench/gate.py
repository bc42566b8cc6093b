"""Inside a measured process: what its training loop calls after each step, either to be timed or to wait its turn."""

import json
import time
from collections.abc import Callable
from typing import Any, Final, Protocol, TextIO

import psutil

from tests.bench.process_tree import cpu_seconds

_SETTLING: Final = 1  # reports after each wait that are not measured: caches and prefetched batches find their level
_PATIENCE: Final = 3  # epochs that may end before a block is full
_USUAL: Final = 10  # epochs of a run, the first of which is slower where images are read once


class Listener(Protocol):
    """Whom a training loop tells how far it is."""

    def warm(self) -> None:
        """Take note that what came before was a warm-up."""

    def step(self, images: int) -> None:
        """Take note that some more images were learnt from."""

    def epoch(self, **facts: float) -> None:
        """Take note that an epoch is over, validation included; `facts` such as `val_accuracy` are handed on."""


class Reporter:
    """Tells the parent process when each epoch ended and what it cost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._process = psutil.Process()
        self._start()

    def warm(self) -> None:
        """Tell what the warm-up cost, and begin to measure here."""
        self._tell("warm")

    def step(self, images: int) -> None:
        """A step is not told."""

    def epoch(self, **facts: float) -> None:
        """Tell the epoch and begin the next one."""
        self._tell("epoch", **facts)

    def _tell(self, event: str, **facts: float) -> None:
        seconds = time.perf_counter() - self._began
        tell(self._stream, event=event, seconds=seconds, cpu=cpu_seconds(self._process) - self._cpu, **facts)
        self._start()

    def _start(self) -> None:
        self._cpu, self._began = cpu_seconds(self._process), time.perf_counter()


class Gate:
    """Lets the training go on for a block of images at a time, when the parent process says so.

    Between blocks the training stands inside `step`. A block lies within an epoch: one that the end of an epoch cuts
    off is begun anew, so that validation is never part of it.
    """

    def __init__(self, orders: TextIO, answers: TextIO, *, warm_up: int, settled: Callable[[], None]) -> None:
        """Make a gate.

        Args:
            orders: Lines of JSON from the parent: `{"images": 128}` asks for a block.
            answers: Lines of JSON to the parent.
            warm_up: Calls of `step` before the first wait.
            settled: Waits for the device, so that the clock is read when the work is done.
        """
        self._orders, self._answers = orders, answers
        self._settled = settled
        self._process = psutil.Process()
        self._before = cpu_seconds(self._process)
        self._left = warm_up
        self._wanted = 0
        self._images = 0
        self._cut = 0
        self._began = self._cpu = 0.0
        self._ready = False
        self._first: tuple[float, float] | None = None  # seconds and processor time for an image of the first epoch

    def first_epoch(self, images: int, seconds: float) -> None:
        """Take note of what the first epoch took, with everything that is done once: blocks stand for ten epochs.

        Args:
            images: That it has learnt from.
            seconds: Since this object was made, as the processor time is.
        """
        self._first = seconds / images, (cpu_seconds(self._process) - self._before) / images

    def warm(self) -> None:
        """The gate counts the steps of its warm-up by itself."""

    def step(self, images: int) -> None:
        """Count images; at the end of a block tell what it cost and wait for the next order.

        Raises:
            SystemExit: The parent has closed the line.
        """
        if self._left > 0:
            self._left -= 1
            if self._left == 0:
                self._begin()
            return
        if not self._ready:
            self._ready = True
            tell(self._answers, event="ready")
        else:
            self._images += images
            if self._images < self._wanted:
                return
            self._settled()
            seconds = time.perf_counter() - self._began
            cpu = cpu_seconds(self._process) - self._cpu
            seconds, cpu = self._of_a_run(seconds, cpu)
            tell(self._answers, event="block", seconds=seconds, cpu=cpu, images=self._images)
        self._wait()

    def epoch(self, **facts: float) -> None:
        """Drop a block that is not full.

        Raises:
            RuntimeError: No epoch is long enough for a block.
        """
        if not self._ready:
            return
        self._cut += 1
        if self._cut > _PATIENCE:
            raise RuntimeError(f"an epoch has too few images for a block of {self._wanted}")
        self._left = _SETTLING

    def _of_a_run(self, *block: float) -> tuple[float, ...]:
        """Return what a block would have cost as a part of all epochs of a run, the first one included."""
        if self._first is None:
            return block
        firsts = (each * self._images for each in self._first)
        return tuple(((_USUAL - 1) * each + first) / _USUAL for each, first in zip(block, firsts, strict=True))

    def _wait(self) -> None:
        line = self._orders.readline()
        if not line:
            raise SystemExit(0)
        self._wanted = json.loads(line)["images"]
        self._left, self._cut = _SETTLING, 0

    def _begin(self) -> None:
        self._settled()
        self._images = 0
        self._cpu = cpu_seconds(self._process)
        self._began = time.perf_counter()


def tell(stream: TextIO, **fields: Any) -> None:
    """Write one line of JSON."""
    stream.write(json.dumps(fields) + "\n")
    stream.flush()
