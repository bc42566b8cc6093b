"""A measured process: `python -m tests.bench.frames FOLDER SECONDS [--set KEY=VALUE …]`.

The window is opened off screen and trains in its thread; each live view is shown for some seconds. What the window's
thread spends on them is told as a line of JSON for each on stdout, and so is what a piece of work takes that is always
the same: by how much the machine alone makes it vary. Whatever else is printed goes to stderr.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Final, TextIO

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication

from cnnstudio.core.events import Event, Pulse, StepEnded
from cnnstudio.core.pictures import Picture
from cnnstudio.gui import app
from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.widgets.pill_row import PillRow
from tests.bench.gate import tell
from tests.e2e.gestures import child, press

UNSEEN: Final = "none"
"""Name of what is measured while another page is shown: what the training alone does to the window."""

CONTROL: Final = "control"
"""Name of the time in which that page is shown and the thread does the same piece of work again and again."""

_BEAT_MS: Final = 16
_PIECE_MS: Final = 33
_PIECE: Final = range(20_000)  # a millisecond or two in Python
_OPENING: Final = 1.0  # seconds from the first picture on, in which a view is made and drawn for the first time
_FEWEST: Final = 4  # ticks that tell something
_PATIENCE_MS: Final = 180_000  # until a step is reported
_STAGE_MS: Final = 250  # between two stages of a step that is stepped through


def main() -> int:
    """Do what the command line says and return the exit code: 1 if the run did not begin."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.frames", description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    qt = QApplication(["cnnstudio"])
    measured: list[_Frames] = []

    def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        qt.exit(1)  # Qt goes on where a slot has failed

    sys.excepthook = fail

    def begin() -> None:
        (window,) = (each for each in qt.topLevelWidgets() if isinstance(each, MainWindow))
        measured.append(_Frames(window, options.seconds, answers))

    QTimer.singleShot(0, begin)
    settings = [f"--set={each}" for each in options.set]
    status = app.main([options.folder, "--start", "--page=train", "--theme=light", "--size=1280x800", *settings])
    return status or int(not all(each.done for each in measured))


class _Frames(QObject):
    """Shows one view after the other, and reads the clocks.

    Attributes:
        done: Whether all views were shown.
    """

    def __init__(self, window: MainWindow, seconds: float, answers: TextIO) -> None:
        super().__init__(window)
        self.done = False
        self._window, self._session = window, window.session
        self._seconds, self._answers = seconds, answers
        self._pills = child(window, PillRow, "train.views")
        self._views: Iterator[str] = iter((UNSEEN, CONTROL, *self._pills.options()))
        self._view = ""
        self._late: list[float] = []  # ms
        self._spent: list[float] = []  # ms of the thread's processor time from one tick to the next
        self._pictures = self._steps = 0
        self._began = self._opened = self._beaten = self._clock = 0.0
        self._opening = 0.0  # ms of the longest tick of the opening
        self._beat = QTimer(self, timerType=Qt.TimerType.PreciseTimer, interval=_BEAT_MS)
        self._beat.timeout.connect(self._measure_late)
        self._pieces: list[float] = []  # ms of processor time
        self._piece = QTimer(self, interval=_PIECE_MS)
        self._piece.timeout.connect(self._do_piece)
        self._stepping = QTimer(self, interval=_STAGE_MS)
        self._stepping.timeout.connect(self._session.run.step)
        self._session.run.streamed.connect(self._count)
        self._session.run.ended.connect(window.leave)
        QTimer.singleShot(_PATIENCE_MS, self, self._give_up)

    @Slot()
    def _give_up(self) -> None:
        if not self._beat.isActive() and not self.done:
            self._window.leave()

    @Slot(object)
    def _count(self, events: list[Event]) -> None:
        drawn = Pulse if self._view == "gradients" else Picture
        pictures = sum(isinstance(event, drawn) for event in events)
        if pictures and not self._pictures:
            self._opened = time.perf_counter()
        self._pictures += pictures
        steps = sum(isinstance(event, StepEnded) for event in events)
        self._steps += steps
        if steps and not self._beat.isActive() and not self.done:
            self._session.turns._timer.timeout.connect(self._measure_tick)  # called behind the turns' own slot
            self._beat.start()
            self._next()

    @Slot()
    def _next(self) -> None:
        if self._view and len(self._spent) < _FEWEST:
            QTimer.singleShot(_STAGE_MS, self, self._next)
            return
        if self._view:
            self._tell()
        self._view = next(self._views, "")
        if not self._view:
            self.done = True
            self._beat.stop()
            self._window.leave()
            return
        self._stepping.stop()
        self._piece.stop()
        self._session.run.resume()
        self._late, self._spent, self._pictures, self._steps = [], [], 0, 0
        self._opening = 0.0
        self._began = self._opened = self._beaten = time.perf_counter()
        self._clock = time.thread_time()
        seen = self._view not in {UNSEEN, CONTROL}
        self._window.show_page("train" if seen else "data")
        if seen:
            press(self._window, f"train.views.{self._view}")
        if self._view == "step":
            self._stepping.start()
        if self._view == CONTROL:
            self._piece.start()
        QTimer.singleShot(round(1000 * self._seconds), self, self._next)

    @Slot()
    def _measure_late(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, 1000 * (now - self._beaten) - _BEAT_MS))
        self._beaten = now

    @Slot()
    def _do_piece(self) -> None:
        began = time.thread_time()
        sum(number * number for number in _PIECE)
        self._pieces.append(1000 * (time.thread_time() - began))

    @Slot()
    def _measure_tick(self) -> None:
        now = time.thread_time()
        spent = 1000 * (now - self._clock)
        self._clock = now
        if time.perf_counter() - self._opened < _OPENING:
            self._opening = max(self._opening, spent)
        else:
            self._spent.append(spent)

    def _tell(self) -> None:
        if self._view == CONTROL:
            usual, slow = map(float, np.quantile(self._pieces, (0.5, 0.99)))
            tell(self._answers, event="control", usual=usual, slow=slow)
            return
        seconds = time.perf_counter() - self._began
        late, spent = self._late, self._spent
        tell(
            self._answers,
            event="view",
            view=self._view,
            ticks=len(spent),
            opening=self._opening,
            tick=float(np.quantile(spent, 0.99)),
            tick_longest=max(spent),
            late=float(np.quantile(late, 0.99)),
            late_longest=max(late),
            pictures=self._pictures / seconds,
        )


if __name__ == "__main__":
    sys.exit(main())
