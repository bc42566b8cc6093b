"""The whole window, as tests of its parts need it."""

from pytestqt.qtbot import QtBot

from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme


def open_window(qtbot: QtBot, session: Session, theme: Theme) -> MainWindow:
    """Open the window over a session; torch is loaded only where a test asks for it."""
    window = MainWindow(session, theme)
    window.painted.disconnect()
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    qtbot.waitExposed(window)
    return window
