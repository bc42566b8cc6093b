"""Looking for a learning rate behind the window."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.events import Phase, Warned
from cnnstudio.gui.state import Work
from cnnstudio.gui.tasks import Tasks
from cnnstudio.gui.words import in_sentences

if TYPE_CHECKING:
    from cnnstudio.engine.lr_finder import RateCurve


@dataclass(frozen=True, slots=True)
class RatesTried:
    """What came of trying learning rates.

    Attributes:
        curve: The loss at each rate, and the suggestion.
        present: The peak rate of a run with the present settings.
    """

    curve: "RateCurve"
    present: float


class RateWork(QObject):
    """Tries learning rates on a copy of the network that a run would train, one search at a time.

    Signals:
        working: What is being done (`Work`).
        found: What came of it (`RatesTried`).
        failed: Why nothing did, in one sentence.
        cancelled: The search has ended as it was asked to.
    """

    working = Signal(object)
    found = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._control = Control()

    @property
    def busy(self) -> bool:
        """Whether a search is under way; it draws from the random numbers that a run would begin with."""
        return self._tasks.busy("rates")

    def search(self, config: Config) -> None:
        """Prepare a run as configured, and try learning rates on it."""
        self._control = control = Control()
        self.working.emit(Work("Preparing"))
        self._tasks.submit(
            "rates",
            lambda job: try_rates(config, job.report, control),
            self.found.emit,
            self._ended,
            self.working.emit,
        )

    def cancel(self) -> None:
        """End the search within a step; `cancelled` tells when it has."""
        self._control.stop()

    def _ended(self, error: Exception) -> None:
        match error:
            case StopRun():
                self.cancelled.emit()
            case InputError():
                self.failed.emit(in_sentences(error))
            case _:
                from cnnstudio.engine.endings import reason_of

                reason = reason_of(error)
                self.failed.emit(f"{reason[:1].upper()}{reason[1:]}.")


def try_rates(config: Config, report: Callable[[object], None], control: Control) -> RatesTried:
    """Try learning rates on a copy of the network of a run.

    Args:
        config: The run.
        report: Told of the progress (`Work`).
        control: May stop it.

    Raises:
        InputError: Something in the configuration or the folder cannot be used.
        StopRun: Asked to stop.
    """
    from cnnstudio.engine.lr_finder import search
    from cnnstudio.engine.schedule import peak_lr

    def tell(event: Phase | Warned) -> None:
        if isinstance(event, Phase):
            report(Work(event.text, event.done))

    return RatesTried(search(config, tell, control), peak_lr(config))
