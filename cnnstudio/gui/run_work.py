"""The run that the window shows, in whichever process it trains: starting and steering it, and what it reports."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from cnnstudio.core.changes import check_change
from cnnstudio.core.config import Config
from cnnstudio.core.control import Change, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event, RunStarted, Scalar, Warned
from cnnstudio.gui.follow_host import FollowHost
from cnnstudio.gui.run_host import RunHost
from cnnstudio.gui.state import RunStatus, RunView, Work
from cnnstudio.gui.tasks import Tasks
from cnnstudio.gui.turns import Turns
from cnnstudio.gui.words import in_sentences, in_words
from cnnstudio.runtime.runs import PastRun, earlier, read_events, read_run, read_story


class RunWork(QObject):
    """One run at a time: of this window, of another process, which is followed and left alone, or one that has ended.

    Attributes:
        view: What it has told.
        host: Carries out runs of this window.
        elsewhere: Follows a run of another process.

    Signals:
        changed: What it has told by now (`RunView`).
        configured: The settings of an earlier run (`Config`) that is about to go on.
        began: A run is told from its begin; curves of an earlier one are out of date.
        resumed: An earlier run goes on, here or in another process.
        streamed: A list of events, once a tick.
        drawing: It is the turn of drawings that take what was streamed together.
        stepped: One stage of a training step was asked for.
        ended: The run has ended, and holds no thread or process any more; or it is followed no longer.
        said: Level and text of a sentence for the user.
    """

    changed = Signal(object)
    configured = Signal(object)
    began = Signal()
    resumed = Signal()
    streamed = Signal(object)
    drawing = Signal()
    stepped = Signal()
    ended = Signal()
    said = Signal(str, str)

    def __init__(self, tasks: Tasks, turns: Turns, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.view = RunView()
        self._tasks = tasks
        self._watch = Watch()
        self._past: list[Scalar] = []  # what the earlier process of a resumed run has reported
        self._caught_up = False
        self.host = RunHost(turns, self)
        self.host.streamed.connect(self._take)
        self.host.drawing.connect(self.drawing)
        self.host.held.connect(self._hold)
        self.host.ended.connect(self._end)
        self.elsewhere = FollowHost(tasks, self)
        self.elsewhere.began_anew.connect(self._follow_anew)
        self.elsewhere.streamed.connect(self._take_followed)
        self.elsewhere.ended.connect(self._end_followed)

    @property
    def active(self) -> bool:
        """Whether there is a run, here or elsewhere."""
        return self.host.active or self.elsewhere.active

    def start(self, config: Config, out: Path) -> None:
        """Start a run."""
        self._begin(RunView(status="running", work=Work("Starting")))
        self._past = []
        self.host.start(config, out, self._watch)

    def go_on(self, folder: Path) -> None:
        """Let a run go on that was stopped or broke off, with the settings that it had."""

        def begin(read: tuple[PastRun, list[Scalar]]) -> None:
            if self.active:
                return  # another one was started meanwhile
            run, self._past = read
            self.configured.emit(run.config)
            self._begin(RunView(status="running", work=Work("Resuming")))
            self.host.start(run.config, folder, self._watch, resume=True)
            self.resumed.emit()

        self._tasks.submit("resume", lambda _job: (read_run(folder), read_events(folder)), begin, self._refuse)

    def follow(self, run: PastRun) -> None:
        """Follow a run that another process writes."""
        self._caught_up = False
        self.configured.emit(run.config)
        self._begin(RunView(status="following", work=Work(f"Following {run.path.name}")))
        self.elsewhere.start(run.path)
        self.resumed.emit()

    def recall(self, folder: Path) -> None:
        """Tell again what a run has told that has ended."""

        def tell(events: list[Scalar]) -> None:
            if events and not self.active:
                self._begin(RunView(status="ended"))
                self._tell(events)
                self.drawing.emit()

        self._tasks.cancel("recall")
        if self.view.started is None or Path(self.view.started.run) != folder:
            self._tasks.submit("recall", lambda _job: read_story(folder), tell, self._refuse)

    def pause(self) -> None:
        """Hold the run after its present step."""
        if self.view.status == "running":
            self.host.control.pause()
            self._set_status("pausing")

    def resume(self) -> None:
        """Let the run go on that is paused."""
        if self.view.status in {"pausing", "paused"}:
            self.host.control.resume()
            self._set_status("running")

    def step(self) -> None:
        """Take one stage of a training step, and hold then; a run that is not paused pauses first."""
        if self.view.status not in {"running", "pausing", "paused"}:
            return
        if self.view.status == "running":
            self._set_status("pausing")
        self.stepped.emit()
        self.host.control.step()

    def change(self, key: str, value: float) -> None:
        """Let the run go on with another setting after its present step; the next run's settings stay.

        It tells what it has taken as `Changed`, and what it cannot take as a sentence for the user.

        Args:
            key: One of `core.changes.LIVE`: `train.lr` (the peak), `model.dropout2d`, `train.epochs` (of the whole
                run), `transfer.train_last`.
            value: Its new value, no share of what it is.
        """
        try:
            self._check(key, value)
        except InputError as error:
            self.said.emit("warn", in_sentences(error))
        else:
            self.host.control.change(Change(key, value))

    def watch(self, watch: Watch) -> None:
        """Let the run compute what is watched."""
        if watch != self._watch:
            self._watch = watch
            self.host.control.watch(watch)

    def stop(self) -> None:
        """End the run after its present step; the best weights are kept. A run of another process is left alone."""
        if self.elsewhere.active:
            self.elsewhere.close()
            self._end()
        elif self.view.active:
            self._set_status("stopping")
            self.host.control.stop()

    def close(self) -> None:
        """Stop the run of this window, and wait for its end."""
        self.host.close()
        self.elsewhere.close()

    def _check(self, key: str, value: float) -> None:
        run = self.view
        if not run.ours or run.status == "stopping" or run.config is None:
            raise InputError("no run of this window goes on", remedy="change the settings of the next run")
        check_change(run.config, key, value)

    def _begin(self, view: RunView) -> None:
        self._show(view)
        self.began.emit()

    def _show(self, view: RunView) -> None:
        self.view = view
        self.changed.emit(view)

    def _set_status(self, status: RunStatus) -> None:
        self._show(replace(self.view, status=status))

    @Slot(object)
    def _take(self, events: list[Event]) -> None:
        self._tell(self._with_past(events), _warnings(events))

    @Slot(object)
    def _take_followed(self, events: list[Event]) -> None:
        news = _warnings(events) if self._caught_up else []  # what was said before this window looked is in the log
        self._caught_up = True
        self._tell(events, news)
        self.drawing.emit()

    def _tell(self, events: Sequence[Event], news: Sequence[Warned] = ()) -> None:
        view = self.view.after(events)
        if view is not self.view:  # pictures leave it as it is
            self._show(view)
        self.streamed.emit(events)
        for warned in news:
            self.said.emit("warn", _words(warned))

    @Slot()
    def _hold(self) -> None:
        if self.view.status == "pausing":
            self._set_status("paused")

    @Slot()
    def _follow_anew(self) -> None:
        self._caught_up = False
        self._begin(RunView(status="following", work=self.view.work))

    @Slot()
    def _end(self) -> None:
        self._show(replace(self.view, status="ended", work=None))
        self.ended.emit()

    @Slot()
    def _end_followed(self) -> None:
        self._end()
        if self.view.ended is None:
            text = "The other process ended without a closing event. Recent runs offer to go on, if it can."
            self.said.emit("warn", text)

    def _refuse(self, error: Exception) -> None:
        self.said.emit("error", in_words(error))

    def _with_past(self, events: list[Event]) -> list[Event]:
        """Put what an earlier process has reported behind the opening of a run that goes on, up to where it does."""
        for at, event in enumerate(events):
            if isinstance(event, RunStarted) and event.resumed_step:
                past, self._past = earlier(self._past, event), []
                return [*events[: at + 1], *past, *events[at + 1 :]]
        return events


def _warnings(events: list[Event]) -> list[Warned]:
    return [event for event in events if isinstance(event, Warned)]


def _words(event: Warned) -> str:
    return f"{event.text[:1].upper()}{event.text[1:]}" + (f" ({event.path})." if event.path else ".")
