"""A run and the window: a timer takes the run's events on the GUI thread, wherever it computes."""

import gc
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.gui.thread_host import ThreadHost
from cnnstudio.runtime.host import Host
from cnnstudio.runtime.process_host import ProcessHost

_TICK_MS = 33


class RunHost(QObject):
    """Runs one training at a time, in a thread or, with `compute.isolated`, in a process of its own.

    Signals:
        streamed: A list of events, at most once a tick, on the GUI thread.
        held: The paused run is at rest; told again every tick.
        ended: The run is over and holds nothing any more; all events have been handed over.
    """

    streamed = Signal(object)
    held = Signal()
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._host: Host = ThreadHost(self)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def control(self) -> Control:
        """Steers the run that is under way."""
        return self._host.control

    @property
    def active(self) -> bool:
        """Whether a run is under way, or its end has not been told yet."""
        return self._timer.isActive()

    def start(self, config: Config, out: Path, watch: Watch, *, resume: bool = False) -> None:
        """Start a run, or let the one in `out` go on; its events follow."""
        assert not self.active, "one run at a time"
        self._host = ProcessHost() if config.compute.isolated else ThreadHost(self)
        self._host.start(config, out, watch, resume=resume)
        self._timer.start()

    def close(self) -> None:
        """Stop the run, if there is one, and wait for its end."""
        if self.active:
            self._host.close()
            self._tick()

    @Slot()
    def _tick(self) -> None:
        over = not self._host.active
        holding = self._host.control.holding  # asked first: what a run reports before it rests is told before
        events = self._host.drain()
        if events:
            self.streamed.emit(events)
        if holding:
            self.held.emit()
        if over:
            self._timer.stop()
            self._host.close()
            gc.collect()  # the run's images and network go now, and on this thread
            self.ended.emit()
