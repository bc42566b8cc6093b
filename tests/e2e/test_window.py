"""The main job: drop a folder, press Start, watch it learn, pause, stop, ask."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.events import EpochEnded, Event, RunStarted, StepEnded
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.core.serial import from_line
from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.panels.rail import RailButton
from cnnstudio.gui.widgets.class_list import ClassList
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.loss_plot import LossPlot
from cnnstudio.gui.widgets.prediction_bars import PredictionBars
from cnnstudio.runtime.runs import runs_folder
from tests.e2e.gestures import child, drop, press

WAIT = 120_000
SETTINGS = ("data.image_size=32", "data.batch_size=8", "data.augment=false", "train.lr=0.003")


def open_images(qtbot: QtBot, window: MainWindow, folder: Path) -> None:
    assert drop(child(window, QWidget, "data_page"), folder)
    qtbot.waitUntil(lambda: window.session.state.survey is not None, timeout=WAIT)
    for setting in SETTINGS:
        key, _, value = setting.partition("=")
        window.session.set_value(key, value)


def set_epochs(window: MainWindow, epochs: int) -> None:
    spin = child(window, QSpinBox, "train.epochs")
    spin.setValue(epochs)


def test_drop_start_watch_pause_stop_ask(
    qtbot: QtBot, window: MainWindow, image_tree: Callable[..., Path], tmp_path: Path
) -> None:
    events: list[Event] = []
    window.session.run.streamed.connect(events.extend)
    folder = image_tree(("ant", "bee", "cat"), count=(12, 16, 20))
    (folder / "ant" / "damaged.png").write_bytes(b"\x89PNG nonsense")
    start = child(window, QPushButton, "run.start")
    assert not start.isEnabled()
    assert "Choose a folder of images first" in start.toolTip()

    open_images(qtbot, window, folder)
    classes = window.findChild(ClassList)
    assert classes is not None
    survey = window.session.state.survey
    assert survey is not None
    assert [(row.name, row.train, row.val) for row in survey.counts()] == [
        ("ant", 10, 2),
        ("bee", 13, 3),
        ("cat", 16, 4),
    ]
    assert [Path(aside.path).name for aside in survey.catalog.set_aside] == ["damaged.png"]

    press(window, "rail.train")
    set_epochs(window, 50)
    qtbot.waitUntil(start.isEnabled, timeout=WAIT)
    press(window, "run.start")
    curves = child(window, LossPlot, "train.curves")
    qtbot.waitUntil(lambda: len(curves.drawn("train_loss_steps")[0]) >= 8, timeout=WAIT)
    qtbot.waitUntil(lambda: any(isinstance(event, FeatureMaps) for event in events), timeout=WAIT)
    maps = next(event for event in events if isinstance(event, FeatureMaps))
    assert maps.tiles.dtype == np.uint8
    assert len(np.unique(maps.tiles)) > 20
    assert Path(maps.image).parent.name == "ant"
    qtbot.waitUntil(lambda: any(isinstance(event, EpochEnded) for event in events), timeout=WAIT)
    assert child(window, QLabel, "train.maps.answer").property("text").split()[0] in {"ant", "bee", "cat"}

    QTest.keyClick(window, Qt.Key.Key_Space)
    assert start.text() == "Resume"
    qtbot.waitUntil(lambda: window.session.state.run.status == "paused", timeout=WAIT)
    qtbot.wait(100)  # the mailbox is emptied
    held = sum(isinstance(event, StepEnded) for event in events)
    qtbot.wait(800)
    assert sum(isinstance(event, StepEnded) for event in events) == held
    layer = child(window, ComboField, "train.maps.layer")
    other = str(layer.itemData(layer.count() - 1))
    layer.setCurrentIndex(layer.count() - 1)
    layer.activated.emit(layer.count() - 1)
    qtbot.waitUntil(lambda: isinstance(events[-1], FeatureMaps) and events[-1].layer == other, timeout=WAIT)

    press(window, "run.start")
    assert start.text() == "Pause"
    qtbot.waitUntil(lambda: sum(isinstance(event, StepEnded) for event in events) > held, timeout=WAIT)
    with qtbot.waitSignal(window.session.run.ended, timeout=WAIT):
        press(window, "run.stop")
        assert start.text() == "Stopping…"
    ended = window.session.state.run.ended
    assert ended is not None
    assert ended.reason == "stopped"
    assert (Path(ended.run) / "model.safetensors").is_file()
    assert Path(ended.run).parent == runs_folder()

    press(window, "rail.test")
    image = next((folder / "bee").iterdir())
    bars = child(window, PredictionBars, "prediction_bars")
    assert drop(child(window, QWidget, "test_page"), image)
    qtbot.waitUntil(lambda: len(bars.rows) == 3, timeout=WAIT)
    assert {row[0] for row in bars.rows} == {"ant", "bee", "cat"}
    assert sum(row[1] for row in bars.rows) == pytest.approx(1.0, abs=0.01)


def test_the_window_and_the_command_line_give_the_same_losses(
    qtbot: QtBot, window: MainWindow, image_tree: Callable[..., Path], tmp_path: Path
) -> None:
    events: list[Event] = []
    window.session.run.streamed.connect(events.extend)
    folder = image_tree(("ant", "bee"), count=16)
    open_images(qtbot, window, folder)
    window.session.set_value("model.dropout2d", 0.1)
    set_epochs(window, 2)
    press(window, "rail.train")
    with qtbot.waitSignal(window.session.run.ended, timeout=WAIT):
        window.start()

    settings = [f"--set={setting}" for setting in (*SETTINGS, "model.dropout2d=0.1", "train.epochs=2")]
    command = [
        sys.executable,
        "-m",
        "cnnstudio",
        "train",
        "--data",
        str(folder),
        "--out",
        str(tmp_path / "run"),
        "--json",
    ]
    done = subprocess.run([*command, *settings], capture_output=True, text=True, check=True)
    lines = [from_line(line) for line in done.stdout.splitlines()]

    def figures(story: list[Event]) -> list[tuple[float, ...]]:
        steps = [(event.loss, event.accuracy) for event in story if isinstance(event, StepEnded)]
        epochs = [(event.val_loss, event.val_accuracy) for event in story if isinstance(event, EpochEnded)]
        return [*steps, *epochs]

    assert len(figures(events)) == 10
    assert figures(events) == figures([*lines])
    assert [event.config for event in lines if isinstance(event, RunStarted)] == [
        event.config for event in events if isinstance(event, RunStarted)
    ]


def test_a_second_run_of_another_network_watches_layers_of_its_own(
    qtbot: QtBot, window: MainWindow, image_tree: Callable[..., Path]
) -> None:
    events: list[Event] = []
    window.session.run.streamed.connect(events.extend)
    open_images(qtbot, window, image_tree(("ant", "bee"), count=8))
    set_epochs(window, 1)
    for batchnorm in (True, False):  # without BatchNorm the layers have other names
        window.session.set_value("model.batchnorm", batchnorm)
        events.clear()
        with qtbot.waitSignal(window.session.run.ended, timeout=WAIT):
            window.start()
        assert window.session.state.run.notes == ()
        started = next(event for event in events if isinstance(event, RunStarted))
        maps = [event for event in events if isinstance(event, FeatureMaps)]
        assert maps
        assert {event.layer for event in maps} <= set(started.layers)


def test_closing_while_training_asks_then_stops_and_keeps_the_model(
    qtbot: QtBot, window: MainWindow, image_tree: Callable[..., Path]
) -> None:
    open_images(qtbot, window, image_tree(("ant", "bee"), count=12))
    set_epochs(window, 200)
    window.start()
    qtbot.waitUntil(lambda: bool(window.session.state.run.epochs), timeout=WAIT)

    window.close()
    press(window, "close_question.stay")
    assert window.isVisible()
    assert window.session.state.run.status == "running"
    qtbot.waitUntil(lambda: window.findChild(QMessageBox, "close_question") is None)

    window.close()
    press(window, "close_question.stop")
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=WAIT)
    ended = window.session.state.run.ended
    assert ended is not None
    assert ended.reason == "stopped"
    assert (Path(ended.run) / "model.safetensors").is_file()


def test_a_folder_that_cannot_be_learnt_from_is_a_sentence_not_a_crash(
    qtbot: QtBot, window: MainWindow, image_tree: Callable[..., Path]
) -> None:
    assert drop(child(window, QWidget, "data_page"), image_tree(("only",), count=3))
    qtbot.waitUntil(lambda: window.session.state.notice is not None, timeout=WAIT)
    text = child(window, QLabel, "notice.text").property("text")
    assert "there is only one with images: only" in text
    assert "Add a folder for a second class." in text
    assert not child(window, QPushButton, "run.start").isEnabled()


def test_keys_change_pages_and_take_back_settings(qtbot: QtBot, window: MainWindow) -> None:
    pages = {name: child(window, QWidget, f"{name}_page") for name in ("data", "model", "train", "test")}
    for key, name in (
        (Qt.Key.Key_2, "model"),
        (Qt.Key.Key_3, "train"),
        (Qt.Key.Key_4, "test"),
        (Qt.Key.Key_1, "data"),
    ):
        QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert [page for page, widget in pages.items() if widget.isVisible()] == [name]
        button = child(window, RailButton, f"rail.{name}")
        assert button.isChecked()
    set_epochs(window, 33)
    assert window.session.state.config.train.epochs == 33
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert window.session.state.config.train.epochs == 10
    spin = child(window, QSpinBox, "train.epochs")
    assert spin.value() == 10


def test_the_window_paints_before_torch_is_imported() -> None:
    program = (
        "import sys\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from cnnstudio.gui.main_window import MainWindow\n"
        "from cnnstudio.gui.session import Session\n"
        "from cnnstudio.gui.theme import Theme\n"
        "app = QApplication([])\n"
        "window = MainWindow(Session(), Theme(app))\n"
        "seen = []\n"
        "window.painted.disconnect()\n"
        "window.painted.connect(lambda: (seen.append('torch' in sys.modules), app.quit()))\n"
        "window.show()\n"
        "app.exec()\n"
        "window.session.close()\n"
        "print(seen)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[False]"
