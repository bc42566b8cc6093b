"""Looking for a learning rate: a dialog that tries rates on a copy of the network and shows what came of it."""

from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cnnstudio.gui.rate_work import RatesTried
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import Work
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.rate_plot import RatePlot

TITLE: Final = "Find a learning rate"
IDEA: Final = (
    "A copy of the network trains for a hundred steps on your images, and its learning rate rises from step to step. "
    "Too low a rate leaves the loss where it is, too high a one makes it explode."
)
NONE: Final = "The loss falls at no rate, so there is none to suggest: look at the images and the switches first."
_PART: Final = {0.5: "half", 0.75: "three quarters"}
_SIZE: Final = (680, 500)


class RateFinder(QDialog):
    """Searches as soon as it is shown; Escape and Cancel give the search up."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rate_finder")
        self.setWindowTitle(TITLE)
        self.resize(*_SIZE)
        self._session = session
        self._rate = 0.0
        self._work = QLabel()
        self._work.setObjectName("rate_finder.work")
        self._bar = QProgressBar()
        self._bar.setObjectName("rate_finder.bar")
        self._bar.setTextVisible(False)
        self._plot = RatePlot()
        self._said = QLabel()
        self._said.setObjectName("rate_finder.said")
        self._use = QPushButton("Use")
        self._use.setObjectName("rate_finder.use")
        self._use.setProperty("role", "primary")
        self._close = QPushButton("Cancel")
        self._close.setObjectName("rate_finder.close")
        self._pages = QStackedWidget()
        self._lay_out()
        self._plot.set_tokens(theme.tokens)
        theme.changed.connect(self._plot.set_tokens)
        self._use.clicked.connect(self._use_it)
        self._close.clicked.connect(self.reject)
        rates = session.rates
        rates.working.connect(self._show_work)
        rates.found.connect(self._show_found)
        rates.failed.connect(self._show_failed)
        rates.cancelled.connect(self._leave)
        rates.search(session.state.config)

    def reject(self) -> None:
        """Close; a search that is under way ends first."""
        if not self._session.rates.busy:
            super().reject()
            return
        self._session.rates.cancel()
        self._close.setEnabled(False)
        self._work.setText("Stopping after this step …")

    def _lay_out(self) -> None:
        title, idea = QLabel(TITLE), QLabel(IDEA)
        title.setProperty("role", "title")
        idea.setProperty("role", "muted")
        for label in (idea, self._said):
            label.setWordWrap(True)
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        progress = QWidget()
        middle = QVBoxLayout(progress)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(8)
        middle.addStretch(1)
        middle.addWidget(self._work)
        middle.addWidget(self._bar)
        middle.addStretch(1)
        result = QWidget()
        answer = QVBoxLayout(result)
        answer.setContentsMargins(0, 0, 0, 0)
        answer.setSpacing(8)
        answer.addWidget(self._plot, 1)
        answer.addWidget(self._said)
        for page in (progress, result):
            self._pages.addWidget(page)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self._close)
        buttons.addWidget(self._use)
        self._use.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(8)
        layout.addWidget(title)
        layout.addWidget(idea)
        layout.addWidget(self._pages, 1)
        layout.addLayout(buttons)

    @Slot(object)
    def _show_work(self, work: Work) -> None:
        if self._close.isEnabled():  # else it is stopping
            self._work.setText(f"{work.text} …")
        self._bar.setAccessibleName(work.text)
        self._bar.setRange(0, 0 if work.done is None else 1000)
        self._bar.setValue(round(1000 * (work.done or 0.0)))

    @Slot(object)
    def _show_found(self, tried: RatesTried) -> None:
        curve = tried.curve
        marks = {"now": tried.present}
        if curve.suggestion is not None:
            marks["suggested"] = curve.suggestion
            self._rate = float(f"{curve.suggestion:.2g}")
            self._use.setText(f"Use {self._rate:g}")
            self._use.show()
            self._use.setDefault(True)
            self._use.setFocus()
        self._plot.show_curve(curve.rates, curve.losses, marks)
        self._say(words(tried))

    @Slot(str)
    def _show_failed(self, why: str) -> None:
        self._plot.hide()
        self._said.setProperty("role", "error")
        self._said.style().polish(self._said)
        self._say(why)

    def _say(self, text: str) -> None:
        self._said.setText(text)
        self._pages.setCurrentIndex(1)
        self._close.setText("Close")
        self._close.setEnabled(True)

    @Slot()
    def _leave(self) -> None:
        super().reject()

    @Slot()
    def _use_it(self) -> None:
        self._session.set_value("train.lr", self._rate)
        self.accept()


def words(tried: RatesTried) -> str:
    """Return what the curve says, in sentences."""
    curve = tried.curve
    if curve.steady is None:
        return NONE
    rises = curve.limit < curve.rates[-1]
    seen = f"The loss falls steadily around {curve.steady:.2g}" + f" and rises again from {curve.limit:.2g} on" * rises
    if not curve.share:
        return f"{seen}. Suggested is where it falls steadily: a constant rate has to suit the whole run."
    end = "there" if rises else f"the highest rate, {curve.limit:.2g}"
    return (
        f"{seen}. Suggested is {_PART[curve.share]} of the way to {end}, as this axis shows it: the schedule only "
        "passes through its peak, so that may be higher than a rate for the whole run."
    )
