"""A window that follows a run which another process writes; here the test itself writes it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.events import Event, RunEnded, RunStarted, Scalar, StepEnded, Warned
from cnnstudio.core.lock import exclusive
from cnnstudio.core.serial import to_line
from cnnstudio.gui.follow_host import FollowHost
from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.panels.rail import Rail
from cnnstudio.gui.panels.status_bar import StatusBar
from cnnstudio.gui.panels.top_bar import TopBar
from cnnstudio.gui.session import Session
from cnnstudio.gui.tasks import Tasks
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.loss_plot import LossPlot
from tests.e2e.gestures import child, press
from tests.gui.events import ended, epoch, started, step
from tests.gui.sessions import WAIT, notice, status
from tests.gui.windows import open_window

Write = Callable[..., None]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnstudio.gui.follow_host._REST_MS", 20)


@pytest.fixture
def writer(untried_run: Path) -> Iterator[ExitStack]:
    """Hold the run as the process that writes it does, until the stack is closed."""
    (untried_run / "events.jsonl").touch()
    with ExitStack() as stack:
        stack.enter_context(exclusive(untried_run / ".lock", lambda: pytest.fail("held already")))
        yield stack


@pytest.fixture
def write(untried_run: Path, writer: ExitStack) -> Write:
    def append(*events: Scalar) -> None:
        with (untried_run / "events.jsonl").open("a") as log:
            log.write("".join(to_line(event) + "\n" for event in events))

    return append


@pytest.fixture
def window(qtbot: QtBot, theme: Theme, writer: ExitStack) -> Iterator[MainWindow]:
    """Return a window that was opened while the run is under way; torch is not loaded."""
    session = Session()
    yield open_window(qtbot, session, theme)
    session.close()


def curve(window: QWidget, name: str) -> list[float]:
    plot = child(window, LossPlot, "train.curves")
    plot.refresh()
    return [round(float(value), 6) for value in plot.points()[name][1]]


def phase(window: MainWindow) -> str:
    return child(window, StatusBar, "status_bar").phase()


def test_a_host_hands_over_what_comes_until_the_end(qtbot: QtBot, untried_run: Path, write: Write) -> None:
    tasks = Tasks()
    host = FollowHost(tasks)
    told: list[Event] = []
    host.streamed.connect(told.extend)
    write(started(), step(0.1))
    host.start(untried_run)
    qtbot.waitUntil(lambda: len(told) == 2)
    write(step(0.2))
    qtbot.waitUntil(lambda: len(told) == 3)
    with qtbot.waitSignal(host.ended):
        write(ended(at=None, accuracy=None))
    assert [type(event) for event in told] == [RunStarted, StepEnded, StepEnded, RunEnded]
    assert not host.active
    tasks.close()


def test_the_window_follows_a_run_to_its_end(
    qtbot: QtBot, window: MainWindow, untried_run: Path, writer: ExitStack, write: Write
) -> None:
    session, name = window.session, untried_run.name
    write(started(epochs=4), Warned(text="long ago"), step(0.5, loss=0.9), step(1.0, loss=0.7), epoch(1))
    press(window, f"data.recent.{name}")
    assert child(window, Rail, "rail").page() == "train"
    qtbot.waitUntil(lambda: curve(window, "train_loss") == [0.9, 0.7], timeout=WAIT)
    assert status(session) == "following"
    assert curve(window, "val_loss") == [0.55]
    assert session.state.config.model.arch == "resnet18"  # its settings are shown
    assert notice(session) == ("", "")
    assert phase(window) == f"Following {name}, epoch 2 of 4"
    start, stop = child(window, QPushButton, "run.start"), child(window, QPushButton, "run.stop")
    assert (start.text(), start.isEnabled()) == ("Following…", False)
    assert start.toolTip() == "Another process trains this run: pause or stop it there."
    assert (stop.text(), stop.isEnabled()) == ("Stop following", True)

    write(step(1.5, loss=0.5), Warned(text="just now"))
    qtbot.waitUntil(lambda: curve(window, "train_loss") == [0.9, 0.7, 0.5])
    assert notice(session) == ("warn", "Just now.")

    with qtbot.waitSignal(session.run.ended):
        write(ended(accuracy=0.8, at=1))
        writer.close()
    assert status(session) == "ended"
    assert session.state.run.ended is not None
    assert session.state.model_folder == untried_run  # although the other machine calls it otherwise
    assert phase(window).startswith("Finished after")
    assert start.text() == "Start"


def test_a_run_that_was_started_anew_replaces_its_curves(
    qtbot: QtBot, window: MainWindow, untried_run: Path, write: Write
) -> None:
    write(started(epochs=4), step(0.5, loss=0.9), step(1.0, loss=0.7), step(1.5, loss=9.0))
    window.session.open_run(untried_run)
    qtbot.waitUntil(lambda: len(curve(window, "train_loss")) == 3, timeout=WAIT)
    write(started(epochs=4).model_copy(update={"resumed_step": 10}), step(1.5, loss=0.6))
    qtbot.waitUntil(lambda: curve(window, "train_loss") == [0.9, 0.7, 0.6])
    assert status(window.session) == "following"


def test_who_dies_silently_is_told(
    qtbot: QtBot,
    window: MainWindow,
    untried_run: Path,
    writer: ExitStack,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cnnstudio.runtime.follow._GRACE", 0.1)
    write(started(), step(0.5))
    window.session.open_run(untried_run)
    qtbot.waitUntil(lambda: window.session.state.run.step is not None, timeout=WAIT)
    with qtbot.waitSignal(window.session.run.ended):
        writer.close()
    assert notice(window.session)[1].startswith("The other process ended without a closing event")
    assert not window.session.state.run.active


def test_to_stop_following_leaves_the_run_alone(
    qtbot: QtBot, window: MainWindow, untried_run: Path, write: Write
) -> None:
    write(started(), step(0.5))
    window.session.open_run(untried_run)
    qtbot.waitUntil(lambda: window.session.state.run.step is not None, timeout=WAIT)
    window.session.resume_run(untried_run)
    assert notice(window.session)[1].startswith("One run at a time")
    press(window, "run.stop")
    assert status(window.session) == "ended"
    assert child(window, TopBar, "top_bar").state() == "idle"
    assert [run.written for run in window.session.state.recent] == [True]
    write(step(0.6))
    qtbot.wait(100)
    assert window.session.state.run.step == step(0.5)


def test_a_window_that_follows_closes_without_a_question(
    qtbot: QtBot, window: MainWindow, untried_run: Path, write: Write
) -> None:
    write(started())
    window.session.open_run(untried_run)
    assert window.close()
