"""The Data page: which images to learn from."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QApplication, QFileDialog, QFrame, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from cnnstudio.gui.panels.data_overview import DataOverview
from cnnstudio.gui.panels.data_start import DataStart
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.drop_page import DropPage


class DataPage(DropPage):
    """Where images come from, or what the open folder holds; a folder can be dropped anywhere.

    Signals:
        test_requested: An earlier run was opened, and waits on the Test page to be asked.
    """

    test_requested = Signal()

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("data_page", parent)
        self._session = session
        self._start = DataStart(session, theme)
        self._overview = DataOverview(session, theme)
        self._stack = QStackedWidget()
        for panel in (self._start, self._overview):
            self._stack.addWidget(_scrolling(panel))
            panel.folder_dropped.connect(session.open_folder)
            panel.browse_requested.connect(self._browse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        self._start.run_chosen.connect(self._open_run)
        session.changed.connect(self._show)
        self._show(session.state)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        self._start.show_state(state)
        if state.survey is not None:
            self._overview.show_survey(state.survey)
        panel = self._start if state.survey is None or state.surveying is not None else self._overview
        self._bring_up(0 if panel is self._start else 1)
        self.take_drops_for(panel.area)

    def _bring_up(self, index: int) -> None:
        if index == self._stack.currentIndex():
            return
        focus = QApplication.focusWidget()
        inside = focus is not None and self.isAncestorOf(focus)
        self._stack.setCurrentIndex(index)
        if inside:  # what had the focus is hidden now; Qt would choose whatever comes next
            (self._start, self._overview)[index].area.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _browse(self) -> None:
        opened = self._session.state.config.data.folder
        start = str(Path(opened).parent) if opened else str(Path.home())
        name = QFileDialog.getExistingDirectory(self, "Folder of images: one folder for each class", start)
        if name:
            self._session.open_folder(Path(name))

    @Slot(object)
    def _open_run(self, path: Path) -> None:
        self._session.open_run(path)
        if self._session.state.model_folder == path and self._session.state.run.status != "following":
            self.test_requested.emit()


def _scrolling(panel: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(panel)
    return area
