import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.events import Event, Phase, RunEnded, StepEnded
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.gui.run_host import RunHost
from cnnstudio.gui.turns import Turns
from tests.gui.events import ended, epoch, maps, started, step
from tests.runtime.children import acting

Training = Callable[[Config, Callable[[Event], None], Control], None]


class Listener:
    """Notes what a host tells, and on which thread."""

    def __init__(self, host: RunHost) -> None:
        self.events: list[Event] = []
        self.story: list[str] = []
        self.threads: set[QThread] = set()
        host.streamed.connect(self._take)
        host.held.connect(lambda: self._note("held"))
        host.ended.connect(lambda: self._note("ended"))

    def _take(self, events: list[Event]) -> None:
        self.events.extend(events)
        self._note("streamed")

    def _note(self, word: str) -> None:
        self.threads.add(QThread.currentThread())
        if self.story[-1:] != [word]:
            self.story.append(word)


@pytest.fixture
def host(qtbot: QtBot) -> Iterator[RunHost]:
    turns = Turns()
    host = RunHost(turns)
    yield host
    host.close()


@pytest.fixture
def listener(host: RunHost) -> Listener:
    return Listener(host)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, host: RunHost) -> Callable[[Training], None]:
    """Return a function that starts a run which does what it is told instead of training."""

    def start(training: Training) -> None:
        def train(config: Config, sink: Callable[[Event], None], control: Control, **_: object) -> None:
            training(config, sink, control)

        monkeypatch.setattr("cnnstudio.engine.trainer.train", train)
        host.start(Config(), Path("/runs/1"), Watch())

    return start


def until_stopped(sink: Callable[[Event], None], control: Control) -> None:
    number = 0
    try:
        while True:
            control.check()
            number += 1
            sink(step(number / 10))
            threading.Event().wait(0.002)
    except StopRun:
        sink(ended("stopped"))


def test_events_arrive_in_order_on_the_gui_thread_and_the_end_after_all_of_them(
    qtbot: QtBot, host: RunHost, listener: Listener, play: Callable[[Training], None]
) -> None:
    workers: list[QThread] = []

    def training(_config: Config, sink: Callable[[Event], None], _control: Control) -> None:
        workers.append(QThread.currentThread())
        sink(started())
        for number in range(1, 501):
            sink(step(number / 100))
            if number % 100 == 0:
                sink(epoch(number // 100))
        sink(ended())

    with qtbot.waitSignal(host.ended, timeout=10_000):
        play(training)
    assert not host.active
    assert listener.events[0] == started()
    assert listener.events[-1] == ended()
    assert [event for event in listener.events if isinstance(event, StepEnded)] == [
        step(n / 100) for n in range(1, 501)
    ]
    assert len(listener.events) == 507
    assert listener.story == ["streamed", "ended"]
    assert listener.threads == {QThread.currentThread()}
    assert workers != [QThread.currentThread()]


def test_scalars_drawings_and_pictures_have_turns_of_their_own(
    qtbot: QtBot, host: RunHost, play: Callable[[Training], None]
) -> None:
    turns: list[str] = []
    told = threading.Event()

    def training(_config: Config, sink: Callable[[Event], None], control: Control) -> None:
        sink(maps("features.0", channels=2))
        sink(step(0.1))
        sink(step(0.2))
        told.set()
        until_stopped(lambda event: sink(event) if isinstance(event, RunEnded) else None, control)

    host.streamed.connect(lambda events: turns.append("+".join(type(event).__name__ for event in events)))
    host.drawing.connect(lambda: turns.append("drawing"))
    play(training)
    assert told.wait(10)  # all is there before the GUI thread looks
    qtbot.waitUntil(lambda: len(turns) == 3)
    assert turns == ["StepEnded+StepEnded", "drawing", "FeatureMaps"]


def test_of_pictures_only_the_latest_arrives(
    qtbot: QtBot, host: RunHost, listener: Listener, play: Callable[[Training], None]
) -> None:
    def training(_config: Config, sink: Callable[[Event], None], _control: Control) -> None:
        for channels in range(1, 200):
            sink(maps("features.0", channels=channels))
        sink(ended())

    with qtbot.waitSignal(host.ended, timeout=10_000):
        play(training)
        while host._host.active:
            threading.Event().wait(0.002)  # all is there before the GUI thread looks
    pictures = [event for event in listener.events if isinstance(event, FeatureMaps)]
    assert [picture.shape[0] for picture in pictures] == [199]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            InputError("no such folder", where="/images/birds", remedy="check the path"),
            "no such folder [/images/birds]: check the path",
        ),
        (KeyError("features.9"), "KeyError: 'features.9'"),
    ],
)
def test_whatever_goes_wrong_becomes_the_closing_event(
    qtbot: QtBot,
    host: RunHost,
    listener: Listener,
    play: Callable[[Training], None],
    error: Exception,
    sentence: str,
) -> None:
    def training(_config: Config, sink: Callable[[Event], None], _control: Control) -> None:
        sink(Phase(text="Looking through the folder"))
        raise error

    with qtbot.waitSignal(host.ended, timeout=10_000):
        play(training)
    closing = [event for event in listener.events if isinstance(event, RunEnded)]
    assert [(each.reason, each.message, each.run) for each in closing] == [("failed", sentence, "")]


