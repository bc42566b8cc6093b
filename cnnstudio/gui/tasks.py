"""Work beside the GUI thread; a timer hands over its results, never a signal from a foreign thread."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, QTimer, Slot

T = TypeVar("T")

_POLL_MS = 10
_THREADS = 4
_DRAWN = 0.15  # seconds within which the window has drawn what a work has found


class CancelledError(Exception):
    """Raised inside work that nobody waits for any longer."""


class Job(Generic[T]):
    """What the work sees of the one that ordered it."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._progress: object = None

    def report(self, progress: object) -> None:
        """Tell how far the work is; only the latest report is shown.

        Raises:
            CancelledError: Nobody waits any longer.
        """
        if self._cancelled.is_set():
            raise CancelledError
        self._progress = progress

    def cancel(self) -> None:
        """Let the next report raise."""
        self._cancelled.set()

    def rest(self, seconds: float) -> None:
        """Leave the processor to others, unless nobody waits any longer."""
        self._cancelled.wait(seconds)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any longer."""
        return self._cancelled.is_set()

    def take_progress(self) -> object:
        """Return the latest report once, None if there is none."""
        progress, self._progress = self._progress, None
        return progress


@dataclass(slots=True)
class _Pending:
    job: Job[Any]
    future: Future[Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    progress: Callable[[Any], None] | None


class Tasks(QObject):
    """Runs work in threads and calls back on the GUI thread; of works with the same key only the latest counts."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executor = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="cnnstudio-task")
        self._pending: dict[str, _Pending] = {}
        self._closed = False
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    def submit(
        self,
        key: str,
        work: Callable[[Job[T]], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progress: Callable[[Any], None] | None = None,
        *,
        after: str = "",
    ) -> None:
        """Start work, and forget an earlier one with the same key; after `close` nothing is started any more.

        Args:
            key: Names the kind of work.
            work: Runs in a thread, and may `report`.
            done: Called on the GUI thread with the result.
            failed: Called on the GUI thread with what was raised.
            progress: Called on the GUI thread with the latest report.
            after: Key of work that is to be done and drawn first, if it is under way.
        """
        self.cancel(key)
        if self._closed:
            return
        job: Job[T] = Job()
        first = self._pending.get(after)

        def in_turn() -> T:
            if first is not None:
                wait((first.future,))
                job.rest(_DRAWN)
                job.report(None)
            return work(job)

        self._pending[key] = _Pending(job, self._executor.submit(in_turn), done, failed, progress)
        self._timer.start()

    def cancel(self, key: str) -> None:
        """Forget the work with this key, if there is any."""
        pending = self._pending.pop(key, None)
        if pending is not None:
            pending.job.cancel()
            pending.future.cancel()

    def busy(self, key: str) -> bool:
        """Whether work with this key is under way."""
        return key in self._pending

    def close(self) -> None:
        """Cancel everything and wait until the threads have ended."""
        self._closed = True
        for key in list(self._pending):
            self.cancel(key)
        self._timer.stop()
        self._executor.shutdown(cancel_futures=True)

    @Slot()
    def _poll(self) -> None:
        for key, pending in list(self._pending.items()):
            if self._pending.get(key) is not pending:
                continue  # an earlier callback of this tick has replaced it
            report = pending.job.take_progress()
            if report is not None and pending.progress is not None:
                pending.progress(report)
            if pending.future.done() and self._pending.get(key) is pending:
                del self._pending[key]
                error = pending.future.exception()
                if error is None:
                    pending.done(pending.future.result())
                elif isinstance(error, Exception):
                    pending.failed(error)
                else:
                    raise error
        if not self._pending:
            self._timer.stop()
