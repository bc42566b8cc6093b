from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.session import Session
from tests.gui.sessions import load_torch, look_at, notice, status


@pytest.fixture
def folder(image_tree: Callable[..., Path]) -> Path:
    return image_tree(("ant", "bee"), count=10, size=(12, 12))


def test_findings_follow_images_and_switches(qtbot: QtBot, session: Session, folder: Path) -> None:
    load_torch(qtbot, session)
    before = session.state.findings
    assert before == ()
    look_at(qtbot, session, folder)
    qtbot.waitUntil(lambda: bool(session.state.findings))
    (few,) = session.state.findings
    assert (few.level, few.text.startswith("16 training images cannot teach ")) == ("warn", True)
    session.set_value("data.batch_size", 1)
    qtbot.waitUntil(lambda: len(session.state.findings) == 2)
    stop = session.state.findings[0]
    assert (stop.level, session.state.start_refusal) == ("stop", stop.text)
    session.use_config(stop.remedies[0].applied(session.state.config))
    qtbot.waitUntil(lambda: session.state.findings == (few,))
    assert (session.state.config.data.batch_size, session.state.start_refusal) == (2, "")


def test_the_layers_follow_the_switches(qtbot: QtBot, session: Session, folder: Path) -> None:
    load_torch(qtbot, session)
    assert session.state.summary is not None
    assert session.state.summary.rows[-1].output_shape == (1000,)
    look_at(qtbot, session, folder)
    session.set_value("model.padding", "valid")
    session.set_value("data.image_size", 16)  # of both only the latest is waited for
    qtbot.waitUntil(lambda: bool(session.state.model_problem))
    assert session.state.start_refusal.startswith("16 pixels are too few for Compact CNN")
    assert session.state.summary.rows[-1].output_shape == (2,)
    session.start()
    assert notice(session) == ("warn", session.state.model_problem)
    assert status(session) == "none"
