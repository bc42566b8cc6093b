"""Turns: what has to be shown shares the ticks of the window, so that none of them holds it up."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

Turn = Callable[[], object]
Later = Callable[[Turn], None]
"""Queues a piece of work."""

_TICK_MS: Final = 33
_ROOM: Final = 0.005  # seconds of a tick that turns may take together
_MEMORY: Final = 60


def at_once(turn: Turn) -> None:
    """Do it without waiting."""
    turn()


class Turns(QObject):
    """Work of the window's thread, one piece after the other: one a tick, or as many as are known to fit into it.

    What a turn takes is measured from one tick to the next, and so with the painting that follows it. The dearest one
    of the latest ticks decides, as turns differ much.

    Args:
        parent: The Qt owner.
        memory: Ticks with turns, of which the dearest counts.
        clock: Processor seconds of the thread that the turns are taken in.

    Signals:
        free: Nothing waits, and more may be asked for; told at the begin of a tick while `keep` is wanted.
    """

    free = Signal()

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        memory: int = _MEMORY,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        super().__init__(parent)
        self._now = clock
        self._waiting: deque[Turn] = deque()
        self._kept = self._closed = False
        self._costs: deque[float] = deque([_ROOM], memory)  # seconds of a turn in each of the latest ticks
        self._taken = 0  # turns of the latest tick
        self._began = 0.0  # what the clock said at the latest tick
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def waiting(self) -> bool:
        """Whether something has not had its turn."""
        return bool(self._waiting)

    def later(self, *turns: Turn) -> None:
        """Queue pieces of work; each follows what was queued before."""
        if not self._closed:
            self._waiting.extend(turns)
            self._go()

    def keep(self, *, on: bool) -> None:
        """Tick also while nothing waits, for somebody who asks for turns when `free` is told."""
        self._kept = on
        if on:
            self._go()
        else:
            self._rest()

    def finish(self) -> None:
        """Do at once what waits."""
        while self._waiting:
            self._waiting.popleft()()
        self._rest()

    def close(self) -> None:
        """Drop what waits, and whatever is asked for from now on."""
        self._closed = True
        self._waiting.clear()
        self.keep(on=False)

    def _go(self) -> None:
        if not self._timer.isActive():
            self._began, self._taken = self._now(), 0
            self._timer.start()

    @Slot()
    def _tick(self) -> None:
        before, self._began = self._began, self._now()
        if self._taken:
            self._costs.append((self._began - before) / self._taken)
        self._taken = 0
        if not self._waiting and self._kept:
            self.free.emit()
        most = max(1, int(_ROOM / max(self._costs)))
        while self._waiting and self._taken < most and self._now() - self._began < _ROOM:
            self._taken += 1
            self._waiting.popleft()()
        self._rest()

    def _rest(self) -> None:
        if not self._waiting and not self._kept:
            self._timer.stop()
