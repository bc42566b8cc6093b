import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.panels.rail import Rail, RailButton
from cnnstudio.gui.panels.status_bar import StatusBar
from cnnstudio.gui.panels.top_bar import TopBar
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import Work
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.banner import Banner
from cnnstudio.gui.widgets.device_chip import DeviceChip
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from tests.e2e.gestures import child, press
from tests.gui.events import ended, epoch, started, step
from tests.gui.sessions import WAIT, begin, begin_run, feed, finish, load_torch, look_at, play, status
from tests.gui.windows import open_window


@pytest.fixture
def window(qtbot: QtBot, theme: Theme, session: Session) -> Iterator[MainWindow]:
    """Return the window over a session; torch is loaded only where a test asks for it."""
    yield open_window(qtbot, session, theme)
    session.close()


@pytest.fixture
def ready(
    qtbot: QtBot, window: MainWindow, session: Session, image_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> MainWindow:
    """Return the window before Start: images and torch are there, and a run goes on until it is stopped."""
    look_at(qtbot, session, image_tree(("ant", "bee"), count=2, size=(8, 8)))
    load_torch(qtbot, session)
    play(monkeypatch, started(), step(0.5), last=ended("stopped", accuracy=None, at=None, run=""))
    return window


def test_styled_at_once_its_controls_are_as_large_as_if_each_part_had_been_styled_alone(
    qtbot: QtBot, theme: Theme, session: Session, image_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_at(qtbot, session, image_tree(("ant", "bee"), count=2, size=(8, 8)))
    load_torch(qtbot, session)

    def sizes() -> dict[tuple[str, str], QSize]:
        window = open_window(qtbot, session, theme)
        found: dict[tuple[str, str], QSize] = {}
        for page in ("data", "model", "train", "test"):
            window.show_page(page)
            QApplication.processEvents()
            controls = [each for kind in (QPushButton, QComboBox) for each in window.findChildren(kind)]
            found |= {(page, each.objectName()): each.size() for each in controls if each.isVisible()}
        window.hide()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(theme, "at_once", nullcontext)
        expected = sizes()
    found = sizes()
    assert {("data", "run.start"), ("model", "model.padding"), ("train", "train.optimizer")} <= found.keys()
    assert found == expected


def start_button(window: MainWindow) -> QPushButton:
    return child(window, QPushButton, "run.start")


def trigger(window: MainWindow, name: str) -> None:
    action = window.findChild(QAction, name)
    assert action is not None, name
    action.trigger()


def current_page(window: MainWindow) -> str:
    shown = [name for name in ("data", "model", "train", "test") if child(window, QWidget, f"{name}_page").isVisible()]
    assert shown == [child(window, Rail, "rail").page()]
    return shown[0]


def test_it_only_assembles() -> None:
    own = [name for name, _ in inspect.getmembers(MainWindow, inspect.isfunction) if name in vars(MainWindow)]
    assert len(own) <= 25, own


def test_it_tells_once_that_it_was_painted(qtbot: QtBot, theme: Theme, session: Session) -> None:
    window = MainWindow(session, theme)
    window.painted.disconnect()
    painted: list[bool] = []
    window.painted.connect(lambda: painted.append(True))
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: bool(painted))
    window.resize(1000, 700)
    window.repaint()
    qtbot.wait(50)
    assert painted == [True]


def test_a_fresh_window_says_what_to_do(window: MainWindow) -> None:
    assert current_page(window) == "data"
    assert not start_button(window).isEnabled()
    assert start_button(window).toolTip() == "Choose a folder of images first: drop it on the Data page."
    assert child(window, StatusBar, "status_bar").phase() == "Loading PyTorch"
    assert child(window, DeviceChip, "top_bar.device").text() == "Looking for devices…"
    assert not child(window, Banner, "notice").isVisible()


def test_top_bar_rail_and_status_bar_follow_the_run(window: MainWindow, session: Session) -> None:
    top, rail, bar = (
        child(window, TopBar, "top_bar"),
        child(window, Rail, "rail"),
        child(window, StatusBar, "status_bar"),
    )
    begin(session)
    assert (top.state(), start_button(window).text(), bar.phase()) == ("running", "Pause", "Starting")
    assert rail.badge("train") == "busy"
    feed(session, started(epochs=10, images=80), step(0.5, speed=40.0))
    assert child(window, ElidedLabel, "top_bar.subtitle").text() == "birds · birds-compact-1"
    assert child(window, DeviceChip, "top_bar.device").text() == "CPU · fp32"
    assert bar.figures() == "40 images/s · 19 s left"
    feed(session, epoch(1), ended())
    finish(session)
    assert (top.state(), start_button(window).text()) == ("idle", "Start")
    assert bar.phase() == "Finished after 1 min 15 s: 90.0 % at epoch 3"
    assert (rail.badge("train"), rail.badge("test"), bar.figures()) == ("ready", "ready", "")


def test_work_shows_its_progress(window: MainWindow, session: Session) -> None:
    progress = child(window, QWidget, "status_bar.progress")
    assert not progress.isVisible()
    session._set(surveying=Work("Looking at 1,741 images", 0.25))
    assert (progress.isVisible(), progress.property("value")) == (True, 250)
    assert child(window, StatusBar, "status_bar").phase() == "Looking at 1,741 images"
    assert child(window, Rail, "rail").badge("data") == "busy"
    session._set(surveying=None)
    assert not progress.isVisible()


def test_a_sentence_stays_until_it_is_dismissed(window: MainWindow, session: Session) -> None:
    session.say("error", "The disk is full.")
    assert child(window, QLabel, "notice.text").text() == "The disk is full."
    press(window, "notice.close")
    assert session.state.notice is None
    assert not child(window, Banner, "notice").isVisible()


def test_a_click_on_the_device_says_why(window: MainWindow, session: Session) -> None:
    press(window, "top_bar.device")
    assert child(window, QLabel, "notice.text").text() == "PyTorch is still loading."
    session._set(device="CPU · bf16", device_reason="x86. The CPU computes.")
    assert child(window, DeviceChip, "top_bar.device").text() == "CPU · bf16"
    press(window, "top_bar.device")
    assert child(window, QLabel, "notice.text").text() == "x86. The CPU computes."


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_control_and_enter_start_and_show_the_run(qtbot: QtBot, ready: MainWindow, key: Qt.Key) -> None:
    modifiers = Qt.KeyboardModifier.ControlModifier
    if key == Qt.Key.Key_Enter:
        modifiers |= Qt.KeyboardModifier.KeypadModifier
    QTest.keyClick(ready, key, modifiers)
    assert status(ready.session) == "running"
    assert current_page(ready) == "train"


def test_a_start_that_is_refused_stays_where_it_is(window: MainWindow, session: Session) -> None:
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert current_page(window) == "data"
    assert child(window, QLabel, "notice.text").text().startswith("Choose a folder of images first")


def test_a_number_that_is_still_being_typed_counts(ready: MainWindow) -> None:
    ready.show_page("train")
    spin = child(ready, QSpinBox, "train.epochs")
    spin.setFocus()
    spin.selectAll()
    QTest.keyClicks(spin, "25")
    QTest.keyClick(spin, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert status(ready.session) == "running"
    assert ready.session.state.config.train.epochs == 25


def test_space_pauses_and_goes_on(qtbot: QtBot, ready: MainWindow) -> None:
    QTest.keyClick(ready, Qt.Key.Key_Space)
    assert status(ready.session) == "none"  # there is nothing to pause
    press(ready, "run.start")
    assert (start_button(ready).text(), current_page(ready)) == ("Pause", "train")
    QTest.keyClick(ready, Qt.Key.Key_Space)
    assert start_button(ready).text() == "Resume"
    qtbot.waitUntil(lambda: status(ready.session) == "paused")
    assert child(ready, StatusBar, "status_bar").phase() == "Paused. Space goes on"
    QTest.keyClick(ready, Qt.Key.Key_Space)
    assert (status(ready.session), start_button(ready).text()) == ("running", "Pause")


def test_space_is_left_to_whoever_types(ready: MainWindow) -> None:
    press(ready, "run.start")
    spin = child(ready, QSpinBox, "train.epochs")
    spin.setFocus()
    QTest.keyClick(spin, Qt.Key.Key_Space)
    assert status(ready.session) == "running"
    curves = child(ready, QWidget, "train.curves")
    curves.setFocus()
    QTest.keyClick(curves, Qt.Key.Key_Space)  # which has no use for it
    assert status(ready.session) == "pausing"


def test_the_full_stop_takes_a_stage_and_shows_it(qtbot: QtBot, ready: MainWindow) -> None:
    QTest.keyClick(ready, Qt.Key.Key_Period)
    assert status(ready.session) == "none"
    press(ready, "run.start")
    qtbot.waitUntil(lambda: ready.session.state.run.step is not None, timeout=WAIT)
    ready.show_page("model")
    QTest.keyClick(ready, Qt.Key.Key_Period)
    assert status(ready.session) == "pausing"
    assert ready.session.run.host.control.stepping
    assert child(ready, QWidget, "train_page").isVisible()
    assert child(ready, QWidget, "train.step_card").isVisible()
    ready.session.run.resume()
    QTest.keyClick(ready, Qt.Key.Key_Space)  # the focus has stayed where it was
    assert status(ready.session) == "pausing"


def test_a_full_stop_is_left_to_whoever_types(ready: MainWindow) -> None:
    press(ready, "run.start")
    press(ready, "train.settings.open")
    rate = next(spin for spin in ready.findChildren(QAbstractSpinBox) if spin.isVisible())
    rate.setFocus()
    QTest.keyClick(rate, Qt.Key.Key_Period)
    assert status(ready.session) == "running"
    assert not ready.session.run.host.control.stepping


def test_the_buttons_pause_resume_and_stop(qtbot: QtBot, ready: MainWindow) -> None:
    press(ready, "run.start")
    press(ready, "run.start")
    qtbot.waitUntil(lambda: status(ready.session) == "paused")
    press(ready, "run.start")
    assert status(ready.session) == "running"
    with qtbot.waitSignal(ready.session.run.ended):
        press(ready, "run.stop")
        assert (start_button(ready).text(), start_button(ready).isEnabled()) == ("Stopping…", False)
    assert start_button(ready).text() == "Start"


def test_every_key_has_an_action_with_a_name(window: MainWindow) -> None:
    keys = {action.objectName(): [key.toString() for key in action.shortcuts()] for action in window.actions()}
    assert keys["action.start"] == ["Ctrl+Return", "Ctrl+Enter"]
    assert keys["action.open"][0] == "Ctrl+O"
    assert keys["action.undo"][0] == "Ctrl+Z"
    assert [keys[f"action.{page}"] for page in ("data", "model", "train", "test")] == [
        [f"Ctrl+{number}"] for number in range(1, 5)
    ]
    assert all(action.text() for action in window.actions())


def test_open_asks_for_a_folder(
    qtbot: QtBot, window: MainWindow, session: Session, image_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = image_tree(("ant", "bee"), count=2, size=(8, 8))
    answers = ["", str(folder)]
    monkeypatch.setattr("cnnstudio.gui.actions.QFileDialog.getExistingDirectory", lambda *_: answers.pop(0))
    window.show_page("train")
    trigger(window, "action.open")
    assert (current_page(window), session.state.surveying) == ("train", None)
    trigger(window, "action.open")
    qtbot.waitUntil(lambda: session.state.survey is not None)
    assert current_page(window) == "data"


def test_the_rail_changes_pages_and_the_theme_menu_the_theme(window: MainWindow, theme: Theme) -> None:
    for page in ("model", "train", "test", "data"):
        QTest.mouseClick(child(window, RailButton, f"rail.{page}"), Qt.MouseButton.LeftButton)
        assert current_page(window) == page
    trigger(window, "theme.dark")
    assert theme.mode == "dark"


def test_closing_without_a_run_closes_at_once_and_ends_the_threads(window: MainWindow, session: Session) -> None:
    session.folders.draw_samples(1)
    window.close()
    assert not window.isVisible()
    assert [each.name for each in threading.enumerate() if each.name.startswith("cnnstudio")] == []


def test_leaving_ends_the_run_without_a_question(qtbot: QtBot, ready: MainWindow) -> None:
    press(ready, "run.start")
    ready.leave()
    assert status(ready.session) == "stopping"
    qtbot.waitUntil(lambda: not ready.isVisible(), timeout=WAIT)
    assert ready.session.state.run.ended == ended("stopped", accuracy=None, at=None, run="")


def test_closing_while_a_run_stops_waits_for_it_without_a_question(qtbot: QtBot, ready: MainWindow) -> None:
    press(ready, "run.start")
    press(ready, "run.stop")
    ready.close()
    assert ready.isVisible()
    assert ready.findChild(QMessageBox) is None
    qtbot.waitUntil(lambda: not ready.isVisible(), timeout=WAIT)


def test_a_question_that_outlives_the_run_still_closes(qtbot: QtBot, ready: MainWindow) -> None:
    press(ready, "run.start")
    ready.close()
    with qtbot.waitSignal(ready.session.run.ended):
        ready.session.run.stop()
    assert ready.isVisible()
    press(ready, "close_question.stop")
    assert not ready.isVisible()


def test_escape_means_to_go_on(qtbot: QtBot, ready: MainWindow) -> None:
    press(ready, "run.start")
    ready.close()
    QTest.keyClick(child(ready, QMessageBox, "close_question"), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: ready.findChild(QMessageBox) is None)
    assert (status(ready.session), ready.isVisible()) == ("running", True)


@pytest.mark.parametrize("page", ["data", "model", "train", "test"])
def test_every_widget_that_can_be_used_has_names(window: MainWindow, session: Session, page: str) -> None:
    begin_run(session, started())
    window.show_page(page)
    QApplication.processEvents()
    for kind in (QAbstractButton, QAbstractSpinBox, QComboBox):
        for widget in window.findChildren(kind):
            if widget.isVisible() and widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
                assert widget.objectName(), widget
                assert widget.accessibleName() or widget.property("text"), widget.objectName()


def test_the_focus_starts_on_no_button(window: MainWindow) -> None:
    focus = QApplication.focusWidget()
    assert focus is not None
    assert focus.objectName() == "pages"
