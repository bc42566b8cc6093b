"""What can be had of a moment of a run: its weights as a file, and the images of its batch."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from cnnstudio.gui.history_view import epoch_words
from cnnstudio.gui.tasks import Job, Tasks
from cnnstudio.gui.words import in_words

if TYPE_CHECKING:
    from cnnstudio.engine.past_batch import PastBatch


class MomentWork(QObject):
    """Reads and writes beside the window's thread; of batches only the latest wish counts.

    Signals:
        batch_seen: The images of a batch (`PastBatch`).
        batch_not_seen: Why there are none, in one sentence.
        said: Level and text of a sentence for the user.
    """

    batch_seen = Signal(object)
    batch_not_seen = Signal(str)
    said = Signal(str, str)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks

    def ask_batch(self, run: Path, step: int, *, whole: bool) -> None:
        """Look for what a run learnt from in a step; `whole` tells whether the whole network did."""

        def read(job: Job["PastBatch"]) -> "PastBatch":
            from cnnstudio.engine.past_batch import read_batch

            return read_batch(run, step, whole=whole, check=lambda: job.report(None))

        self._tasks.submit("batch", read, self.batch_seen.emit, lambda error: self.batch_not_seen.emit(in_words(error)))

    def forget_batch(self) -> None:
        """Look for it no longer."""
        self._tasks.cancel("batch")

    def save_weights(self, run: Path, epoch: int, path: Path) -> None:
        """Write the weights of an epoch to a file like a run's `model.safetensors`."""

        def write(_job: object) -> None:
            from cnnstudio.engine.history import write_weights

            write_weights(run, epoch, path)

        told = f"The weights of {epoch_words(epoch)} of {run.name} are saved: {path}"
        self._tasks.submit(
            f"save {path}",
            write,
            lambda _: self.said.emit("info", told),
            lambda error: self.said.emit("error", in_words(error)),
        )
