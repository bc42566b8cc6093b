"""The session: one frozen state, the actions that replace it, and the work behind them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Watch
from cnnstudio.core.errors import InputError
from cnnstudio.data.survey import Survey
from cnnstudio.gui import background
from cnnstudio.gui.folder_work import FolderWork
from cnnstudio.gui.history_view import AskedEpoch, epoch_words
from cnnstudio.gui.history_work import HistoryWork, looking_away
from cnnstudio.gui.lent_settings import LentSettings
from cnnstudio.gui.moment_work import MomentWork
from cnnstudio.gui.network_work import NetworkWork
from cnnstudio.gui.question_work import QuestionWork
from cnnstudio.gui.rate_work import RateWork
from cnnstudio.gui.run_network import RunNetwork
from cnnstudio.gui.run_work import RunWork
from cnnstudio.gui.state import Notice, NoticeLevel, RunView, SessionState, Work
from cnnstudio.gui.tasks import Tasks
from cnnstudio.gui.turns import Turns
from cnnstudio.gui.weights_work import WeightsWork
from cnnstudio.gui.words import in_words
from cnnstudio.runtime.runs import PastRun, free_run_folder, read_run, recent_runs

if TYPE_CHECKING:  # the summary's module imports torch, which the window does without until it has painted
    from cnnstudio.models.summary import Summary

_SEARCHING: Final = "A learning rate is being looked for: wait, or cancel that first."


class Session(QObject):
    """What the user is doing; pages call its methods and those of its works, and observe the signals of both.

    Attributes:
        state: The present state, never changed in place.
        turns: Shares the ticks of the window among what has to be shown.
        folders: Looks at folders of images, and draws the samples.
        weights: Looks after the pretrained weights.
        rates: Tries learning rates.
        run: The run that is shown, which it steers.
        history: The time machine: shows the run as it was after any of its epochs.
        moments: Looks up the batch of a step, and saves the weights of an epoch.
        questions: Answers what pages ask about networks and runs.

    Signals:
        changed: The new state (`SessionState`).
    """

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = SessionState(recent=recent_runs())
        self._undo: list[Config] = []
        self._lent = LentSettings()
        self._start_when_ready = False
        self._tasks = Tasks(self)
        self.turns = Turns(self)
        self.folders = FolderWork(self._tasks, self)
        self._network = NetworkWork(self._tasks, self)
        self.weights = WeightsWork(self._tasks, self)
        self.rates = RateWork(self._tasks, self)
        self.run = RunWork(self._tasks, self.turns, self)
        self._run_network = RunNetwork(self._tasks, self)
        self.history = HistoryWork(self._tasks, self)
        self.moments = MomentWork(self._tasks, self)
        self.questions = QuestionWork(self._tasks, self)
        self._connect()
        self.weights.follow(self.state.config, 0, ready=False)

    def load_torch(self) -> None:
        """Import torch in the background and find out what will compute."""
        self._tasks.submit("torch", background.load_torch, self._torch_is_ready, self._failed)

    # Data and settings of the next run

    def open_folder(self, folder: Path) -> None:
        """Look at every image of a folder and make it the one to learn from."""
        self.folders.look(folder, self.state.config)

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

    # Runs

    def start(self) -> None:
        """Start a run, or say why that cannot be."""
        if self.run.host.active:
            return
        refusal = _SEARCHING if self.rates.busy else self.state.start_refusal
        if refusal:
            self.say("warn", refusal)
            return
        self.dismiss_notice()
        self.weights.run_begins(self.state.config)
        self.run.start(self.state.config, free_run_folder(self.state.config))

    def start_when_ready(self) -> None:
        """Start as soon as images and torch are there, and the network is known to fit them."""
        self._start_when_ready = True

    def resume_run(self, folder: Path) -> None:
        """Let a run that was stopped or broke off go on, with the settings that it had."""
        if self.run.active:
            self.say("warn", "One run at a time: stop the one that is under way first.")
        elif self.rates.busy:
            self.say("warn", _SEARCHING)
        else:
            self.dismiss_notice()
            self.run.go_on(folder)

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
        if run.written and not self.run.host.active:
            self.run.follow(run)
        elif not self.run.active:
            self.run.recall(folder)

    def use_epoch(self, epoch: int | None) -> None:
        """Let the Test page ask the weights of an epoch of the run that is shown; None brings the best ones back."""
        run = self.state.history.run
        if epoch is None:
            self._set(model_epoch=None)
        elif run is not None:
            accuracy = next((each.val_accuracy for each in self.state.run.epochs if each.epoch == epoch), None)
            self._set(model_folder=run, model_epoch=AskedEpoch(epoch, accuracy))
            self.say("info", f"The Test page now uses the weights of {epoch_words(epoch)} of {run.name}.")

    def watch(self, watch: Watch) -> None:
        """Choose what is looked at while the run goes on."""
        if watch != self.state.watch:
            self._set(watch=watch)

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

    def close(self) -> None:
        """End all threads; a run keeps its best weights."""
        self.run.close()
        self.turns.close()
        self.history.close()
        self._tasks.close()

    def _connect(self) -> None:
        self.folders.working.connect(self._surveying)
        self.folders.opened.connect(self._folder_is_open)
        self.folders.written.connect(lambda path, settings: self.folders.look(path, self.state.config, settings))
        self.folders.failed.connect(self._survey_failed)
        self._network.described.connect(self._take_network)
        self.weights.seen.connect(lambda view: self._set(weights=view))
        self.weights.arrived.connect(self._describe)
        self.weights.chosen.connect(self.use_config)
        self.run.changed.connect(self._take_run)
        self.run.configured.connect(self.use_config)
        self.run.ended.connect(self._run_is_over)
        self._run_network.changed.connect(lambda summary: self._set(run_summary=summary))
        self.history.changed.connect(lambda view: self._set(history=view))
        said = (self.folders.said, self._network.said, self.weights.said, self.run.said)
        for each in (*said, self._run_network.said, self.history.said, self.moments.said, self.questions.said):
            each.connect(self.say)

    def _set(self, **fields: object) -> None:
        self.state = state = replace(self.state, **fields)  # type: ignore[arg-type]
        for follower in (self._run_network, self.history):
            if self.state is state:  # else another follower has changed it, and that was told
                follower.follow(state)
        if self.state is state:
            past = state.history.epoch is not None
            self.run.watch(looking_away(state.watch) if past else state.watch)
            self.changed.emit(state)

    def _adopt(self, config: Config) -> None:
        before, found = self.state.config, self.state.survey
        if (before.data.val_fraction, before.train.seed) != (config.data.val_fraction, config.train.seed):
            found = found and _divided(found, config)
        self._set(config=config, survey=found, notice=None)
        self._describe()

    @Slot()
    def _describe(self) -> None:
        """Work out the layers of the network as the switches stand, and what weights there are for it."""
        config, found, ready = self.state.config, self.state.survey, self.state.torch_ready
        if ready:
            self._network.describe(config, found)
        self.weights.follow(config, len(found.catalog.classes) if found else 0, ready=ready)

    @Slot(object, object)
    def _take_network(self, network: background.Described, before: "Summary | None") -> None:
        self._set(
            summary_before=before,
            summary=network.summary,
            model_problem=network.problem,
            findings=network.findings,
            device=network.device,
            device_reason=network.reason,
            arithmetic=network.arithmetic,
        )
        if self._start_when_ready and self.state.survey is not None and self.state.surveying is None:
            self._start_when_ready = False  # once: what is refused now is not started later by itself
            self.start()

    @Slot(object)
    def _take_run(self, run: RunView) -> None:
        folder = self.state.model_folder
        if run.started is not None and run.has_model and not self.state.run.has_model:
            folder = Path(run.started.run)  # once: after that the user may choose an earlier run
        epoch = self.state.model_epoch if folder == self.state.model_folder else None
        self._set(run=run, model_folder=folder, model_epoch=epoch)
        self.weights.run_says(run.work.text if run.work else "")

    @Slot()
    def _run_is_over(self) -> None:
        ended = self.state.run.ended
        self._set(recent=recent_runs())
        if ended is not None and ended.reason == "failed":
            self.say("error", f"The run failed: {ended.message}", resume=_broken_off(ended.run))

    def _torch_is_ready(self, _: object) -> None:
        self._set(torch_ready=True)
        self._describe()

    @Slot(object)
    def _surveying(self, work: Work | None) -> None:
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

    @Slot(object)
    def _survey_failed(self, error: Exception) -> None:
        self._start_when_ready = False
        self._set(surveying=None)
        self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.say("error", in_words(error))


def _broken_off(run: str) -> PastRun | None:
    """Return the run in a folder if it ended without a word and can go on."""
    try:
        found = read_run(Path(run))
    except (InputError, OSError):
        return None
    return found if found.reason == "unfinished" and found.next_epoch is not None else None


def _divided(found: Survey, config: Config) -> Survey:
    return found.divided(val_fraction=config.data.val_fraction, seed=config.train.seed)
