import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.core.events import EpochEnded, Event, StepEnded, Warned
from cnnstudio.core.serial import to_line
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import Work
from cnnstudio.runtime.runs import runs_folder
from tests.gui.events import ended, epoch, maps, started, step
from tests.gui.sessions import WAIT, begin, feed, load_torch, look_at, notice, play, status


@pytest.fixture
def folder(image_tree: Callable[..., Path]) -> Path:
    return image_tree(("ant", "bee"), count=10, size=(12, 12))


def test_a_run_follows_the_settings_and_ends_with_a_model(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)
    session.set_value("train.epochs", 3)
    here = str(runs_folder() / "images-compact-1")
    configs = play(monkeypatch, started(run=here), step(1.0), epoch(1), ended(run=here))
    streamed: list[Event] = []
    began: list[bool] = []
    session.run.streamed.connect(streamed.extend)
    session.run.began.connect(lambda: began.append(session.state.run.active))
    with qtbot.waitSignal(session.run.ended):
        session.start()
        assert session.state.run.work == Work("Starting")
        session.start()  # a second press does nothing
    assert [config.train.epochs for config in configs] == [3]
    assert streamed == [started(run=here), step(1.0), epoch(1), ended(run=here)]
    assert began == [True]
    assert (session.state.run.status, session.state.run.ended) == ("ended", ended(run=here))
    assert session.state.model_folder == Path(here)
    assert notice(session) == ("", "")


def test_a_picture_is_streamed_and_changes_nothing_of_the_state(session: Session) -> None:
    begin(session)
    feed(session, started(), step(0.1))
    states: list[object] = []
    streamed: list[Event] = []
    session.changed.connect(states.append)
    session.run.streamed.connect(streamed.extend)
    feed(session, maps("features.0"))
    assert ([type(event).__name__ for event in streamed], states) == (["FeatureMaps"], [])
    feed(session, step(0.2))
    assert len(states) == 1


def test_a_run_pauses_goes_on_and_stops(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)

    play(monkeypatch, started(), last=ended("stopped", accuracy=None, at=None))
    session.run.resume()
    session.run.pause()
    session.run.stop()
    assert status(session) == "none"
    session.start()
    session.run.pause()
    assert status(session) == "pausing"
    qtbot.waitUntil(lambda: status(session) == "paused")
    session.run.resume()
    assert status(session) == "running"
    session.run.pause()
    session.run.resume()  # before the batch is done
    qtbot.wait(80)
    assert status(session) == "running"
    session.run.pause()
    with qtbot.waitSignal(session.run.ended):
        session.run.stop()
        assert status(session) == "stopping"
        session.run.pause()
        session.run.resume()
        assert status(session) == "stopping"
    assert session.state.run.ended == ended("stopped", accuracy=None, at=None)
    assert status(session) == "ended"


def test_a_run_that_fails_says_so(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)
    play(monkeypatch, started(), ended("failed", accuracy=None, at=None, message="out of memory; lower it"))
    with qtbot.waitSignal(session.run.ended):
        session.start()
    assert notice(session) == ("error", "The run failed: out of memory; lower it")
    assert (session.state.run.status, session.state.model_folder) == ("ended", None)


def test_a_run_on_a_folder_that_has_gone_says_so(qtbot: QtBot, session: Session, folder: Path) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)
    folder.rename(folder.with_name("moved"))
    with qtbot.waitSignal(session.run.ended, timeout=WAIT):
        session.start()
    assert notice(session) == ("error", f"The run failed: no such folder [{folder}]: check the path")
    assert list(runs_folder().glob("*")) == []


def test_what_a_run_warns_of_is_told(session: Session) -> None:
    begin(session)
    feed(session, started(), Warned(text="the loss is very high"))
    assert notice(session) == ("warn", "The loss is very high.")
    feed(session, Warned(text="the preview image cannot be shown: it is truncated", path="/images/a.png"), step(0.5))
    assert notice(session) == ("warn", "The preview image cannot be shown: it is truncated (/images/a.png).")
    assert len(session.state.run.notes) == 2


def test_pictures_reach_the_pages_and_leave_the_state_alone(session: Session) -> None:
    begin(session)
    feed(session, started())
    before = session.state.run
    streamed: list[Event] = []
    session.run.streamed.connect(streamed.extend)
    picture = maps("features.0")
    feed(session, picture)
    assert streamed == [picture]
    assert session.state.run == before


def test_a_stopped_run_goes_on_with_its_own_settings_and_its_curves(
    qtbot: QtBot, session: Session, folder: Path
) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)
    quick = {"data.image_size": 16, "data.batch_size": 4, "train.epochs": 3, "model.width": 8, "model.depth": 2}
    for key, value in quick.items():
        session.set_value(key, value)
    qtbot.waitUntil(lambda: not session.state.start_refusal, timeout=WAIT)
    streamed: list[Event] = []
    session.run.streamed.connect(streamed.extend)

    def stop_in_time(events: list[Event]) -> None:
        if any(isinstance(event, EpochEnded) for event in events):
            session.run.stop()

    session.run.streamed.connect(stop_in_time)
    with qtbot.waitSignal(session.run.ended, timeout=WAIT):
        session.start()
    session.run.streamed.disconnect(stop_in_time)
    (past,) = session.state.recent
    assert past.next_epoch is not None
    first = [event for event in streamed if isinstance(event, StepEnded)]
    session.set_value("train.epochs", 50)
    streamed.clear()
    with qtbot.waitSignals([session.run.resumed, session.run.ended], timeout=WAIT):
        session.resume_run(past.path)
    assert session.state.config.train.epochs == 3
    ended = session.state.run.ended
    assert ended is not None
    assert (ended.reason, ended.run) == ("finished", str(past.path))
    steps = [event for event in streamed if isinstance(event, StepEnded)]
    assert steps[: len(first)] == first
    assert [event.step for event in steps] == list(range(1, 13))
    assert [event.epoch for event in session.state.run.epochs] == [1, 2, 3]
    assert session.state.recent[0].next_epoch is None


def test_a_folder_that_cannot_go_on_says_so(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    session.resume_run(tmp_path)
    qtbot.waitUntil(lambda: notice(session)[0] == "error")
    assert notice(session)[1].startswith("Not a run folder")
    assert not session.state.run.active


def test_the_curves_are_those_of_the_run_that_was_opened_last(
    qtbot: QtBot, session: Session, untried_run: Path
) -> None:
    (untried_run / "events.jsonl").write_text(
        "".join(f"{to_line(each)}\n" for each in (started(), step(1.0), epoch(1)))
    )
    other = untried_run.with_name("other")
    shutil.copytree(untried_run, other)
    drawn: list[bool] = []
    session.run.drawing.connect(lambda: drawn.append(True))
    session.open_run(untried_run)
    qtbot.waitUntil(lambda: session.state.run.started == started(run=str(untried_run)))
    assert (session.state.run.status, [each.epoch for each in session.state.run.epochs]) == ("ended", [1])
    session.open_run(other)
    session.open_run(untried_run)  # before the other one is read
    qtbot.wait(100)
    assert session.state.run.started == started(run=str(untried_run))
    assert session.state.model_folder == untried_run
    assert drawn == [True]
