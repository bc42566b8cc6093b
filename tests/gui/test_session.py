import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.core.control import Watch
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import Notice, SessionState
from tests.gui.events import ended, epoch, started, step
from tests.gui.sessions import WAIT, begin, feed, finish, load_torch, look_at, notice, play


@pytest.fixture
def folder(image_tree: Callable[..., Path]) -> Path:
    return image_tree(("ant", "bee"), count=10, size=(12, 12))


def test_a_value_that_is_not_allowed_changes_nothing_and_says_why(session: Session) -> None:
    before = session.state.config
    told: list[SessionState] = []
    session.changed.connect(told.append)
    session.set_value("data.batch_size", 0)
    assert session.state.config is before
    assert notice(session) == ("warn", "data.batch_size cannot be 0: it must be greater than or equal to 1")
    assert [state.config for state in told] == [before]  # which puts the control back
    session.undo()
    assert session.state.config is before
    session.set_value("data.batch_size", 16)
    assert session.state.config.data.batch_size == 16
    assert notice(session) == ("", "")


def test_undo_goes_back_step_by_step(session: Session) -> None:
    for key, value in (("train.epochs", 3), ("model.dropout2d", 0.2), ("train.epochs", 4), ("train.epochs", 4)):
        session.set_value(key, value)
    seen = []
    for _ in range(5):
        session.undo()
        seen.append((session.state.config.train.epochs, session.state.config.model.dropout2d))
    assert seen == [(3, 0.2), (3, 0.0), (10, 0.0), (10, 0.0), (10, 0.0)]


def test_states_are_replaced_and_never_changed(qtbot: QtBot, session: Session, folder: Path) -> None:
    states = [session.state]
    session.changed.connect(states.append)
    look_at(qtbot, session, folder)
    session.set_value("train.epochs", 3)
    session.watch(replace(session.state.watch, layer="features.0"))
    session.say("info", "A sentence.")
    session.dismiss_notice()
    begin(session)
    feed(session, started(), step(0.5))
    assert session.state is states[-1]
    assert [state.config.train.epochs for state in states[:2]] == [10, 10]
    assert states[0] == SessionState()
    assert len({id(state) for state in states}) == len(states)


def test_a_start_without_images_says_what_to_do(session: Session) -> None:
    session.start()
    assert notice(session) == ("warn", "Choose a folder of images first: drop it on the Data page.")
    assert not session.state.run.active


@pytest.mark.parametrize("torch_first", [True, False])
def test_a_run_starts_by_itself_once_images_and_torch_are_there(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch, torch_first: bool
) -> None:
    notices: list[Notice | None] = []
    summaries: list[bool] = []
    session.changed.connect(lambda state: notices.append(state.notice))
    session.run.began.connect(lambda: summaries.append(session.state.summary is not None))
    configs = play(monkeypatch, started(), ended())
    session.start_when_ready()
    if torch_first:
        load_torch(qtbot, session)
        session.open_folder(folder)
    else:
        look_at(qtbot, session, folder)
        assert not session.state.run.active
        session.load_torch()
    qtbot.waitUntil(lambda: session.state.run.ended is not None, timeout=WAIT)
    assert set(notices) == {None}
    assert summaries == [True]
    look_at(qtbot, session, folder)
    qtbot.wait(150)
    assert len(configs) == 1


def test_a_run_that_waits_to_start_says_what_is_in_its_way_and_waits_no_longer(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = play(monkeypatch, started(), ended())
    session.set_value("transfer.mode", "finetune")
    session.start_when_ready()
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)
    qtbot.waitUntil(lambda: session.state.notice is not None, timeout=WAIT)
    assert notice(session) == ("warn", session.state.model_problem)
    session.set_value("transfer.mode", "scratch")
    qtbot.waitUntil(lambda: session.state.summary is not None, timeout=WAIT)
    qtbot.wait(60)
    assert configs == []
    session.start()
    qtbot.waitUntil(lambda: session.state.run.ended is not None, timeout=WAIT)
    assert [config.transfer.mode for config in configs] == ["scratch"]


def test_a_folder_that_is_refused_ends_the_wait_for_a_start(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = play(monkeypatch, started(), ended())
    session.start_when_ready()
    load_torch(qtbot, session)
    look_at(qtbot, session, folder / "ant")
    assert notice(session)[0] == "error"
    look_at(qtbot, session, folder)
    qtbot.waitUntil(lambda: session.state.summary is not None and len(session.state.summary.rows) > 0, timeout=WAIT)
    qtbot.wait(100)
    assert configs == []


def test_only_the_first_model_of_a_run_is_put_on_the_test_page(session: Session, untried_run: Path) -> None:
    begin(session)
    asked = []
    for event in (started(run="/runs/new-1"), step(1.0), epoch(1)):
        feed(session, event)
        asked.append(session.state.model_folder)
    assert asked == [None, None, Path("/runs/new-1")]
    session.open_run(untried_run)
    feed(session, step(2.0), epoch(2), ended(run="/runs/new-1"))
    finish(session)
    assert session.state.model_folder == untried_run


def test_what_is_watched_reaches_the_run(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)
    session.watch(replace(session.state.watch, layer="features.0"))
    session.watch(replace(session.state.watch, image="/images/a.png"))
    assert session.state.watch == Watch("features.0", "/images/a.png")
    play(monkeypatch, started(), last=ended("stopped"))
    session.start()
    assert session.run.host.control.watched == Watch("features.0", "/images/a.png")
    session.watch(replace(session.state.watch, layer=""))
    assert session.run.host.control.watched == Watch("", "/images/a.png")
    with qtbot.waitSignal(session.run.ended):
        session.run.stop()


def test_an_earlier_run_can_be_opened(session: Session, untried_run: Path, tmp_path: Path) -> None:
    assert list(session.state.recent) == []  # the session was there before the run
    session.open_run(untried_run)
    assert session.state.model_folder == untried_run
    assert [run.path for run in session.state.recent] == [untried_run]
    session.open_run(untried_run)
    assert len(session.state.recent) == 1
    session.open_run(tmp_path)
    assert notice(session) == ("error", f"Not a run folder: {tmp_path}. Name a folder that `cnnstudio train` made.")
    assert session.state.model_folder == untried_run


def test_closing_ends_all_threads(qtbot: QtBot, session: Session, folder: Path) -> None:
    session.open_folder(folder)
    session.folders.draw_samples(8)
    session.close()
    assert [each.name for each in threading.enumerate() if each.name.startswith("cnnstudio")] == []
    session.close()
    session.load_torch()  # too late: nothing happens
    qtbot.wait(60)
    assert not session.state.torch_ready
