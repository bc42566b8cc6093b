import pytest
from PySide6.QtWidgets import QProgressBar
from pytestqt.qtbot import QtBot

from cnnstudio.gui.panels.status_bar import StatusBar
from cnnstudio.gui.theme import Theme


@pytest.fixture
def bar(qtbot: QtBot, theme: Theme) -> StatusBar:
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.resize(1280, 24)
    bar.show()
    qtbot.waitExposed(bar)
    return bar


def progress(bar: StatusBar) -> QProgressBar:
    found = bar.findChild(QProgressBar, "status_bar.progress")
    assert found is not None
    return found


def test_progress_shows_while_something_happens(bar: StatusBar) -> None:
    assert not progress(bar).isVisible()
    bar.say_progress("Reading 1,741 images", 0.25)
    assert bar.phase() == "Reading 1,741 images"
    assert progress(bar).isVisible()
    assert progress(bar).value() == progress(bar).maximum() / 4
    bar.say("Ready")
    assert (bar.phase(), progress(bar).isVisible()) == ("Ready", False)


def test_unknown_length_is_shown_as_such(bar: StatusBar) -> None:
    bar.say_progress("Loading PyTorch", None)
    assert (progress(bar).minimum(), progress(bar).maximum()) == (0, 0)
    bar.say_progress("Training", 0.5)
    assert progress(bar).value() == progress(bar).maximum() / 2


def test_figures_leave_out_what_is_not_known(bar: StatusBar) -> None:
    bar.set_figures("1,480 images/s", "", "2 min 10 s left")
    assert bar.figures() == "1,480 images/s · 2 min 10 s left"
    bar.set_figures()
    assert bar.figures() == ""
