"""The layers of the network that the run which is shown has, whatever the switches of the next run are."""

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from cnnstudio.core.config import Config
from cnnstudio.gui import background
from cnnstudio.gui.seen import Seen
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.tasks import Tasks
from cnnstudio.gui.words import in_words

if TYPE_CHECKING:  # the summary's module imports torch, which the window does without until it has painted
    from cnnstudio.models.summary import Summary


class RunNetwork(QObject):
    """Describes the network of a run, anew only where a change gives it other layers; which of them learn is at hand.

    Signals:
        changed: Its layers, as it learns now (`Summary`); None before they are known.
        said: Level and text of a sentence for the user.
    """

    changed = Signal(object)
    said = Signal(str, str)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._described: Summary | None = None
        self._shown: tuple[Summary | None, int | None] = (None, None)
        self._seen = Seen()
        self._run = ""
        self._network: tuple[object, ...] = ()

    def follow(self, state: SessionState) -> None:
        """Take up the run that the session shows."""
        run, started = state.run, state.run.started
        phase = run.step.phase if run.step else ""
        if not self._seen.anew(started, run.changes, phase, state.torch_ready):
            return
        folder = started.run if started else ""
        if folder != self._run:
            self._run, self._network, self._described = folder, (), None
            self._tasks.cancel("run network")
        config, classes = run.config, len(started.classes) if started else 0
        if config is not None and state.torch_ready:
            network = (config.model, config.data.image_size, classes)
            if network != self._network:
                self._network = network
                self._describe(config, classes)
        self._show(run.learning)

    def _describe(self, config: Config, classes: int) -> None:
        def take(summary: "Summary") -> None:
            self._described = summary
            self._show(self._shown[1])

        self._tasks.submit("run network", lambda _job: background.layers_of(config, classes), take, self._refuse)

    def _show(self, learning: int | None) -> None:
        shown = (self._described, learning)
        if shown[0] is not self._shown[0] or shown[1] != self._shown[1]:
            self._shown = shown
            self.changed.emit(None if self._described is None else with_learning(self._described, learning))

    def _refuse(self, error: Exception) -> None:
        self.said.emit("warn", in_words(error))


def with_learning(summary: "Summary", last: int | None) -> "Summary":
    """Return the layers of the same network while only its last stages learn; None stands for all of them."""
    frozen = set() if last is None else {stage.name for stage in summary.stages[:-last]}
    rows = tuple(replace(row, frozen=row.stage in frozen) for row in summary.rows)
    stages = tuple(replace(stage, frozen=stage.name in frozen) for stage in summary.stages)
    return replace(summary, rows=rows, stages=stages, trainable=sum(row.parameters for row in rows if not row.frozen))
