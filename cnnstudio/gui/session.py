"""The session: one frozen state, the actions that replace it, and the work behind them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event, Scalar, Warned
from cnnstudio.data.survey import Survey
from cnnstudio.gui import background
from cnnstudio.gui.folder_work import FolderWork
from cnnstudio.gui.history_view import AskedEpoch, HistoryView, epoch_words
from cnnstudio.gui.history_work import HistoryWork, looking_away
from cnnstudio.gui.layer_words import Before
from cnnstudio.gui.lent_settings import LentSettings
from cnnstudio.gui.moment_work import MomentWork
from cnnstudio.gui.rate_work import RateWork
from cnnstudio.gui.run_work import RunWork
from cnnstudio.gui.state import Notice, NoticeLevel, RunStatus, RunView, SessionState, Work
from cnnstudio.gui.tasks import Job, Tasks
from cnnstudio.gui.turns import Turns
from cnnstudio.gui.weights_view import WeightsView
from cnnstudio.gui.weights_work import WeightsWork
from cnnstudio.gui.words import in_sentences
from cnnstudio.runtime.diagnosis import Diagnosis, Record
from cnnstudio.runtime.runs import (
    Curves,
    PastRun,
    free_run_folder,
    read_curves,
    read_events,
    read_run,
    read_story,
    recent_runs,
)
from cnnstudio.runtime.training_doctor import diagnose

_SEARCHING: Final = "A learning rate is being looked for: wait, or cancel that first."


class Session(QObject):
    """What the user is doing; pages call its methods and observe its signals.

    Attributes:
        state: The present state, never changed in place.
        weights: Looks after the pretrained weights.
        rates: Tries learning rates.
        history: The time machine: shows the run as it was after any of its epochs.
        moments: Looks up the batch of a step, and saves the weights of an epoch.
        turns: Shares the ticks of the window among what has to be shown.

    Signals:
        changed: The new state (`SessionState`).
        streamed: A list of a run's events, once a tick; for curves and pictures.
        drawing: What was streamed can be drawn, where that takes long: in another tick.
        run_began: A run was started; curves of an earlier one are out of date.
        run_resumed: An earlier run goes on, here or in another process.
        stepped: One stage of a training step was asked for.
        run_ended: The run is over, and holds no thread or process any more; or it is followed no longer.
        samples_drawn: Some pictures of samples, by name (`dict[str, tuple[Pixels, ...]]`).
        predicted: The answer for the image on the Test page (`Answer`).
        not_predicted: Why there is no answer, in one sentence.
        compared: Feature maps now and before (`Compared`).
        not_compared: Why there are none, in one sentence.
    """

    changed = Signal(object)
    streamed = Signal(object)
    drawing = Signal()
    run_began = Signal()
    run_resumed = Signal()
    stepped = Signal()
    run_ended = Signal()
    samples_drawn = Signal(object)
    predicted = Signal(object)
    not_predicted = Signal(str)
    compared = Signal(object)
    not_compared = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = SessionState(recent=recent_runs())
        self._undo: list[Config] = []
        self._lent = LentSettings()
        self._before = Before()
        self._start_when_ready = False
        self._tasks = Tasks(self)
        self.weights = WeightsWork(self._tasks, self)
        self.weights.seen.connect(self._take_weights)
        self.weights.arrived.connect(self._describe)
        self.weights.chosen.connect(self.use_config)
        self.weights.said.connect(self.say)
        self.rates = RateWork(self._tasks, self)
        self.history = HistoryWork(self._tasks, self)
        self.history.changed.connect(self._take_history)
        self.history.said.connect(self.say)
        self.moments = MomentWork(self._tasks, self)
        self.moments.said.connect(self.say)
        self._folders = FolderWork(self._tasks, self)
        self._folders.working.connect(self._surveying)
        self._folders.opened.connect(self._folder_is_open)
        self._folders.written.connect(lambda path, settings: self._folders.look(path, self.state.config, settings))
        self._folders.failed.connect(self._survey_failed)
        self._folders.drawn.connect(self.samples_drawn)
        self._folders.not_drawn.connect(self._failed)
        self.turns = Turns(self)
        self._runs = RunWork(self._tasks, self.turns, self)
        self._runs.streamed.connect(self._take_events)
        self._runs.drawing.connect(self.drawing)
        self._runs.held.connect(self._run_holds)
        self._runs.began_anew.connect(self._follow_anew)
        self._runs.over.connect(self._run_is_over)
        self.weights.follow(self.state.config, 0, ready=False)

    def load_torch(self) -> None:
        """Import torch in the background and find out what will compute."""
        self._tasks.submit("torch", background.load_torch, self._torch_is_ready, self._failed)

    # Data

    def open_folder(self, folder: Path) -> None:
        """Look at every image of a folder and make it the one to learn from."""
        self._folders.look(folder, self.state.config)

    def open_sample(self, name: str) -> None:
        """Write a sample data set, if it is not there yet, and open it; while it is open, its own settings hold."""
        self._folders.write_sample(name)

    def draw_samples(self, each: int) -> None:
        """Draw some pictures of every sample, to show what they are like."""
        self._folders.draw_samples(each)

    def cancel_survey(self) -> None:
        """Give up looking at a folder."""
        self._folders.cancel()
        self._set(surveying=None)

    # Settings

    def set_value(self, key: str, value: object) -> None:
        """Change one setting of the next run; what is not allowed becomes a notice."""
        try:
            config = self.state.config.replace(key, value)
        except InputError as error:
            self.say("warn", error.one_line())  # which also puts the control back
        else:
            self.use_config(config)

    def use_config(self, config: Config) -> None:
        """Replace all settings of the next run; `undo` brings the present ones back."""
        if config != self.state.config:
            self._undo.append(self.state.config)
            self._adopt(config)

    def undo(self) -> None:
        """Take back the latest change of a setting."""
        if self._undo:
            self._adopt(self._undo.pop().replace("data.folder", self.state.config.data.folder))

    def _adopt(self, config: Config) -> None:
        before, found = self.state.config, self.state.survey
        if (before.data.val_fraction, before.train.seed) != (config.data.val_fraction, config.train.seed):
            found = found and _divided(found, config)
        self._set(config=config, survey=found, notice=None)
        self._describe()

    # Run

    def start(self) -> None:
        """Start a run, or say why that cannot be."""
        if self._runs.host.active:
            return
        refusal = _SEARCHING if self.rates.busy else self.state.start_refusal
        if refusal:
            self.say("warn", refusal)
            return
        self._set(run=RunView(status="running", work=Work("Starting")), notice=None)
        self.run_began.emit()
        self.weights.run_begins(self.state.config)
        self._runs.start(self.state.config, free_run_folder(self.state.config), self.state.watch)

    def resume_run(self, folder: Path) -> None:
        """Let a run that was stopped or broke off go on, with the settings that it had."""
        if self._runs.active:
            self.say("warn", "One run at a time: stop the one that is under way first.")
            return
        if self.rates.busy:
            self.say("warn", _SEARCHING)
            return

        def begin(read: tuple[PastRun, list[Scalar]]) -> None:
            if self._runs.host.active:
                return  # another one was started meanwhile
            run, past = read
            self.use_config(run.config)
            self._set(run=RunView(status="running", work=Work("Resuming")), notice=None)
            self.run_began.emit()
            self._runs.go_on(run.config, folder, self.state.watch, past)
            self.run_resumed.emit()

        self._tasks.submit("resume", lambda _job: (read_run(folder), read_events(folder)), begin, self._failed)

    def start_when_ready(self) -> None:
        """Start as soon as images and torch are there, and the network is known to fit them."""
        self._start_when_ready = True

    def pause(self) -> None:
        """Hold the run after its present step."""
        if self.state.run.status == "running":
            self._runs.host.control.pause()
            self._set_run("pausing")

    def resume(self) -> None:
        """Let the run go on."""
        if self.state.run.status in {"pausing", "paused"}:
            self._runs.host.control.resume()
            self._set_run("running")

    def change(self, key: str, value: float) -> None:
        """Let the run that goes on take another setting after its present step; the next run's settings stay.

        The run tells what it has taken as `Changed`, and what it cannot take as a notice.

        Args:
            key: One of `core.changes.LIVE`: `train.lr` (the peak), `model.dropout2d`, `train.epochs` (of the whole
                run), `transfer.train_last`.
            value: Its new value, no share of what it is.
        """
        try:
            self._runs.change(key, value, self.state.run)
        except InputError as error:
            self.say("warn", in_sentences(error))

    def step(self) -> None:
        """Take one stage of a training step, and hold then; a run that is not paused pauses first."""
        if self.state.run.status not in {"running", "pausing", "paused"}:
            return
        if self.state.run.status == "running":
            self._set_run("pausing")
        self.stepped.emit()
        self._runs.host.control.step()

    def stop(self) -> None:
        """End the run after its present step; the best weights are kept. A run of another process is left alone."""
        if self.state.run.active:
            if self.state.run.status != "following":
                self._set_run("stopping")
            self._runs.stop()

    def watch(self, watch: Watch) -> None:
        """Choose what is looked at while the run goes on."""
        if watch != self.state.watch:
            self._set(watch=watch)
        self._watch_run()

    def _watch_run(self) -> None:
        """Let the run compute what is watched, unless an earlier epoch of it is shown."""
        watch = self.state.watch
        past = self.state.history.epoch is not None
        self._runs.host.control.watch(looking_away(watch) if past else watch)

    # Test

    def open_run(self, folder: Path) -> None:
        """Make the model of an earlier run the one to ask; one that another process is writing is followed."""
        try:
            run = read_run(folder)
        except InputError as error:
            self._failed(error)
            return
        recent = self.state.recent
        known = any(other.path == folder for other in recent)
        asked = folder if run.best_epoch or not run.written else self.state.model_folder
        epoch = None if asked == folder else self.state.model_epoch
        self._set(model_folder=asked, model_epoch=epoch, recent=recent if known else (run, *recent), notice=None)
        if run.written and not self._runs.host.active:
            self._follow(run)
        elif not self._runs.active:
            self._recall(folder)

    def _follow(self, run: PastRun) -> None:
        self.use_config(run.config)
        self._set(run=RunView(status="following", work=Work(f"Following {run.path.name}")))
        self.run_began.emit()
        self._runs.follow(run.path)
        self.run_resumed.emit()

    def _recall(self, folder: Path) -> None:
        """Show the curves and the history of a run that has ended; the settings of the next run stay."""
        shown = self.state.run.started
        if shown is not None and Path(shown.run) == folder:
            return

        def show(events: list[Scalar]) -> None:
            if events and not self._runs.active:
                self._set(run=RunView(status="ended"))
                self.run_began.emit()
                self._set(run=self.state.run.after(events))
                self.streamed.emit(events)
                self.drawing.emit()

        self._tasks.submit("recall", lambda _job: read_story(folder), show, self._failed)

    def use_epoch(self, epoch: int | None) -> None:
        """Let the Test page ask the weights of an epoch of the run that is shown; None brings the best ones back."""
        run = self.state.history.run
        if epoch is None:
            self._set(model_epoch=None)
        elif run is not None:
            accuracy = next((each.val_accuracy for each in self.state.run.epochs if each.epoch == epoch), None)
            self._set(model_folder=run, model_epoch=AskedEpoch(epoch, accuracy))
            self.say("info", f"The Test page now uses the weights of {epoch_words(epoch)} of {run.name}.")

    def predict(self, image: Path) -> None:
        """Ask the model of the Test page about an image."""
        folder = self.state.model_folder
        if folder is None:
            self.not_predicted.emit("There is no trained model yet: train one, or open an earlier run.")
            return
        asked = self.state.model_epoch
        epoch = asked.epoch if asked else None
        self._tasks.submit(
            "predict", lambda _job: background.predict(folder, image, epoch), self.predicted.emit, self._not_predicted
        )

    # Model

    def compare(self, question: background.Question) -> None:
        """Compute feature maps now and before; a question that is not answered yet is dropped."""
        self._tasks.submit(
            "consequence", lambda job: background.compare(question, job), self.compared.emit, self._not_compared
        )

    def stop_comparing(self) -> None:
        """Drop the question that is not answered yet."""
        self._tasks.cancel("consequence")

    # Around

    def say(self, level: NoticeLevel, text: str, *, resume: PastRun | None = None) -> None:
        """Show one sentence to the user, perhaps with the offer to let a run go on."""
        self._set(notice=Notice(level, text, resume))

    def accept_offer(self) -> None:
        """Let the run go on that the notice offers."""
        notice = self.state.notice
        if notice is not None and notice.resume is not None:
            self.resume_run(notice.resume.path)

    def dismiss_notice(self) -> None:
        """Take the sentence away."""
        self._set(notice=None)

    def read_curves(self, run: Path, done: Callable[[Curves], None]) -> None:
        """Read the curves of an earlier run beside the window's thread; what goes wrong becomes a notice."""
        self._tasks.submit("curves", lambda _job: read_curves(run), done, self._failed)

    def diagnose(self, record: Record, done: Callable[[tuple[Diagnosis, ...]], None]) -> None:
        """Judge what a run has reported so far, beside the window's thread: after many epochs it takes 0.1 s."""
        known = record.copy()
        self._tasks.submit("doctor", lambda _job: diagnose(known), done, self._failed)

    def stop_diagnosing(self) -> None:
        """Drop the judgement that is not there yet."""
        self._tasks.cancel("doctor")

    def close(self) -> None:
        """End all threads; a run keeps its best weights."""
        self._runs.close()
        self.turns.close()
        self.history.close()
        self._tasks.close()

    def _set(self, **fields: object) -> None:
        self.state = state = replace(self.state, **fields)  # type: ignore[arg-type]
        self.history.follow(state)
        if self.state is state:  # else the time machine has changed it, and that was told
            self.changed.emit(state)

    def _set_run(self, status: RunStatus) -> None:
        self._set(run=replace(self.state.run, status=status))

    def _describe(self) -> None:
        """Work out the layers of the network as the switches stand, and what weights there are for it."""
        config, found = self.state.config, self.state.survey
        classes = len(found.catalog.classes) if found else 0
        if not self.state.torch_ready:
            self.weights.follow(config, classes, ready=False)
            return

        def described(answer: background.Described) -> None:
            self._before.take(config, answer.summary)
            self._set(
                summary_before=self._before.summary,
                summary=answer.summary,
                model_problem=answer.problem,
                findings=answer.findings,
                device=answer.device,
                device_reason=answer.reason,
                arithmetic=answer.arithmetic,
            )
            self._tasks.submit("foresee", lambda job: background.foresee(config, job), lambda _: None, self._failed)
            if self._start_when_ready and found is not None and self.state.surveying is None:
                self._start_when_ready = False  # once: what is refused now is not started later by itself
                self.start()

        def describe(_job: Job[background.Described]) -> background.Described:
            return background.describe(config, found.counts() if found else ())

        self._tasks.cancel("foresee")
        self._tasks.submit("describe", describe, described, self._failed)
        self.weights.follow(config, classes, ready=True)

    @Slot(object)
    def _take_weights(self, weights: WeightsView) -> None:
        self._set(weights=weights)

    @Slot(object)
    def _take_history(self, view: HistoryView) -> None:
        self._set(history=view)
        self._watch_run()

    @Slot(object, object)
    def _take_events(self, events: list[Event], news: list[Warned]) -> None:
        run = self.state.run.after(events)
        folder = self.state.model_folder
        if run.started is not None and run.has_model and not self.state.run.has_model:
            folder = Path(run.started.run)  # once: after that the user may choose an earlier run
        self._set(
            run=run,
            model_folder=folder,
            model_epoch=self.state.model_epoch if folder == self.state.model_folder else None,
        )
        self.weights.run_says(run.work.text if run.work else "")
        self.streamed.emit(events)
        for warned in news:
            self.say("warn", _warning(warned))

    @Slot()
    def _run_holds(self) -> None:
        if self.state.run.status == "pausing":
            self._set_run("paused")

    @Slot()
    def _follow_anew(self) -> None:
        self._set(run=RunView(status="following", work=self.state.run.work))
        self.run_began.emit()

    @Slot(bool)
    def _run_is_over(self, elsewhere: bool) -> None:
        ended = self.state.run.ended
        self._set(run=replace(self.state.run, status="ended", work=None), recent=recent_runs())
        self.weights.run_says("")
        if ended is not None and ended.reason == "failed":
            self.say("error", f"The run failed: {ended.message}", resume=_broken_off(ended.run))
        self.run_ended.emit()
        if elsewhere and ended is None:
            self.say("warn", "The other process ended without a closing event. Recent runs offer to go on, if it can.")

    def _torch_is_ready(self, _: object) -> None:
        self._set(torch_ready=True)
        self._describe()

    @Slot(object)
    def _surveying(self, work: Work) -> None:
        begins = self.state.surveying is None
        self._set(surveying=work, notice=None if begins else self.state.notice)

    @Slot(object, object, object)
    def _folder_is_open(self, folder: Path, found: Survey, settings: tuple[str, ...]) -> None:
        wanted = self._lent.exchange(self.state.config, settings)
        if wanted != self.state.config:
            self._undo.append(self.state.config)
        self._set(
            survey=_divided(found, wanted),  # the settings may have changed meanwhile
            surveying=None,
            config=wanted.replace("data.folder", str(folder)),
            watch=replace(self.state.watch, image=""),
        )
        self._describe()

    def _survey_failed(self, error: Exception) -> None:
        self._start_when_ready = False
        self._set(surveying=None)
        self._failed(error)

    def _not_predicted(self, error: Exception) -> None:
        self.not_predicted.emit(_sentence(error))

    def _not_compared(self, error: Exception) -> None:
        self.not_compared.emit(_sentence(error))

    def _failed(self, error: Exception) -> None:
        self.say("error", _sentence(error))


def _broken_off(run: str) -> PastRun | None:
    """Return the run in a folder if it ended without a word and can go on."""
    try:
        found = read_run(Path(run))
    except (InputError, OSError):
        return None
    return found if found.reason == "unfinished" and found.next_epoch is not None else None


def _divided(found: Survey, config: Config) -> Survey:
    return found.divided(val_fraction=config.data.val_fraction, seed=config.train.seed)


def _warning(event: Warned) -> str:
    return f"{event.text[:1].upper()}{event.text[1:]}" + (f" ({event.path})." if event.path else ".")


def _sentence(error: Exception) -> str:
    return in_sentences(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
