"""The dialog that looks for a learning rate: it searches, explains, sets, and can be given up."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.engine.lr_finder import RateCurve
from cnnstudio.gui.panels.rate_finder import NONE, RateFinder
from cnnstudio.gui.panels.training_settings import TrainingSettings
from cnnstudio.gui.rate_work import RatesTried
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import Work
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.rate_plot import RatePlot
from tests.e2e.gestures import child, press
from tests.gui.events import ended, started
from tests.gui.sessions import WAIT, begin, feed, finish, load_torch, look_at, notice

Search = Callable[[Config, Callable[[object], None], Control], RatesTried]
RATES = tuple(10.0 ** (step / 4 - 6) for step in range(25))
LOSSES = (*(2.0 - step / 16 for step in range(20)), 1.0, 1.5, 2.0, 3.0, 4.0)
TRIED = RatesTried(RateCurve(RATES, LOSSES, 0.0012, 0.1, 0.5), 0.003)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Search], None]:
    """Let something else be done instead of a search."""
    return lambda search: monkeypatch.setattr("cnnstudio.gui.rate_work.try_rates", search)


@pytest.fixture
def finder(qtbot: QtBot, theme: Theme, session: Session) -> Iterator[Callable[[], RateFinder]]:
    """Return a function that opens the dialog."""

    def make() -> RateFinder:
        dialog = RateFinder(session, theme)
        qtbot.addWidget(dialog)
        dialog.open()
        qtbot.waitExposed(dialog)
        return dialog

    yield make
    session.close()


def said(dialog: RateFinder) -> str:
    label = child(dialog, QLabel, "rate_finder.said")
    return label.text() if label.isVisible() else ""


def test_it_draws_explains_and_sets_what_can_be_undone(
    qtbot: QtBot, session: Session, finder: Callable[[], RateFinder], play: Callable[[Search], None]
) -> None:
    configs: list[Config] = []

    def search(config: Config, _report: Callable[[object], None], _control: Control) -> RatesTried:
        configs.append(config)
        return TRIED

    play(search)
    dialog = finder()
    assert not child(dialog, QPushButton, "rate_finder.use").isVisible()
    qtbot.waitUntil(lambda: bool(said(dialog)), timeout=WAIT)
    assert configs == [session.state.config]
    assert "falls steadily around 0.0012 and rises again from 0.1 on" in said(dialog)
    assert "half of the way" in said(dialog)
    plot = child(dialog, RatePlot, "rate_plot")
    assert plot.drawn() == ([*RATES], [*LOSSES])
    assert plot.marks() == pytest.approx({"now": 0.003, "suggested": 0.00012**0.5})
    assert child(dialog, QPushButton, "rate_finder.use").text() == "Use 0.011"
    press(dialog, "rate_finder.use")
    assert not dialog.isVisible()
    assert session.state.config == Config().replace("train.lr", 0.011)
    session.undo()
    assert session.state.config == Config()


def test_a_constant_rate_is_explained_otherwise(
    qtbot: QtBot, finder: Callable[[], RateFinder], play: Callable[[Search], None]
) -> None:
    curve = RateCurve(RATES, LOSSES, 0.0012, RATES[-1], 0.0)
    play(lambda *_: RatesTried(curve, 0.003))
    dialog = finder()
    qtbot.waitUntil(lambda: bool(said(dialog)), timeout=WAIT)
    assert "of the way" not in said(dialog)
    assert "rises again" not in said(dialog)
    assert "constant rate" in said(dialog)


def test_without_a_suggestion_there_is_nothing_to_use(
    qtbot: QtBot, session: Session, finder: Callable[[], RateFinder], play: Callable[[Search], None]
) -> None:
    play(lambda *_: RatesTried(RateCurve(RATES, LOSSES, None, 1.0, 0.5), 0.003))
    dialog = finder()
    qtbot.waitUntil(lambda: bool(said(dialog)), timeout=WAIT)
    assert said(dialog) == NONE
    assert child(dialog, RatePlot, "rate_plot").marks() == pytest.approx({"now": 0.003})
    assert not child(dialog, QPushButton, "rate_finder.use").isVisible()
    press(dialog, "rate_finder.close")
    assert not dialog.isVisible()
    assert session.state.config == Config()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InputError("no such folder", where="/birds", remedy="check the path"), "No such folder: /birds."),
        (MemoryError(), "Out of memory; lower data.batch_size"),
        (RuntimeError("it broke"), "It broke."),
    ],
)
def test_what_goes_wrong_is_said(
    qtbot: QtBot, finder: Callable[[], RateFinder], play: Callable[[Search], None], error: Exception, sentence: str
) -> None:
    def fail(*_: object) -> RatesTried:
        raise error

    play(fail)
    dialog = finder()
    qtbot.waitUntil(lambda: bool(said(dialog)), timeout=WAIT)
    assert said(dialog).startswith(sentence)
    assert not child(dialog, RatePlot, "rate_plot").isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


@pytest.mark.parametrize("by_key", [True, False])
def test_it_is_given_up_within_a_step(
    qtbot: QtBot, session: Session, finder: Callable[[], RateFinder], play: Callable[[Search], None], by_key: bool
) -> None:
    step_ends = threading.Event()

    def work(_config: Config, report: Callable[[object], None], control: Control) -> RatesTried:
        report(Work("Trying learning rates", 0.25))
        step_ends.wait(30)
        control.check()
        raise AssertionError("not stopped")

    play(work)
    dialog = finder()
    bar = child(dialog, QProgressBar, "rate_finder.bar")
    qtbot.waitUntil(lambda: bar.value() == 250, timeout=WAIT)
    assert child(dialog, QLabel, "rate_finder.work").text() == "Trying learning rates …"
    session.start()
    assert session.state.run.status == "none"
    assert "learning rate is being looked for" in notice(session)[1]
    if by_key:
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    else:
        press(dialog, "rate_finder.close")
    assert dialog.isVisible()
    assert "Stopping" in child(dialog, QLabel, "rate_finder.work").text()
    step_ends.set()
    qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=WAIT)
    assert not session.rates.busy
    assert session.state.config == Config()


def test_the_settings_open_it_where_a_run_could_start(
    qtbot: QtBot, theme: Theme, session: Session, image_tree: Callable[..., Path]
) -> None:
    panel = TrainingSettings(session, theme)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitExposed(panel)
    button = child(panel, QPushButton, "train.lr.find")
    assert not button.isEnabled()
    assert "folder of images" in button.toolTip()
    small = ["data.image_size=32", "data.batch_size=8", "model.width=8", "model.depth=2", "train.progressive=true"]
    session.use_config(load_config(None, small))
    look_at(qtbot, session, image_tree(count=10))
    load_torch(qtbot, session)
    assert button.isEnabled()
    begin(session)
    assert not button.isEnabled()
    assert "run is under way" in button.toolTip()
    feed(session, started(), ended())
    finish(session)
    press(panel, "train.lr.find")
    dialog = child(panel, RateFinder, "rate_finder")
    qtbot.waitUntil(lambda: bool(said(dialog)), timeout=WAIT)
    plot = child(dialog, RatePlot, "rate_plot")
    assert len(plot.drawn()[0]) > 10
    rate = plot.marks()["suggested"]
    press(dialog, "rate_finder.use")
    assert session.state.config.train.lr == pytest.approx(rate, rel=0.05)
    assert child(panel, ComboField, "train.lr").value() == f"{session.state.config.train.lr:g}"
    QApplication.processEvents()
