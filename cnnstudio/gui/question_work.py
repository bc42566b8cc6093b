"""Questions of pages about networks and runs, answered beside the window's thread."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cnnstudio.gui import background
from cnnstudio.gui.history_view import AskedEpoch
from cnnstudio.gui.tasks import Tasks
from cnnstudio.gui.words import in_words
from cnnstudio.runtime.diagnosis import Diagnosis, Record
from cnnstudio.runtime.runs import Curves, read_curves
from cnnstudio.runtime.training_doctor import diagnose


class QuestionWork(QObject):
    """Answers the latest question of each kind; an earlier one that has no answer yet is dropped.

    Signals:
        predicted: What a trained network says of an image (`Answer`).
        not_predicted: Why it says nothing, in one sentence.
        compared: Feature maps now and before (`Compared`).
        not_compared: Why there are none, in one sentence.
        said: Level and text of a sentence for the user.
    """

    predicted = Signal(object)
    not_predicted = Signal(str)
    compared = Signal(object)
    not_compared = Signal(str)
    said = Signal(str, str)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks

    def predict(self, run: Path | None, asked: AskedEpoch | None, image: Path) -> None:
        """Ask the best weights of a run about an image, or those of one of its epochs."""
        if run is None:
            self.not_predicted.emit("There is no trained model yet: train one, or open an earlier run.")
            return
        epoch = asked.epoch if asked else None
        self._tasks.submit(
            "predict",
            lambda _job: background.predict(run, image, epoch),
            self.predicted.emit,
            lambda error: self.not_predicted.emit(in_words(error)),
        )

    def compare(self, question: background.Question) -> None:
        """Compute feature maps now and before."""
        self._tasks.submit(
            "consequence",
            lambda job: background.compare(question, job),
            self.compared.emit,
            lambda error: self.not_compared.emit(in_words(error)),
        )

    def stop_comparing(self) -> None:
        """Drop the comparison that is not there yet."""
        self._tasks.cancel("consequence")

    def read_curves(self, run: Path, done: Callable[[Curves], None]) -> None:
        """Read the curves of an earlier run."""
        self._tasks.submit("curves", lambda _job: read_curves(run), done, self._refuse)

    def diagnose(self, record: Record, done: Callable[[tuple[Diagnosis, ...]], None]) -> None:
        """Judge what a run has reported so far, which takes 0.1 s after many epochs."""
        known = record.copy()
        self._tasks.submit("doctor", lambda _job: diagnose(known), done, self._refuse)

    def stop_diagnosing(self) -> None:
        """Drop the judgement that is not there yet."""
        self._tasks.cancel("doctor")

    def _refuse(self, error: Exception) -> None:
        self.said.emit("error", in_words(error))
