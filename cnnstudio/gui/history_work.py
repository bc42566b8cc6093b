"""The time machine behind the window: which epochs of a run are kept, and what can be seen of them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from cnnstudio.core.control import Watch
from cnnstudio.core.history import LostEpochError, kept_epochs
from cnnstudio.core.pictures import Picture
from cnnstudio.gui.history_view import HistoryView
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.tasks import Tasks
from cnnstudio.gui.words import in_words

if TYPE_CHECKING:
    from cnnstudio.engine.past import Past

_REST_MS: Final = 500  # between two looks at the folder, while an epoch that has ended is being written
_TRIES: Final = 40  # as long: then a full disk or so has kept it from being written


@dataclass(frozen=True, slots=True)
class _Question:
    run: Path
    epoch: int
    watch: Watch


class HistoryWork(QObject):
    """Follows the session's run; while an epoch is shown, what is watched is computed from its weights.

    Only one picture is computed at a time, and only the latest wish waits.

    Attributes:
        view: Where the window stands.

    Signals:
        changed: Where it stands now (`HistoryView`).
        pictured: A picture (`Picture`) of the epoch that is shown.
        said: Level and text of a sentence for the user.
    """

    changed = Signal(object)
    pictured = Signal(object)
    said = Signal(str, str)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.view = HistoryView()
        self._tasks = tasks
        self._watch = Watch()
        self._ready = self._grows = False
        self._due: int | None = None  # the latest epoch that is to be kept by now
        self._tries = 0
        self._lost: set[int] = set()
        self._past: Past | None = None
        self._answered: _Question | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_REST_MS)
        self._timer.timeout.connect(self._list)

    @property
    def busy(self) -> bool:
        """Whether a picture is being computed."""
        return self._tasks.busy("past")

    def follow(self, state: SessionState) -> None:
        """Take up what the session shows."""
        started, run = state.run.started, state.run
        folder = Path(started.run) if started is not None and started.run else None
        due = None if folder is None else run.epochs[-1].epoch if run.epochs else 0
        self._watch, self._ready, self._grows = state.watch, state.torch_ready, run.active
        if folder != self.view.run or (run.ours and not self.view.live):
            self._lost, self._past, self._answered = set(), None, None
            self._show(HistoryView(folder, live=run.ours))
            self._await(due)
        elif due != self._due or run.ours != self.view.live:
            self._show(replace(self.view, live=run.ours))
            self._await(due)
        self._ask()

    def choose(self, epoch: int | None) -> None:
        """Show an epoch that is kept; None for the end of the run, or the run as it is."""
        if epoch is None or epoch in self.view.epochs:
            at_end = not self.view.live and epoch == max(self.view.epochs, default=None)
            epoch = None if at_end else epoch
            self._show(replace(self.view, chosen=epoch))
            self._ask()

    def choose_near(self, at: float) -> None:
        """Show the kept epoch that is nearest to a position in epochs, or the run as it is behind the last one."""
        view = self.view
        if view.epochs:
            behind = view.live and at > view.epochs[-1] + 0.5
            self.choose(None if behind else min(view.epochs, key=lambda epoch: abs(epoch - at)))

    def close(self) -> None:
        """Look no longer."""
        self._timer.stop()

    def _show(self, view: HistoryView) -> None:
        if view != self.view:
            self.view = view
            self.changed.emit(view)

    def _await(self, due: int | None) -> None:
        """Look for the epochs that are kept until the latest one is among them."""
        self._due, self._tries = due, _TRIES
        if due is None:
            self._timer.stop()
        else:
            self._list()
            self._timer.start()

    @Slot()
    def _list(self) -> None:
        run = self.view.run
        if run is not None:
            self._tries -= 1
            self._tasks.submit("kept", lambda _job: (run, kept_epochs(run)), self._listed, self._not_listed)

    def _listed(self, found: tuple[Path, tuple[int, ...]]) -> None:
        run, epochs = found
        view = self.view
        if run != view.run:
            return
        if self._tries <= 0 or not self._grows or self._due in epochs:
            self._timer.stop()
        epochs = tuple(epoch for epoch in epochs if epoch not in self._lost)
        self._show(replace(view, epochs=epochs, chosen=_nearest(epochs, view.chosen)))
        self._ask()

    def _not_listed(self, error: Exception) -> None:
        raise error

    def _question(self) -> _Question | None:
        view = self.view
        if view.run is None or view.epoch is None or not self._ready or not is_looking(self._watch):
            return None
        return _Question(view.run, view.epoch, self._watch)

    def _ask(self) -> None:
        question = self._question()
        if question is None:
            self._answered = None  # whoever looks again wants to be told again
        if question is None or question == self._answered or self.busy:
            return
        self._answered = question
        past = self._past

        def look(_job: object) -> tuple["Past", tuple[Picture, ...]]:
            from cnnstudio.engine.past import Past

            eyes = past or Past(question.run)
            return eyes, eyes.look(question.epoch, question.watch)

        self._tasks.submit(
            "past",
            look,
            lambda seen: self._seen(question, *seen),
            lambda error: self._not_seen(question, error),
        )

    def _seen(self, question: _Question, past: "Past", pictures: tuple[Picture, ...]) -> None:
        if question.run == self.view.run:
            self._past = past
            if self.view.epoch is not None:
                self._show(replace(self.view, note="" if pictures else "seen live only"))
                for picture in pictures:
                    self.pictured.emit(picture)
        self._ask()

    def _not_seen(self, question: _Question, error: Exception) -> None:
        if question.run == self.view.run:
            if isinstance(error, LostEpochError):  # it is passed over from now on
                self._lost.add(question.epoch)
                epochs = tuple(epoch for epoch in self.view.epochs if epoch != question.epoch)
                self._show(replace(self.view, epochs=epochs, chosen=_nearest(epochs, self.view.chosen)))
            self.said.emit("warn", in_words(error))
        self._ask()


def is_looking(watch: Watch) -> bool:
    """Whether any picture is watched."""
    return bool(watch.layer or watch.layers or watch.batchnorm or watch.filters or watch.dropout)


def looking_away(watch: Watch) -> Watch:
    """Return the same without the pictures that are watched."""
    return replace(watch, layer="", layers=(), batchnorm="", filters="", dropout="")


def _nearest(epochs: tuple[int, ...], wanted: int | None) -> int | None:
    if wanted is None or not epochs:
        return None
    return min(epochs, key=lambda epoch: abs(epoch - wanted))
