"""Folders behind the window: looking at their images, and drawing the samples."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cnnstudio.core.config import Config
from cnnstudio.data.images import Pixels
from cnnstudio.data.samples import draw_image, sample, samples, write_sample
from cnnstudio.data.survey import Survey, survey
from cnnstudio.gui.state import Work
from cnnstudio.gui.tasks import Job, Tasks
from cnnstudio.gui.words import in_words
from cnnstudio.runtime.runs import samples_folder


class FolderWork(QObject):
    """Looks at one folder at a time; a later one takes its place.

    Signals:
        working: How far it is (`Work`); None where it was given up.
        opened: The folder (`Path`), what is in it (`Survey`), and settings that go with it (`tuple[str, ...]`).
        written: The folder of a sample, and its settings.
        failed: Why there is nothing (`Exception`).
        drawn: Some pictures of samples, by name (`dict[str, tuple[Pixels, ...]]`).
        said: Level and text of a sentence for the user.
    """

    working = Signal(object)
    opened = Signal(object, object, object)
    written = Signal(object, object)
    failed = Signal(object)
    drawn = Signal(object)
    said = Signal(str, str)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks

    def look(self, folder: Path, config: Config, settings: tuple[str, ...] = ()) -> None:
        """Look at every image of a folder."""
        self.working.emit(Work("Looking through the folder"))

        def look(job: Job[Survey]) -> Survey:
            def report(done: int, total: int) -> None:
                job.report(Work(f"Looking at {total:,} images", done / total))

            config.replace("data.folder", str(folder))  # refuses a name that a run could not write down
            return survey(folder, val_fraction=config.data.val_fraction, seed=config.train.seed, progress=report)

        self._tasks.submit(
            "survey", look, lambda found: self.opened.emit(folder, found, settings), self.failed.emit, self.working.emit
        )

    def write_sample(self, name: str) -> None:
        """Write a sample data set, if it is not there yet."""
        known = sample(name)
        folder = samples_folder() / name
        self.working.emit(Work(f"Drawing {known.images:,} images"))

        def draw(job: Job[Path]) -> Path:
            def report(done: float) -> None:
                job.report(Work(f"Drawing {known.images:,} images", done))

            return write_sample(name, folder, progress=report, cancelled=lambda: job.cancelled)

        self._tasks.submit(
            "survey", draw, lambda path: self.written.emit(path, known.settings), self.failed.emit, self.working.emit
        )

    def cancel(self) -> None:
        """Give up looking or writing."""
        self._tasks.cancel("survey")
        self.working.emit(None)

    def draw_samples(self, each: int) -> None:
        """Draw some pictures of every sample, to show what they are like."""

        def draw(job: Job[dict[str, tuple[Pixels, ...]]]) -> dict[str, tuple[Pixels, ...]]:
            drawn: dict[str, tuple[Pixels, ...]] = {}
            for known in samples():
                drawn[known.name] = tuple(
                    draw_image(known.name, known.classes[index % len(known.classes)], index) for index in range(each)
                )
                job.report(dict(drawn))
            return drawn

        def refuse(error: Exception) -> None:
            self.said.emit("error", in_words(error))

        self._tasks.submit("samples", draw, self.drawn.emit, refuse, self.drawn.emit)
