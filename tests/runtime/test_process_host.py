import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from cnnstudio.core.config import Config
from cnnstudio.core.control import Watch
from cnnstudio.core.events import Event, Phase, RunEnded, StepEnded
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.runtime import process_host
from cnnstudio.runtime.process_host import ProcessHost, RemoteControl, train_isolated
from tests.runtime.children import acting

Play = Callable[[str], None]

WAIT = 60.0


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Listener:
    """Takes what a host tells."""

    def __init__(self, host: ProcessHost) -> None:
        self.host = host
        self.events: list[Event] = []

    def look(self) -> list[Event]:
        self.events.extend(self.host.drain())
        return self.events

    def until_told(self, event: Event) -> None:
        until(lambda: event in self.look())

    def closing(self) -> RunEnded:
        until(lambda: not self.host.active)
        (closing,) = (event for event in self.look() if isinstance(event, RunEnded))
        return closing

    def steps(self) -> list[int]:
        return [event.step for event in self.look() if isinstance(event, StepEnded)]


@pytest.fixture
def host() -> Iterator[ProcessHost]:
    host = ProcessHost()
    yield host
    host.close()


@pytest.fixture
def listener(host: ProcessHost) -> Listener:
    return Listener(host)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return a function that lets processes do what it is told instead of training."""

    def prepare(training: str) -> None:
        command = acting(training)
        monkeypatch.setattr(process_host, "_command", lambda: command)

    return prepare


def test_the_process_is_told_what_to_do(host: ProcessHost, listener: Listener, play: Play, tmp_path: Path) -> None:
    play("""
        sink(Phase(text=f"{config.train.epochs} {out} {resume} {control.watched.layer} {control.watched.image}"))
        sink(ended("finished"))
    """)
    began = time.monotonic()
    host.start(Config().replace("train.epochs", 3), tmp_path / "é", Watch("conv", "/a b.png"), resume=True)
    assert time.monotonic() - began < 0.1  # the window does not wait
    assert host.active
    assert listener.closing().reason == "finished"
    phases = [event.text for event in listener.events if isinstance(event, Phase)]
    assert phases[-1] == f"3 {tmp_path / 'é'} True conv /a b.png"


def test_of_a_thousand_steps_none_is_lost_and_what_libraries_print_disturbs_nobody(
    host: ProcessHost, listener: Listener, play: Play, tmp_path: Path
) -> None:
    play("""
        for number in range(1000):
            sink(step(number))
            os.write(1, b'{"maps": \\xff garbage without a line break')
        print("and more")
        sink(FeatureMaps("conv", (2, 9, 9), np.arange(50, dtype=np.uint8).reshape(2, 5, 5), "a.png",
                         np.array([0.3, 0.7], np.float32), 7, np.array([[0, 1], [-1, 2]], np.float32),
                         np.ones(2, np.float32), np.zeros((4, 4, 3), np.uint8)))
        sink(ended("finished"))
    """)
    host.start(Config(), tmp_path / "run", Watch())
    assert listener.closing().reason == "finished"
    assert listener.steps() == list(range(1000))
    (maps,) = (event for event in listener.events if isinstance(event, FeatureMaps))
    np.testing.assert_array_equal(maps.tiles, np.arange(50, dtype=np.uint8).reshape(2, 5, 5))
    np.testing.assert_array_equal(maps.probabilities, np.array([0.3, 0.7], np.float32))


def test_it_pauses_goes_on_and_stops_within_a_moment(
    host: ProcessHost, listener: Listener, play: Play, tmp_path: Path
) -> None:
    play("until_stopped(sink, control)")
    host.start(Config(), tmp_path / "run", Watch())
    until(lambda: bool(listener.steps()))
    assert not host.control.holding
    began = time.monotonic()
    host.control.pause()
    until(lambda: host.control.holding)
    assert time.monotonic() - began < 1.0
    count = len(listener.steps())
    time.sleep(0.1)
    assert len(listener.steps()) == count
    host.control.resume()
    assert not host.control.holding
    until(lambda: len(listener.steps()) > count)
    host.control.pause()
    until(lambda: host.control.holding)
    began = time.monotonic()
    host.close()  # which wakes it
    assert time.monotonic() - began < 2.0
    assert not host.active
    assert listener.closing().reason == "stopped"
    assert listener.steps() == list(range(1, len(listener.steps()) + 1))


def test_what_is_watched_changes_while_it_rests(
    host: ProcessHost, listener: Listener, play: Play, tmp_path: Path
) -> None:
    play("""
        try:
            while True:
                control.check(lambda: sink(Phase(text=control.watched.layer)))
                time.sleep(0.002)
        except StopRun:
            sink(ended("stopped"))
    """)
    host.start(Config(), tmp_path / "run", Watch("conv1"))
    listener.until_told(Phase(text="Starting a process of its own"))
    host.control.pause()
    for layer in ("conv1", "conv2", "conv3"):
        host.control.watch(Watch(layer))
        listener.until_told(Phase(text=layer))
    until(lambda: host.control.holding)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (
            'raise InputError("no such folder", where="/images/é", remedy="check the path")',
            "no such folder [/images/é]: check the path",
        ),
        ('raise KeyError("features.9")', "KeyError: 'features.9'"),
    ],
)
def test_whatever_goes_wrong_becomes_the_closing_event(
    host: ProcessHost, listener: Listener, play: Play, tmp_path: Path, training: str, message: str
) -> None:
    play(training)
    host.start(Config(), tmp_path / "run", Watch())
    closing = listener.closing()
    assert (closing.reason, closing.message, closing.run) == ("failed", message, "")


@pytest.mark.parametrize(
    ("training", "cause", "complaint"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "segmentation fault", "Fatal Python error: Segmentation fault"),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGKILL)", "killed, perhaps because memory ran out", "", marks=pytest.mark.slow
        ),
        pytest.param("os.abort()", "aborted", "Fatal Python error: Aborted", marks=pytest.mark.slow),
        ('print("no handles", flush=True); os._exit(3)', "exit code 3: no handles", "no handles"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="has no signals")
def test_a_process_that_dies_is_told_in_words(
    host: ProcessHost, listener: Listener, play: Play, tmp_path: Path, training: str, cause: str, complaint: str
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    play(training)
    host.start(Config(), out, Watch())
    last = listener.closing()
    assert (last.reason, last.run, last.best_val_accuracy) == ("failed", str(out), None)
    details = " (details in isolated.log of the run folder)" if complaint else ""
    assert last.message == f"the training process died ({cause}). It had kept nothing to go on from{details}."
    log = out / process_host.LOG
    assert complaint in (log.read_text(encoding="utf-8") if log.exists() else "")
    assert log.exists() == bool(complaint)


def test_a_long_complaint_is_kept_from_its_end(
    host: ProcessHost, listener: Listener, play: Play, tmp_path: Path
) -> None:
    play("""
        for number in range(10_000):
            os.write(2, b"line %d\\n" % number)
        os._exit(1)
    """)
    host.start(Config(), tmp_path, Watch())
    last = listener.closing()
    assert "(exit code 1: line 9999)" in last.message
    lines = (tmp_path / process_host.LOG).read_text(encoding="utf-8").splitlines()
    assert lines == [f"line {number}" for number in range(9950, 10_000)]


def test_a_process_that_dies_before_there_is_a_run_leaves_nothing(
    host: ProcessHost, listener: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process_host, "_command", lambda: [sys.executable, "-c", "import no_such_module"])
    host.start(Config(), tmp_path / "run", Watch())
    last = listener.closing()
    assert "(exit code 1: ModuleNotFoundError: No module named 'no_such_module')" in last.message
    assert last.run == ""
    assert not (tmp_path / "run").exists()


def test_a_process_that_cannot_be_started_says_what_to_do(
    host: ProcessHost, listener: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process_host, "_command", lambda: [str(tmp_path / "python")])
    host.start(Config(), tmp_path / "run", Watch())
    last = listener.closing()
    assert last.message == (
        "no process can be started: no such file or directory [compute.isolated]: "
        "switch it off, or close other programs"
    )


def test_a_process_that_does_not_react_to_a_stop_is_ended(
    host: ProcessHost, listener: Listener, play: Play, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process_host, "_PATIENCE", 0.3)
    play("""
        sink(step(1))
        time.sleep(1000)
    """)
    host.start(Config(), tmp_path / "run", Watch())
    until(lambda: listener.steps() == [1])
    began = time.monotonic()
    host.close()
    assert 0.3 <= time.monotonic() - began < 5.0
    last = listener.closing()
    assert last.message.startswith("the training process did not react to Stop and was ended. ")


def test_a_process_that_has_told_all_and_yet_hangs_is_ended(
    host: ProcessHost, listener: Listener, play: Play, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process_host, "_PATIENCE", 0.3)
    play("""
        import atexit
        atexit.register(time.sleep, 1000)
        sink(ended("finished"))
    """)
    host.start(Config(), tmp_path / "run", Watch())
    assert listener.closing().reason == "finished"
    assert psutil.Process().children() == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no signals")
def test_ctrl_c_in_a_terminal_is_for_the_host_alone(
    host: ProcessHost, listener: Listener, play: Play, tmp_path: Path
) -> None:
    play("until_stopped(sink, control)")
    host.start(Config(), tmp_path / "run", Watch())
    until(lambda: bool(listener.steps()))
    (process,) = psutil.Process().children()
    count = len(listener.steps())
    process.send_signal(signal.SIGINT)
    until(lambda: len(listener.steps()) > count + 20)
    process.send_signal(signal.SIGTERM)  # as when the user's session ends
    last = listener.closing()
    assert last.reason == "stopped"


def test_a_sink_that_fails_ends_the_process(play: Play, tmp_path: Path) -> None:
    play("until_stopped(sink, control)")

    def sink(event: Event) -> None:
        if isinstance(event, StepEnded):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        train_isolated(Config(), sink, RemoteControl(), out=tmp_path / "run")
    assert psutil.Process().children() == []
