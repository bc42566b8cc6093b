"""The main window, which only assembles: rail, top bar, pages, status bar."""

from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QGridLayout,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cnnstudio.gui.actions import add_actions
from cnnstudio.gui.icons import app_icon
from cnnstudio.gui.pages.data_page import DataPage
from cnnstudio.gui.pages.model_page import ModelPage
from cnnstudio.gui.pages.test_page import TestPage
from cnnstudio.gui.pages.train_page import TrainPage
from cnnstudio.gui.panels.rail import Rail, RailItem
from cnnstudio.gui.panels.status_bar import StatusBar
from cnnstudio.gui.panels.top_bar import TopBar
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.status import badges, device, figures, present_work, subtitle, top_bar_state
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.banner import Banner

PAGES: Final = (
    RailItem("data", "Data", "data"),
    RailItem("model", "Model", "model"),
    RailItem("train", "Train", "train"),
    RailItem("test", "Test", "test"),
)


class MainWindow(QMainWindow):
    """Shows the session and hands the user's wishes to it.

    Attributes:
        session: What the user is doing.

    Signals:
        painted: The window has been painted for the first time.
    """

    painted = Signal()

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setWindowTitle("CNN Studio")
        self.setWindowIcon(app_icon())
        self.session = session
        self._theme = theme
        self._painted = False
        self._leaving = False
        with theme.at_once():
            self._rail = Rail(theme, PAGES)
            self._top = TopBar(theme)
            self._banner = Banner("notice", theme)
            self._status = StatusBar()
            data, test = DataPage(session, theme), TestPage(session, theme)
            self._pages: dict[str, QWidget] = {
                "data": data,
                "model": ModelPage(session, theme),
                "train": TrainPage(session, theme),
                "test": test,
            }
            self._stack = QStackedWidget()
            self._stack.setObjectName("pages")
            self._stack.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self._lay_out()
        add_actions(self)
        data.test_requested.connect(lambda: self.show_page("test"))
        self._connect()
        self._show(session.state)
        self._stack.setFocus()  # not the first button: its ring would be the loudest thing of a fresh window

    def show_page(self, page: str) -> None:
        """Bring a page to the front: `data`, `model`, `train` or `test`."""
        self._rail.set_page(page)
        self._stack.setCurrentWidget(self._pages[page])

    def start(self) -> None:
        """Start a run and show it; a number that is still being typed counts."""
        typed = QApplication.focusWidget()
        if isinstance(typed, QAbstractSpinBox):
            typed.interpretText()
        self.session.start()
        if self.session.state.run.active:
            self.show_page("train")

    def toggle_pause(self) -> None:
        """Hold the run, or let it go on."""
        if self.session.state.run.status == "running":
            self.session.run.pause()
        else:
            self.session.run.resume()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tell once that the window is on the screen."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self.painted.emit)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Pause and resume with Space, where nothing that has the focus wants it (an input, a button)."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.toggle_pause()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask before a run is ended; end it, keep its model, then close."""
        if not self.session.state.run.ours:
            self.session.close()
            event.accept()
            return
        event.ignore()
        if self._leaving or self.session.state.run.status == "stopping":
            self._leaving = True
            return
        self._ask_to_leave()

    def leave(self) -> None:
        """End the run without asking, keep its model, then close."""
        self._leaving = True
        if self.session.state.run.ours:
            self.session.run.stop()
        else:
            self.close()

    def _ask_to_leave(self) -> None:
        question = QMessageBox(self)
        question.setObjectName("close_question")
        question.setWindowTitle("CNN Studio")
        question.setText("A network is being trained.")
        question.setInformativeText("It can stop now and keep its best weights, or go on.")
        stop = question.addButton("Stop and close", QMessageBox.ButtonRole.AcceptRole)
        stop.setObjectName("close_question.stop")
        stay = question.addButton("Go on training", QMessageBox.ButtonRole.RejectRole)
        stay.setObjectName("close_question.stay")
        question.setDefaultButton(stay)
        question.setEscapeButton(stay)
        stop.clicked.connect(self.leave)
        question.finished.connect(question.deleteLater)
        question.open()

    def _lay_out(self) -> None:
        for page in self._pages.values():
            self._stack.addWidget(page)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._banner)
        column.addWidget(self._stack, 1)
        centre = QWidget()
        grid = QGridLayout(centre)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self._top, 0, 0, 1, 2)
        grid.addWidget(self._rail, 1, 0)
        grid.addWidget(middle, 1, 1)
        grid.addWidget(self._status, 2, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(1, 1)
        self.setCentralWidget(centre)

    def _connect(self) -> None:
        self._rail.page_chosen.connect(self.show_page)
        self._top.start_requested.connect(self.start)
        self._top.pause_requested.connect(self.session.run.pause)
        self._top.resume_requested.connect(self.session.run.resume)
        self._top.stop_requested.connect(self.session.run.stop)
        self._top.theme_chosen.connect(self._theme.set_mode)
        self._top.device_clicked.connect(self._explain_device)
        self._banner.dismissed.connect(self.session.dismiss_notice)
        self._banner.action_requested.connect(self.session.accept_offer)
        self.session.changed.connect(self._show)
        self.session.run.resumed.connect(lambda: self.show_page("train"))
        self.session.run.ended.connect(self._run_ended)
        self.painted.connect(self.session.load_torch)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        self._top.set_state(top_bar_state(state))
        self._top.set_start_refusal(state.start_refusal)
        self._top.set_subtitle(subtitle(state))
        self._top.set_device(*device(state))
        for page, badge in badges(state).items():
            self._rail.set_badge(page, badge)
        work = present_work(state)
        if work.done is None:
            self._status.say(work.text)
        else:
            self._status.say_progress(work.text, work.done)
        self._status.set_figures(*figures(state))
        if state.notice is None:
            self._banner.clear()
        else:
            run = state.notice.resume
            offer = f"Resume at epoch {run.next_epoch}" if run else ""
            self._banner.say(state.notice.level, state.notice.text, action=offer)

    @Slot()
    def _run_ended(self) -> None:
        if self._leaving:
            self.close()

    @Slot()
    def _explain_device(self) -> None:
        self.session.say("info", device(self.session.state)[2])
