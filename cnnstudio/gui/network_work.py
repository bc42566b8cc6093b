"""The network as the switches stand, worked out behind the window."""

from functools import partial

from PySide6.QtCore import QObject, Signal

from cnnstudio.core.config import Config
from cnnstudio.data.survey import Survey
from cnnstudio.gui import background
from cnnstudio.gui.layer_words import Before
from cnnstudio.gui.tasks import Job, Tasks
from cnnstudio.gui.words import in_words


class NetworkWork(QObject):
    """Describes one network at a time; a later one takes its place.

    Signals:
        described: The network (`Described`), and its layers before the latest change (`Summary`; None at first).
        said: Level and text of a sentence for the user.
    """

    described = Signal(object, object)
    said = Signal(str, str)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._before = Before()

    def describe(self, config: Config, found: Survey | None) -> None:
        """Work out the layers of a network, and what there is to know about a run of it with the images of a folder."""

        def describe(_job: Job[background.Described]) -> background.Described:
            return background.describe(config, found.counts() if found else ())

        self._tasks.cancel("foresee")
        self._tasks.submit("describe", describe, partial(self._described, config), self._refuse)

    def _described(self, config: Config, answer: background.Described) -> None:
        self._before.take(config, answer.summary)
        self.described.emit(answer, self._before.summary)
        self._tasks.submit("foresee", lambda job: background.foresee(config, job), lambda _: None, self._refuse)

    def _refuse(self, error: Exception) -> None:
        self.said.emit("error", in_words(error))
