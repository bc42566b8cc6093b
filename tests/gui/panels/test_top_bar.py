import pytest
from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.gui.panels.top_bar import RunState, TopBar
from cnnstudio.gui.theme import Theme


@pytest.fixture
def bar(qtbot: QtBot, theme: Theme) -> TopBar:
    bar = TopBar(theme)
    qtbot.addWidget(bar)
    bar.resize(1280, 48)
    bar.show()
    qtbot.waitExposed(bar)
    return bar


def button(bar: TopBar, name: str) -> QPushButton:
    found = bar.findChild(QPushButton, name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("state", "text", "enabled", "stoppable"),
    [
        ("idle", "Start", True, False),
        ("running", "Pause", True, True),
        ("paused", "Resume", True, True),
        ("stopping", "Stopping…", False, False),
        ("following", "Following…", False, True),
    ],
)
def test_buttons_say_what_they_would_do(
    bar: TopBar, state: RunState, text: str, enabled: bool, stoppable: bool
) -> None:
    bar.set_state(state)
    main = button(bar, "run.start")
    assert bar.state() == state
    assert (main.text(), main.accessibleName(), main.isEnabled()) == (text, text, enabled)
    assert button(bar, "run.stop").isEnabled() == stoppable


@pytest.mark.parametrize(
    ("state", "signal"), [("idle", "start_requested"), ("running", "pause_requested"), ("paused", "resume_requested")]
)
def test_one_button_starts_pauses_and_resumes(qtbot: QtBot, bar: TopBar, state: RunState, signal: str) -> None:
    bar.set_state(state)
    wanted: SignalInstance = getattr(bar, signal)
    with qtbot.waitSignal(wanted):
        QTest.mouseClick(button(bar, "run.start"), Qt.MouseButton.LeftButton)
    assert bar.state() == state  # the bar only reports


def test_main_button_keeps_its_place(bar: TopBar) -> None:
    widths = set()
    for state in ("idle", "running", "paused", "stopping"):
        bar.set_state(state)
        widths.add(button(bar, "run.start").sizeHint().expandedTo(button(bar, "run.start").minimumSize()).width())
    assert len(widths) == 1


def test_another_style_leaves_the_state_as_it_is(bar: TopBar, qapp: QApplication, theme: Theme) -> None:
    bar.set_state("paused")
    wide = button(bar, "run.start").width()
    with theme.at_once():
        pass
    QApplication.processEvents()
    assert (button(bar, "run.start").text(), button(bar, "run.start").width()) == ("Resume", wide)


def test_stop_is_reported(qtbot: QtBot, bar: TopBar) -> None:
    bar.set_state("running")
    with qtbot.waitSignal(bar.stop_requested):
        QTest.mouseClick(button(bar, "run.stop"), Qt.MouseButton.LeftButton)


def test_disabled_start_says_why(bar: TopBar) -> None:
    bar.set_start_refusal("Open a folder of images first.")
    main = button(bar, "run.start")
    assert (main.isEnabled(), main.toolTip()) == (False, "Open a folder of images first.")
    assert main.accessibleDescription() == "Open a folder of images first."
    bar.set_state("running")
    assert main.isEnabled()
    bar.set_state("idle")
    bar.set_start_refusal("")
    assert (main.isEnabled(), main.toolTip()) == (True, "")


def test_device_chip_tells_and_asks(qtbot: QtBot, bar: TopBar) -> None:
    bar.set_device("CPU · bf16", "warn", "No CUDA device was found.")
    chip = button(bar, "top_bar.device")
    assert (chip.text(), chip.toolTip()) == ("CPU · bf16", "No CUDA device was found.")
    assert chip.accessibleName() == "Device: CPU · bf16"
    with qtbot.waitSignal(bar.device_clicked):
        QTest.mouseClick(chip, Qt.MouseButton.LeftButton)


def test_theme_menu_reports_the_choice(qtbot: QtBot, bar: TopBar) -> None:
    action = bar.findChild(QAction, "theme.dark")
    assert action is not None
    with qtbot.waitSignal(bar.theme_chosen) as told:
        action.trigger()
    assert told.args == ["dark"]


def test_theme_menu_marks_what_is_in_use(bar: TopBar, theme: Theme) -> None:
    theme.set_mode("dark")
    menu = button(bar, "top_bar.theme").menu()
    menu.aboutToShow.emit()
    assert [action.objectName() for action in menu.actions() if action.isChecked()] == ["theme.dark"]


def test_subtitle_is_elided_on_a_narrow_window(bar: TopBar) -> None:
    bar.set_subtitle("garden-birds · resnet18 · run 7 " * 5)
    bar.resize(700, 48)
    label = bar.findChild(QLabel, "top_bar.subtitle")
    assert label is not None
    assert label.toolTip() == label.text()
    assert bar.width() == 700


def test_theme_recolours_the_icons(bar: TopBar, theme: Theme) -> None:
    before = bar.grab().toImage()
    theme.set_mode("dark")
    assert bar.grab().toImage() != before
