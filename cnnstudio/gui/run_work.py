"""The run that the window shows, in whichever process it trains: starting and steering it, and what it reports."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from cnnstudio.core.changes import check_change
from cnnstudio.core.config import Config
from cnnstudio.core.control import Change, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event, RunStarted, Scalar, Warned
from cnnstudio.gui.follow_host import FollowHost
from cnnstudio.gui.run_host import RunHost
from cnnstudio.gui.state import RunView
from cnnstudio.gui.tasks import Tasks
from cnnstudio.gui.turns import Turns
from cnnstudio.runtime.runs import earlier


class RunWork(QObject):
    """One run at a time: of this window, or of another process, which is followed and left alone.

    Attributes:
        host: Carries out runs of this window.
        elsewhere: Follows a run of another process.

    Signals:
        streamed: A list of events, and those of its warnings that are news.
        drawing: It is the turn of drawings that take what was streamed together.
        held: The paused run is at rest; told again every tick.
        began_anew: What a followed run has reported no longer counts.
        over: The run has ended, and holds no thread or process any more, or it is followed no longer; and whether it
            was another process that came to an end.
    """

    streamed = Signal(object, object)
    drawing = Signal()
    held = Signal()
    began_anew = Signal()
    over = Signal(bool)

    def __init__(self, tasks: Tasks, turns: Turns, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._past: list[Scalar] = []  # what the earlier process of a resumed run has reported
        self._caught_up = False
        self.host = RunHost(turns, self)
        self.host.streamed.connect(self._take)
        self.host.drawing.connect(self.drawing)
        self.host.held.connect(self.held)
        self.host.ended.connect(lambda: self.over.emit(False))
        self.elsewhere = FollowHost(tasks, self)
        self.elsewhere.began_anew.connect(self._follow_anew)
        self.elsewhere.streamed.connect(self._take_followed)
        self.elsewhere.ended.connect(lambda: self.over.emit(True))

    @property
    def active(self) -> bool:
        """Whether there is a run, here or elsewhere."""
        return self.host.active or self.elsewhere.active

    def start(self, config: Config, out: Path, watch: Watch) -> None:
        """Start a run."""
        self._past = []
        self.host.start(config, out, watch)

    def go_on(self, config: Config, out: Path, watch: Watch, past: list[Scalar]) -> None:
        """Let a run go on that has reported something before."""
        self._past = past
        self.host.start(config, out, watch, resume=True)

    def follow(self, run: Path) -> None:
        """Follow the run in a folder that another process writes."""
        self._caught_up = False
        self.elsewhere.start(run)

    def change(self, key: str, value: float, run: RunView) -> None:
        """Ask the run of this window to go on with another setting after its present step.

        Args:
            key: One of `core.changes.LIVE`.
            value: Its new value.
            run: What the run has told of itself.

        Raises:
            InputError: There is no such run, or it cannot take that.
        """
        if not run.ours or run.status == "stopping" or run.config is None:
            raise InputError("no run of this window goes on", remedy="change the settings of the next run")
        check_change(run.config, key, value)
        self.host.control.change(Change(key, value))

    def stop(self) -> None:
        """Ask the run to end after its present step; one that is only followed is left alone from now on."""
        if self.elsewhere.active:
            self.elsewhere.close()
            self.over.emit(False)
        else:
            self.host.control.stop()

    def close(self) -> None:
        """Stop the run of this window, and wait for its end."""
        self.host.close()
        self.elsewhere.close()

    @Slot(object)
    def _take(self, events: list[Event]) -> None:
        self.streamed.emit(self._with_past(events), _warnings(events))

    @Slot(object)
    def _take_followed(self, events: list[Event]) -> None:
        news = _warnings(events) if self._caught_up else []  # what was said before this window looked is in the log
        self._caught_up = True
        self.streamed.emit(events, news)
        self.drawing.emit()

    @Slot()
    def _follow_anew(self) -> None:
        self._caught_up = False
        self.began_anew.emit()

    def _with_past(self, events: list[Event]) -> list[Event]:
        """Put what an earlier process has reported behind the opening of a run that goes on, up to where it does."""
        for at, event in enumerate(events):
            if isinstance(event, RunStarted) and event.resumed_step:
                past, self._past = earlier(self._past, event), []
                return [*events[: at + 1], *past, *events[at + 1 :]]
        return events


def _warnings(events: list[Event]) -> list[Warned]:
    return [event for event in events if isinstance(event, Warned)]
