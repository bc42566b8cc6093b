"""The Test page: what a trained network says of an image."""

from pathlib import Path
from typing import Final

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from cnnstudio.core.events import EpochEnded
from cnnstudio.data.images import SUFFIXES
from cnnstudio.gui.background import Answer
from cnnstudio.gui.history_view import AskedEpoch
from cnnstudio.gui.panels.answer_card import AnswerCard
from cnnstudio.gui.panels.heat_map_card import HeatMapCard
from cnnstudio.gui.panels.model_chooser import ModelChooser
from cnnstudio.gui.panels.no_model import NoModel
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.banner import Banner
from cnnstudio.gui.widgets.drop_area import DropArea
from cnnstudio.gui.widgets.drop_page import DropPage

_COLUMN: Final = 360
_HINT: Final = "JPEG, PNG, WebP, TIFF …  Or click to choose one."


class TestPage(DropPage):
    """An image on the left; on the right the model that is asked, and its answer.

    An image that is shown is asked about again when another model is chosen, and when the one that is still learning
    has become better.
    """

    __test__ = False  # pytest would take the name for a test's

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("test_page", parent)
        self._session = session
        self._image: Path | None = None
        self._asked: tuple[Path | None, EpochEnded | AskedEpoch | None] = (None, None)
        self._none = NoModel(theme)
        self._large = DropArea("test.drop", "Drop an image here", _HINT, theme, mode="image")
        self._small = DropArea("test.drop_other", "Drop another image", _HINT, theme, mode="image", compact=True)
        self._problem = Banner("test.problem", theme)
        self._picture = HeatMapCard()
        self._model = ModelChooser(session)
        self._answer = AnswerCard(theme)
        self._lay_out()
        for area in (self._large, self._small):
            area.dropped.connect(self.ask)
            area.browse_requested.connect(self._browse)
        self._none.run_chosen.connect(session.open_run)
        self._none.resume_requested.connect(session.resume_run)
        self._problem.dismissed.connect(self._forget)
        session.questions.predicted.connect(self._answered)
        session.questions.not_predicted.connect(self._refused)
        session.changed.connect(self._show)
        self._show(session.state)

    def showEvent(self, event: QShowEvent) -> None:
        """Ask again if the model has become better while the page was hidden."""
        super().showEvent(event)
        self._ask_again(self._session.state)

    @Slot(object)
    def ask(self, image: Path) -> None:
        """Ask the model about an image."""
        if image != self._image:
            self._image = image
            self._picture.name_image(image.name)
            self._clear("")
        self._picture.set_subtitle("Asking the network …")
        state = self._session.state
        self._asked = _version(state)
        self._show(state)
        self._session.questions.predict(state.model_folder, state.model_epoch, image)

    @Slot(object)
    def _answered(self, answer: Answer) -> None:
        if answer.prediction.image == self._image:
            self._clear("")
            self._picture.show_answer(answer)
            self._answer.show_prediction(answer.prediction)

    @Slot(str)
    def _refused(self, sentence: str) -> None:
        self._clear(sentence)

    def _clear(self, problem: str) -> None:
        self._picture.set_subtitle("")
        self._picture.clear()
        self._answer.clear()
        if problem:
            self._problem.say("error", problem)
        else:
            self._problem.clear()

    @Slot()
    def _forget(self) -> None:
        self._image = None
        self._show(self._session.state)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        self._none.show_state(state)
        self._model.show_state(state)
        self._stack.setCurrentIndex(0 if state.model_folder is None else 1)
        self._left.setCurrentIndex(0 if self._image is None else 1)
        area = self._large if self._image is None else self._small
        self.take_drops_for(None if state.model_folder is None else area)
        if self.isVisible():
            self._ask_again(state)

    def _ask_again(self, state: SessionState) -> None:
        if self._image is not None and state.model_folder is not None and _version(state) != self._asked:
            self.ask(self._image)

    @Slot()
    def _browse(self) -> None:
        start = str(self._image.parent) if self._image else self._session.state.config.data.folder or str(Path.home())
        patterns = " ".join(f"*{suffix}" for suffix in sorted(SUFFIXES))
        name, _ = QFileDialog.getOpenFileName(self, "Image to ask about", start, f"Images ({patterns});;All files (*)")
        if name:
            self.ask(Path(name))

    def _lay_out(self) -> None:
        self._picture.body.insertWidget(0, self._problem)
        self._picture.body.addWidget(self._small)
        self._left = QStackedWidget()
        self._left.addWidget(self._large)
        self._left.addWidget(self._picture)
        column = QWidget()
        column.setFixedWidth(_COLUMN)
        cards = QVBoxLayout(column)
        cards.setContentsMargins(0, 0, 0, 0)
        cards.setSpacing(8)
        cards.addWidget(self._model)
        cards.addWidget(self._answer)
        cards.addStretch(1)
        asking = QWidget()
        columns = QHBoxLayout(asking)
        columns.setContentsMargins(8, 8, 8, 8)
        columns.setSpacing(8)
        columns.addWidget(self._left, 1)
        columns.addWidget(column)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._none)
        self._stack.addWidget(asking)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)


def _version(state: SessionState) -> tuple[Path | None, EpochEnded | AskedEpoch | None]:
    """Return which weights would answer now: the run and the epoch that was chosen, or its best one as it goes on."""
    if state.model_epoch is not None:
        return state.model_folder, state.model_epoch
    started = state.run.started
    learning = started is not None and Path(started.run) == state.model_folder
    return state.model_folder, state.run.best if learning else None
