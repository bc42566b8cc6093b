"""Hosting a run in a thread of the window: events go into a mailbox, a timer empties it on the GUI thread."""

import gc
from pathlib import Path

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import RunEnded
from cnnstudio.runtime.mailbox import Mailbox

_TICK_MS = 33
_STACK = 16 * 1024 * 1024  # bytes; macOS gives a thread 512 KiB, and BLAS wants more


class ThreadHost(QObject):
    """Runs one training at a time.

    Attributes:
        control: Steers the run that is under way.

    Signals:
        streamed: A list of events, at most once a tick, on the GUI thread.
        held: The paused run is at rest; told again every tick.
        ended: The thread has ended; all events have been handed over.
    """

    streamed = Signal(object)
    held = Signal()
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.control = Control()
        self._mailbox = Mailbox()
        self._thread: _TrainingThread | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def active(self) -> bool:
        """Whether a run is under way."""
        return self._thread is not None

    def start(self, config: Config, out: Path, watch: Watch, *, resume: bool = False) -> None:
        """Start a run, or let the one in `out` go on; its events follow."""
        assert self._thread is None, "one run at a time"
        self.control = Control()
        self.control.watch(watch)
        self._mailbox = Mailbox()
        self._thread = _TrainingThread(config, self._mailbox, self.control, out, resume, self)
        self._thread.start()
        self._timer.start()

    def close(self) -> None:
        """Stop the run, if there is one, and wait until its thread has ended."""
        if self._thread is not None:
            self.control.stop()
            self._thread.wait()
            self._tick()

    @Slot()
    def _tick(self) -> None:
        finished = self._thread is not None and self._thread.isFinished()
        holding = self.control.holding  # asked first: what a run reports before it rests is told before
        events = self._mailbox.drain()
        if events:
            self.streamed.emit(events)
        if holding:
            self.held.emit()
        if finished and self._thread is not None:
            self._timer.stop()
            self._thread.wait()
            self._thread.deleteLater()
            self._thread = None
            gc.collect()  # the run's images and network go now, and on this thread
            self.ended.emit()


class _TrainingThread(QThread):
    """Calls `train` and touches nothing of the window."""

    def __init__(
        self, config: Config, mailbox: Mailbox, control: Control, out: Path, resume: bool, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.setObjectName("training")
        self.setStackSize(_STACK)
        self._config = config
        self._mailbox = mailbox
        self._control = control
        self._out = out
        self._resume = resume

    def run(self) -> None:
        """Train; whatever goes wrong becomes the closing event."""
        try:
            from cnnstudio.engine.trainer import train

            train(self._config, self._mailbox.put, self._control, out=self._out, resume=self._resume)
        except InputError as error:
            self._fail(error.one_line())
        except Exception as error:  # noqa: BLE001 - an exception that leaves a QThread ends the process
            self._fail(f"{type(error).__name__}: {error}")

    def _fail(self, message: str) -> None:
        self._mailbox.put(RunEnded(reason="failed", best_val_accuracy=None, seconds=0.0, run="", message=message))
