"""The time machine: a slider over the epochs of a run that are kept, and a button that plays them."""

from typing import Final

from PySide6.QtCore import QSignalBlocker, QTimer, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from cnnstudio.gui.history_view import HistoryView
from cnnstudio.gui.history_work import is_looking
from cnnstudio.gui.icons import icon
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.steady_label import tabular
from cnnstudio.gui.widgets.time_line import TimeLine

_STEP_MS: Final = 500  # between two epochs that are played; longer where computing one takes longer
_LIVE: Final = "Live"
_NOTHING: Final = "No epochs kept"
_ELSEWHERE: Final = "Not in this view"
_WIDEST: Final = "Epoch 888 · seen live only"


class TimeSlider(QWidget):
    """Shows the network as it was after each epoch; at the right end it is live, or as the run has left it.

    It keeps its place from the start of a run on, so that the views below do not jump; it is disabled while there is
    nothing to go back to, and in views that show no pictures of the network.
    """

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("train.time")
        self._session = session
        self._theme = theme
        self._view = HistoryView()
        self._stops: tuple[int | None, ...] = ()
        self._play = QPushButton()
        self._line = TimeLine("train.time.slider")
        self._words = QLabel()
        self._timer = QTimer(self)
        self._timer.setInterval(_STEP_MS)
        self._lay_out()
        self._timer.timeout.connect(self._go_on)
        self._play.toggled.connect(self._start)
        self._line.valueChanged.connect(self._choose)
        theme.changed.connect(self._recolour)
        session.changed.connect(self._show)
        self._recolour(theme.tokens)
        self._show(session.state)

    def _lay_out(self) -> None:
        self._play.setObjectName("train.time.play")
        self._play.setProperty("role", "quiet")
        self._play.setCheckable(True)
        self._line.setAccessibleName("Epoch that is shown")
        self._line.setToolTip("Show the network as it was after an epoch")
        self._words.setObjectName("train.time.words")
        self._words.setFont(tabular(self._words.font()))
        self._words.setMinimumWidth(self._words.fontMetrics().horizontalAdvance(_WIDEST))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._play)
        layout.addWidget(self._line, 1)
        layout.addWidget(self._words)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        view, best = state.history, state.run.best
        looking = is_looking(state.watch)
        usable = looking and bool(view.epochs) and len(view.epochs) + view.live > 1
        self.setVisible(state.run.status != "none")
        for part in (self._play, self._line, self._words):
            part.setEnabled(usable)
        self._stops = _stops(view)
        with QSignalBlocker(self._line):  # it follows, and chooses nothing
            self._line.setRange(0, max(0, len(self._stops) - 1))
            self._line.setValue(self._stops.index(view.chosen) if view.chosen in self._stops else len(self._stops) - 1)
        kept = view.epochs.index(best.epoch) if best is not None and best.epoch in view.epochs else -1
        if kept != self._line.best:
            self._line.set_best(kept)
        if not view.epochs:
            text = _LIVE if state.run.active else _NOTHING
        else:
            text = _words(view, best.epoch if best else None) if looking else _ELSEWHERE
        if text != self._words.text():
            self._words.setText(text)
            self._line.setAccessibleDescription(text)
        if view.run != self._view.run or not usable:
            self._play.setChecked(False)
        self._view = view

    @Slot(int)
    def _choose(self, stop: int) -> None:
        self._session.history.choose(self._stops[stop])

    @Slot(bool)
    def _start(self, on: bool) -> None:
        self._recolour(self._theme.tokens)
        if not on:
            self._timer.stop()
            return
        if self._line.value() == self._line.maximum():
            self._line.setValue(0)
        self._timer.start()

    @Slot()
    def _go_on(self) -> None:
        if self._session.history.busy:
            return  # each epoch is seen, however long it takes
        self._line.setValue(self._line.value() + 1)
        if self._line.value() == self._line.maximum():
            self._play.setChecked(False)

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        playing = self._play.isChecked()
        self._line.set_tokens(tokens)
        self._play.setIcon(icon("pause" if playing else "play", tokens.text))
        self._play.setAccessibleName("Stop playing" if playing else "Play all epochs")
        self._play.setToolTip(self._play.accessibleName())


def _stops(view: HistoryView) -> tuple[int | None, ...]:
    """Return what each stop of the slider chooses; the last one is the end of the run, whatever comes."""
    return (*view.epochs, None) if view.live else (*view.epochs[:-1], None)


def _words(view: HistoryView, best: int | None) -> str:
    if view.epoch is None:
        return _LIVE
    more = view.note or ("best" if view.epoch == best else "")
    return f"Epoch {view.epoch} · {more}" if more else f"Epoch {view.epoch}"
