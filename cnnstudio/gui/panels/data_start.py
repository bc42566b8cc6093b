"""Where images come from: a folder, a sample, or the model of an earlier run."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnnstudio.data.images import Pixels
from cnnstudio.data.samples import samples
from cnnstudio.gui.panels.survey_progress import SurveyProgress
from cnnstudio.gui.pictures import to_image
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.drop_area import DropArea
from cnnstudio.gui.widgets.recent_runs import RecentRuns
from cnnstudio.gui.widgets.sample_card import PICTURES, SampleCard

_HINT = "One folder for each class; JPEG, PNG, WebP, TIFF …  Or click to choose it."


class DataStart(QWidget):
    """A drop area, the samples and the recent runs; while a folder is looked at, how far that is.

    Attributes:
        area: The drop area in use: the large one, or while a folder is looked at, the small one.

    Signals:
        folder_dropped: The folder (`pathlib.Path`) that was dropped.
        browse_requested: The user wants to choose a folder in a dialog.
        run_chosen: The folder (`pathlib.Path`) of the earlier run that the user wants.
    """

    folder_dropped = Signal(object)
    browse_requested = Signal()
    run_chosen = Signal(object)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._large = DropArea("data.drop", "Drop a folder of images here", _HINT, theme, mode="folder")
        self._small = DropArea(
            "data.drop_other",
            "Drop another folder",
            "It is opened instead of this one.",
            theme,
            mode="folder",
            compact=True,
        )
        self._progress = SurveyProgress()
        self._recent = RecentRuns("data.recent", "Recent runs", theme)
        self._samples = {each.name: SampleCard(each, theme) for each in samples()}
        self._drawn = False
        self._session = session
        self.area = self._large
        self._large.setMinimumHeight(160)
        self._lay_out()
        for area in (self._large, self._small):
            area.dropped.connect(self.folder_dropped)
            area.browse_requested.connect(self.browse_requested)
        self._progress.cancelled.connect(session.folders.cancel)
        self._recent.chosen.connect(self.run_chosen)
        self._recent.resume_requested.connect(session.resume_run)
        for name, card in self._samples.items():
            card.taken.connect(lambda name=name: session.folders.write_sample(name))
        session.folders.drawn.connect(self._show_pictures)

    def showEvent(self, event: QShowEvent) -> None:
        """Have the samples' pictures drawn, once."""
        super().showEvent(event)
        if not self._drawn:
            self._drawn = True
            self._session.folders.draw_samples(PICTURES)

    def show_state(self, state: SessionState) -> None:
        """Show how far the look at a folder is, and the recent runs."""
        busy = state.surveying is not None
        if state.surveying is not None:
            self._progress.show_work(state.surveying)
        self.area = self._small if busy else self._large
        for widget, visible in ((self._large, not busy), (self._small, busy), (self._progress, busy)):
            widget.setVisible(visible)
        self._room.setVisible(busy)
        self._recent.set_runs(state.recent)

    def _lay_out(self) -> None:
        words = QLabel("Or take a sample, no network needed")
        words.setProperty("role", "section")
        words.setContentsMargins(8, 8, 0, 0)
        cards = QHBoxLayout()
        cards.setSpacing(8)
        for card in self._samples.values():
            cards.addWidget(card, 1)
        self._room = QWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self._progress)
        layout.addWidget(self._large, 1)
        layout.addWidget(self._small)
        layout.addWidget(words)
        layout.addLayout(cards)
        layout.addWidget(self._recent)
        layout.addWidget(self._room, 1)

    @Slot(object)
    def _show_pictures(self, drawn: dict[str, tuple[Pixels, ...]]) -> None:
        for name, pictures in drawn.items():
            self._samples[name].set_pictures([to_image(each) for each in pictures])
