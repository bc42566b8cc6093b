"""Hosting a run in a thread of the window."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QThread

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.events import Event
from cnnstudio.core.priority import give_way
from cnnstudio.runtime.host import told
from cnnstudio.runtime.mailbox import Mailbox

_STACK = 16 * 1024 * 1024  # bytes; macOS gives a thread 512 KiB, and BLAS wants more
_NICE = 5  # steps: the window, which computes little, is not to wait for a core


class ThreadHost:
    """Trains in a QThread; a host as `runtime.host.Host` describes it.

    Attributes:
        control: Steers the run that is under way.
    """

    def __init__(self, parent: QObject) -> None:
        self.control = Control()
        self._parent = parent
        self._mailbox = Mailbox()
        self._thread: _TrainingThread | None = None

    @property
    def active(self) -> bool:
        """Whether a run is under way."""
        return self._thread is not None and not self._thread.isFinished()

    def start(self, config: Config, out: Path, watch: Watch, *, resume: bool = False) -> None:
        """Start a run, or let the one in `out` go on."""
        assert self._thread is None, "one run at a time"
        control, mailbox = Control(), Mailbox()
        control.watch(watch)

        def training() -> None:
            give_way(_NICE)
            from cnnstudio.engine.trainer import train

            train(config, mailbox.put, control, out=out, resume=resume)

        self.control, self._mailbox = control, mailbox
        self._thread = _TrainingThread(training, mailbox.put, self._parent)
        self._thread.start()

    def drain(self) -> list[Event]:
        """Take the events that have come since."""
        return self._mailbox.drain()

    def close(self) -> None:
        """Stop the run, if there is one, and wait until its thread has ended."""
        if self._thread is not None:
            self.control.stop()
            self._thread.wait()
            self._thread.deleteLater()
            self._thread = None


class _TrainingThread(QThread):
    """Calls a training and touches nothing of the window."""

    def __init__(self, training: Callable[[], None], sink: Callable[[Event], None], parent: QObject) -> None:
        super().__init__(parent)
        self.setObjectName("training")
        self.setStackSize(_STACK)
        self._training = training
        self._sink = sink

    def run(self) -> None:
        """Train; an exception that left a QThread would end the process."""
        told(self._training, self._sink)
