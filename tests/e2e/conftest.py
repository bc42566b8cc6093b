"""The whole window on real images, used as a person uses it."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme


@pytest.fixture
def window(qtbot: QtBot, theme: Theme) -> Iterator[MainWindow]:
    """The main window as it opens; a run that is left over is stopped."""
    window = MainWindow(Session(), theme)
    window.resize(1280, 800)
    window.show()
    qtbot.waitUntil(lambda: window.session.state.torch_ready, timeout=60_000)
    yield window
    window.session.close()
    window.close()
    window.deleteLater()
