"""A run of another process and the window: its event log is read from time to time, beside the GUI thread."""

from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from cnnstudio.gui.tasks import Tasks
from cnnstudio.runtime.follow import Follower, News

_KEY: Final = "follow"
_REST_MS: Final = 500  # between two looks at the log; other processes report a few times a second at most


class FollowHost(QObject):
    """Follows one run at a time, and changes nothing of it.

    Signals:
        began_anew: What was streamed before no longer counts.
        streamed: A list of events, on the GUI thread.
        ended: Nothing more is to come; all events have been handed over.
    """

    began_anew = Signal()
    streamed = Signal(object)
    ended = Signal()

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._follower: Follower | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MS)
        self._timer.timeout.connect(self._look)

    @property
    def active(self) -> bool:
        """Whether a run is being followed."""
        return self._follower is not None

    def start(self, folder: Path) -> None:
        """Follow the run in a folder from its beginning; another one is left alone."""
        self.close()
        self._follower = Follower(folder)
        self._look()

    def close(self) -> None:
        """Look no longer."""
        self._timer.stop()
        self._tasks.cancel(_KEY)
        self._follower = None

    @Slot()
    def _look(self) -> None:
        follower = self._follower
        if follower is not None:
            self._tasks.submit(_KEY, lambda _job: follower.poll(), self._take, self._failed)

    def _take(self, news: News) -> None:
        if news.anew:
            self.began_anew.emit()
        if news.events:
            self.streamed.emit(list(news.events))
        if news.over:
            self.close()
            self.ended.emit()
        elif self.active:
            self._timer.start()

    def _failed(self, error: Exception) -> None:
        raise error