def test_a_pause_is_told_once_the_run_rests_and_what_came_before_is_told_first(
    qtbot: QtBot, host: RunHost, listener: Listener, play: Callable[[Training], None]
) -> None:
    play(lambda _config, sink, control: until_stopped(sink, control))
    qtbot.waitUntil(lambda: bool(listener.events))
    with qtbot.waitSignal(host.held, timeout=10_000):
        host.control.pause()
    count = len(listener.events)
    qtbot.wait(100)
    assert len(listener.events) == count
    assert listener.story[-1] == "held"
    host.control.resume()
    qtbot.waitUntil(lambda: len(listener.events) > count)


def test_closing_stops_the_run_and_waits_for_its_end(
    qtbot: QtBot, host: RunHost, listener: Listener, play: Callable[[Training], None]
) -> None:
    play(lambda _config, sink, control: until_stopped(sink, control))
    qtbot.waitUntil(lambda: bool(listener.events))
    host.close()
    assert not host.active
    assert listener.events[-1] == ended("stopped")
    assert listener.story[-1] == "ended"
    host.close()  # a second time: nothing happens
    assert listener.story.count("ended") == 1


def test_closing_wakes_a_paused_run(
    qtbot: QtBot, host: RunHost, listener: Listener, play: Callable[[Training], None]
) -> None:
    play(lambda _config, sink, control: until_stopped(sink, control))
    with qtbot.waitSignal(host.held, timeout=10_000):
        host.control.pause()
    host.close()
    assert listener.events[-1] == ended("stopped")


def test_a_second_run_starts_afresh(
    qtbot: QtBot, host: RunHost, listener: Listener, play: Callable[[Training], None]
) -> None:
    play(lambda _config, sink, control: until_stopped(sink, control))
    first = host.control
    qtbot.waitUntil(lambda: bool(listener.events))
    with qtbot.waitSignal(host.ended, timeout=10_000):
        host.control.stop()
    listener.events.clear()
    with qtbot.waitSignal(host.ended, timeout=10_000):
        play(lambda _config, sink, control: sink(ended("finished" if not control.stopping else "failed")))
        assert host.control is not first
    assert listener.events == [ended("finished")]


def test_a_run_knows_from_its_start_what_is_watched(
    qtbot: QtBot, host: RunHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Config, Watch, Path]] = []

    def train(config: Config, sink: Callable[[Event], None], control: Control, *, out: Path, resume: bool) -> None:
        seen.append((config, control.watched, out))
        assert not resume

    monkeypatch.setattr("cnnstudio.engine.trainer.train", train)
    config, watch = Config().replace("train.epochs", 3), Watch("features.0", "/images/a.png")
    with qtbot.waitSignal(host.ended, timeout=10_000):
        host.start(config, Path("/runs/7"), watch)
    assert seen == [(config, watch, Path("/runs/7"))]


def test_a_run_in_a_process_of_its_own_is_steered_and_closed_alike(
    qtbot: QtBot, host: RunHost, listener: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = acting("until_stopped(sink, control)")
    monkeypatch.setattr("cnnstudio.runtime.process_host._command", lambda: command)
    host.start(Config().replace("compute.isolated", True), tmp_path / "run", Watch())
    qtbot.waitUntil(lambda: any(isinstance(event, StepEnded) for event in listener.events), timeout=30_000)
    assert len(psutil.Process().children()) == 1
    with qtbot.waitSignal(host.held, timeout=10_000):
        host.control.pause()
    count = len(listener.events)
    qtbot.wait(100)
    assert len(listener.events) == count
    host.control.resume()
    qtbot.waitUntil(lambda: len(listener.events) > count)
    host.close()
    assert not host.active
    assert psutil.Process().children() == []
    steps = [event.step for event in listener.events if isinstance(event, StepEnded)]
    assert steps == list(range(1, len(steps) + 1))
    assert [event.reason for event in listener.events if isinstance(event, RunEnded)] == ["stopped"]
    assert listener.threads == {QThread.currentThread()}
    assert listener.story[-1] == "ended"
