"""A process that trains crashes: the window lives on, and one button lets the run go on."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.core.events import EpochEnded, Event
from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.banner import Banner
from tests.e2e.gestures import child, press
from tests.gui.sessions import WAIT, load_torch, look_at, status

EPOCHS = 60  # so many that the crash comes before the end, however fast the machine
QUICK = {
    "data.image_size": 16,
    "data.batch_size": 4,
    "train.epochs": EPOCHS,
    "model.width": 8,
    "model.depth": 2,
    "compute.precision": "float32",
}


@pytest.mark.skipif(sys.platform == "win32", reason="has no signals")
def test_a_crash_leaves_the_window_alive_and_one_button_lets_the_run_go_on(
    qtbot: QtBot, session: Session, theme: Theme, image_tree: Callable[..., Path]
) -> None:
    window = MainWindow(session, theme)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    window.show_page("train")
    qtbot.waitExposed(window)
    load_torch(qtbot, session)
    look_at(qtbot, session, image_tree(("ant", "bee"), count=10, size=(12, 12)))
    for key, value in QUICK.items():
        session.set_value(key, value)
    press(window, "train.settings.more")
    press(window, "compute.isolated")
    qtbot.waitUntil(lambda: not session.state.start_refusal, timeout=WAIT)

    def crash(events: list[Event]) -> None:
        if any(isinstance(event, EpochEnded) and event.epoch >= 2 for event in events):
            session.run.streamed.disconnect(crash)
            (process,) = psutil.Process().children()
            os.kill(process.pid, signal.SIGSEGV)

    session.run.streamed.connect(crash)
    with qtbot.waitSignal(session.run.ended, timeout=WAIT):
        press(window, "run.start")
        assert status(session) == "running"
    assert window.isVisible()
    assert status(session) == "ended"
    (broken,) = session.state.recent
    notice = session.state.notice
    assert notice is not None
    assert notice.text.startswith(
        "The run failed: the training process died (segmentation fault). Its last checkpoint is kept: "
        f"Resume goes on from epoch {broken.next_epoch}"
    )
    assert child(window, Banner, "notice").isVisible()
    assert child(window, QPushButton, "notice.action").text() == f"Resume at epoch {broken.next_epoch}"
    with qtbot.waitSignals([session.run.resumed, session.run.ended], timeout=WAIT):
        press(window, "notice.action")
    ended = session.state.run.ended
    assert ended is not None
    assert (ended.reason, ended.run) == ("finished", str(broken.path))
    assert session.state.config.compute.isolated
    assert [event.epoch for event in session.state.run.epochs] == list(range(1, EPOCHS + 1))
    assert session.state.recent[0].next_epoch is None
    assert not child(window, Banner, "notice").isVisible()
