import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from cnnstudio.core.control import Watch
from cnnstudio.core.events import EpochEnded, Event, StepEnded, Warned
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import Notice, Work
from cnnstudio.runtime.runs import runs_folder
from tests.gui.events import ended, epoch, maps, started, step
from tests.gui.sessions import WAIT, begin, feed, finish, load_torch, look_at, notice, play, status


@pytest.fixture
def folder(image_tree: Callable[..., Path]) -> Path:
    return image_tree(("ant", "bee"), count=10, size=(12, 12))


def test_a_start_without_images_says_what_to_do(session: Session) -> None:
    session.start()
    assert notice(session) == ("warn", "Choose a folder of images first: drop it on the Data page.")
    assert not session.state.run.active


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
    session.streamed.connect(streamed.extend)
    session.run_began.connect(lambda: began.append(session.state.run.active))
    with qtbot.waitSignal(session.run_ended):
        session.start()
        assert session.state.run.work == Work("Starting")
        session.start()  # a second press does nothing
    assert [config.train.epochs for config in configs] == [3]
    assert streamed == [started(run=here), step(1.0), epoch(1), ended(run=here)]
    assert began == [True]
    assert (session.state.run.status, session.state.run.ended) == ("ended", ended(run=here))
    assert session.state.model_folder == Path(here)
    assert notice(session) == ("", "")


def test_a_run_pauses_goes_on_and_stops(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)

    play(monkeypatch, started(), last=ended("stopped", accuracy=None, at=None))
    session.resume()
    session.pause()
    session.stop()
    assert status(session) == "none"
    session.start()
    session.pause()
    assert status(session) == "pausing"
    qtbot.waitUntil(lambda: status(session) == "paused")
    session.resume()
    assert status(session) == "running"
    session.pause()
    session.resume()  # before the batch is done
    qtbot.wait(80)
    assert status(session) == "running"
    session.pause()
    with qtbot.waitSignal(session.run_ended):
        session.stop()
        assert status(session) == "stopping"
        session.pause()
        session.resume()
        assert status(session) == "stopping"
    assert session.state.run.ended == ended("stopped", accuracy=None, at=None)
    assert status(session) == "ended"


def test_a_run_that_fails_says_so(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)
    play(monkeypatch, started(), ended("failed", accuracy=None, at=None, message="out of memory; lower it"))
    with qtbot.waitSignal(session.run_ended):
        session.start()
    assert notice(session) == ("error", "The run failed: out of memory; lower it")
    assert (session.state.run.status, session.state.model_folder) == ("ended", None)


def test_a_run_on_a_folder_that_has_gone_says_so(qtbot: QtBot, session: Session, folder: Path) -> None:
    load_torch(qtbot, session)
    look_at(qtbot, session, folder)
    folder.rename(folder.with_name("moved"))
    with qtbot.waitSignal(session.run_ended, timeout=WAIT):
        session.start()
    assert notice(session) == ("error", f"The run failed: no such folder [{folder}]: check the path")
    assert list(runs_folder().glob("*")) == []


@pytest.mark.parametrize("torch_first", [True, False])
def test_a_run_starts_by_itself_once_images_and_torch_are_there(
    qtbot: QtBot, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch, torch_first: bool
) -> None:
    notices: list[Notice | None] = []
    summaries: list[bool] = []
    session.changed.connect(lambda state: notices.append(state.notice))
    session.run_began.connect(lambda: summaries.append(session.state.summary is not None))
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
    assert session._runs.host.control.watched == Watch("features.0", "/images/a.png")
    session.watch(replace(session.state.watch, layer=""))
    assert session._runs.host.control.watched == Watch("", "/images/a.png")
    with qtbot.waitSignal(session.run_ended):
        session.stop()


def test_another_folder_brings_its_own_preview_image(qtbot: QtBot, session: Session, folder: Path) -> None:
    session.watch(replace(session.state.watch, layer="features.0", image="/images/old.png"))
    look_at(qtbot, session, folder)
    assert session.state.watch == Watch("features.0", "")


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
    session.streamed.connect(streamed.extend)
    picture = maps("features.0")
    feed(session, picture)
    assert streamed == [picture]
    assert session.state.run == before


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


def test_a_question_without_a_model_is_answered_with_what_to_do(qtbot: QtBot, session: Session) -> None:
    with qtbot.waitSignal(session.not_predicted) as told:
        session.predict(Path("/images/a.png"))
    assert told.args == ["There is no trained model yet: train one, or open an earlier run."]


def test_a_question_that_cannot_be_answered_says_why(
    qtbot: QtBot, session: Session, untried_run: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    session.open_run(untried_run)
    with qtbot.waitSignal(session.not_predicted, timeout=WAIT) as told:
        session.predict(tmp_path / "a.png")
    assert told.args is not None
    assert told.args[0].startswith("The weights do not load: ")
    assert told.args[0].endswith("Restore the file or train again.")


def test_closing_ends_all_threads(qtbot: QtBot, session: Session, folder: Path) -> None:
    session.open_folder(folder)
    session.draw_samples(8)
    session.close()
    assert [each.name for each in threading.enumerate() if each.name.startswith("cnnstudio")] == []
    session.close()
    session.load_torch()  # too late: nothing happens
    qtbot.wait(60)
    assert not session.state.torch_ready


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
    session.streamed.connect(streamed.extend)

    def stop_in_time(events: list[Event]) -> None:
        if any(isinstance(event, EpochEnded) for event in events):
            session.stop()

    session.streamed.connect(stop_in_time)
    with qtbot.waitSignal(session.run_ended, timeout=WAIT):
        session.start()
    session.streamed.disconnect(stop_in_time)
    (past,) = session.state.recent
    assert past.next_epoch is not None
    first = [event for event in streamed if isinstance(event, StepEnded)]
    session.set_value("train.epochs", 50)
    streamed.clear()
    with qtbot.waitSignals([session.run_resumed, session.run_ended], timeout=WAIT):
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
