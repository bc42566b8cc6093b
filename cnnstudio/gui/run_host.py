"""A run and the window: the run's events are taken on the GUI thread, in turns, wherever it computes."""

import gc
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.events import Phase
from cnnstudio.core.pictures import Picture
from cnnstudio.gui.thread_host import ThreadHost
from cnnstudio.gui.turns import Turns
from cnnstudio.runtime.host import Host
from cnnstudio.runtime.process_host import ProcessHost


class RunHost(QObject):
    """Runs one training at a time, in a thread or, with `compute.isolated`, in a process of its own.

    What a run reports is shown in turns: first its scalars, then the drawings of them, then each picture.

    Attributes:
        active: Whether a run is under way, or its end has not been told yet.

    Signals:
        streamed: A list of events, on the GUI thread: scalars and the phase, or one picture.
        drawing: It is the turn of drawings that take what was streamed together.
        held: The paused run is at rest; told again every tick.
        ended: The run is over and holds nothing any more; all events have been handed over.
    """

    streamed = Signal(object)
    drawing = Signal()
    held = Signal()
    ended = Signal()

    def __init__(self, turns: Turns, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.active = False
        self._host: Host = ThreadHost(self)
        self._turns = turns
        turns.free.connect(self._take)

    @property
    def control(self) -> Control:
        """Steers the run that is under way."""
        return self._host.control

    def start(self, config: Config, out: Path, watch: Watch, *, resume: bool = False) -> None:
        """Start a run, or let the one in `out` go on; its events follow."""
        assert not self.active, "one run at a time"
        self._host = ProcessHost() if config.compute.isolated else ThreadHost(self)
        self._host.start(config, out, watch, resume=resume)
        self.active = True
        self._turns.keep(on=True)

    def close(self) -> None:
        """Stop the run, if there is one, and wait for its end."""
        if self.active:
            self._host.close()
            self._turns.finish()
            self._take()
            self._turns.finish()

    @Slot()
    def _take(self) -> None:
        if not self.active:
            return
        over = not self._host.active
        holding = self._host.control.holding  # asked first: what a run reports before it rests is told before
        events = self._host.drain()
        told = [event for event in events if not isinstance(event, Picture)]
        if told:
            self._turns.later(partial(self.streamed.emit, told))
        if any(not isinstance(event, Phase) for event in told):
            self._turns.later(self.drawing.emit)
        self._turns.later(*(partial(self.streamed.emit, [event]) for event in events if isinstance(event, Picture)))
        if holding:
            self._turns.later(self.held.emit)
        if over:
            self._turns.later(self._end)

    def _end(self) -> None:
        self.active = False
        self._turns.keep(on=False)
        self._host.close()
        gc.collect()  # the run's images and network go now, and on this thread
        self.ended.emit()
