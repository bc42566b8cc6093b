"""Bringing a session to where a test begins."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import StopRun
from cnnstudio.core.events import Event, RunStarted
from cnnstudio.core.pictures import Picture
from cnnstudio.gui.panels.batchnorm_panel import BatchNormPanel
from cnnstudio.gui.panels.dropout_panel import DropoutPanel
from cnnstudio.gui.panels.live_card import LiveCard
from cnnstudio.gui.panels.step_panel import StepPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunStatus, RunView, Work
from tests.gui.events import summary

C = TypeVar("C", bound=LiveCard)
WAIT = 60_000


def look_at(qtbot: QtBot, session: Session, folder: Path) -> None:
    """Open a folder, and wait until its images have been looked at or refused."""
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.state.surveying is None, timeout=WAIT)


def load_torch(qtbot: QtBot, session: Session) -> None:
    """Load torch, and wait until the network is described."""
    session.load_torch()
    qtbot.waitUntil(lambda: bool(session.state.device_reason), timeout=WAIT)


def status(session: Session) -> RunStatus:
    """Return whether the run goes on."""
    return session.state.run.status


def notice(session: Session) -> tuple[str, str]:
    """Return level and text of the sentence that is shown; empty for none."""
    said = session.state.notice
    return (said.level, said.text) if said else ("", "")


def play(monkeypatch: pytest.MonkeyPatch, *story: Event, last: Event | None = None) -> list[Config]:
    """Let runs report a story instead of training.

    Args:
        monkeypatch: Of the test.
        story: What is reported at once.
        last: What is reported when the run is stopped; without it the run ends by itself.

    Returns:
        The configurations that runs are started with.
    """
    configs: list[Config] = []

    def train(
        config: Config, sink: Callable[[Event], None], control: Control, *, out: Path, resume: bool = False
    ) -> None:
        configs.append(config)
        for event in story:
            sink(event)
        try:
            while last is not None:
                control.check()
                threading.Event().wait(0.002)
        except StopRun:
            assert last is not None
            sink(last)

    monkeypatch.setattr("cnnstudio.engine.trainer.train", train)
    return configs


def begin(session: Session) -> None:
    """Let the session be where it is after a press on Start, without a thread."""
    session.dismiss_notice()
    session.run._begin(RunView(status="running", work=Work("Starting")))


def begin_run(session: Session, opening: RunStarted) -> None:
    """Let a run of the network in `tests.gui.events.summary` have told its opening event."""
    session._set(summary=summary())
    begin(session)
    feed(session, opening)


def feed(session: Session, *events: Event) -> None:
    """Hand events over as the host of a run does, and wait until the training doctor, if there is one, has judged."""
    session.run.host.streamed.emit(list(events))
    session.run.host.drawing.emit()
    session.turns.finish()
    late = time.monotonic() + WAIT / 1000
    while session._tasks.busy("doctor"):
        assert time.monotonic() < late
        QApplication.processEvents()


def look_into(qtbot: QtBot, card: C, width: int, height: int) -> C:
    """Show a live view as if somebody had chosen it, and return it."""
    qtbot.addWidget(card)
    card.resize(width, height)
    card.show()
    card.watch(seen=True)
    qtbot.waitExposed(card)
    return card


def take(card: BatchNormPanel | DropoutPanel | StepPanel, picture: Picture) -> None:
    """Give a picture to a live view that draws in turns, and wait for all of them."""
    card.take(picture)
    card._session.turns.finish()


def finish(session: Session) -> None:
    """Let the thread of the run have ended."""
    session.run.host.ended.emit()
