from collections.abc import Callable
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDoubleSpinBox, QLabel, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.control import Change
from cnnstudio.core.events import RunStarted, Warned
from cnnstudio.gui.panels.change_panel import ChangePanel
from cnnstudio.gui.session import Session
from tests.gui.events import changed, ended, started, step
from tests.gui.sessions import begin, feed, finish, notice

W = TypeVar("W", bound=QWidget)
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4", "head")


def opening(mode: str = "scratch") -> RunStarted:
    told = started(epochs=10)
    config = told.config.replace("train.lr", 0.004).replace("transfer.mode", mode)
    return told.model_copy(update={"config": config, "stages": STAGES})


@pytest.fixture
def panel(qtbot: QtBot, session: Session) -> ChangePanel:
    panel = ChangePanel(session)
    qtbot.addWidget(panel)
    return panel


@pytest.fixture
def asked(session: Session) -> Callable[[], list[Change]]:
    """Return a function that gives the changes that the run was asked for since."""
    return lambda: list(session.run.host.control.take_changes())


def child(panel: ChangePanel, kind: type[W], name: str) -> W:
    found = panel.findChild(kind, name)
    assert found is not None, name
    return found


def click(panel: ChangePanel, name: str) -> None:
    QTest.mouseClick(child(panel, QPushButton, f"train.change.{name}"), Qt.MouseButton.LeftButton)


def run(session: Session, mode: str = "scratch") -> None:
    begin(session)
    session.run.host.active = True  # as if it trained
    feed(session, opening(mode), step(2.5))


@pytest.fixture(autouse=True)
def no_timer(session: Session) -> object:
    yield
    session.run.host.active = False


def test_there_is_such_a_card_only_while_a_run_of_this_window_goes_on(panel: ChangePanel, session: Session) -> None:
    assert panel.isHidden()
    run(session)
    assert not panel.isHidden()
    assert child(panel, QDoubleSpinBox, "train.change.lr").text() == "0.004"
    assert child(panel, QSpinBox, "train.change.epochs").value() == 10
    session.run.stop()
    assert not panel.isEnabled()
    feed(session, ended("stopped"))
    finish(session)
    assert panel.isHidden()


def test_the_rate_is_halved_and_doubled(
    panel: ChangePanel, session: Session, asked: Callable[[], list[Change]]
) -> None:
    run(session)
    click(panel, "half")
    click(panel, "half")  # before the run has answered
    assert asked() == [Change("train.lr", 0.002), Change("train.lr", 0.001)]
    assert child(panel, QDoubleSpinBox, "train.change.lr").text() == "0.001"
    feed(session, changed(2.6, "train.lr", 0.004, 0.001, "lr × 0.25"))
    click(panel, "double")
    assert asked() == [Change("train.lr", 0.002)]
    assert session.state.config.train.lr == "auto"  # the next run's


def test_what_is_typed_is_asked_for_once(
    qtbot: QtBot, panel: ChangePanel, session: Session, asked: Callable[[], list[Change]]
) -> None:
    run(session)
    panel.show()
    field = child(panel, QDoubleSpinBox, "train.change.lr")
    field.selectAll()
    QTest.keyClicks(field, "2e-5")
    QTest.keyClick(field, Qt.Key.Key_Return)
    dropout = child(panel, QDoubleSpinBox, "train.change.dropout2d")
    for _ in range(3):
        QTest.keyClick(dropout, Qt.Key.Key_Up)
    found: list[Change] = []

    def both() -> bool:
        found.extend(asked())
        return len(found) == 2

    qtbot.waitUntil(both)
    assert [(each.key, each.value) for each in found] == [("train.lr", 2e-5), ("model.dropout2d", pytest.approx(0.15))]
    assert field.text() == "2e-05"


def test_a_refusal_puts_the_field_back(panel: ChangePanel, session: Session) -> None:
    run(session)
    click(panel, "more")
    assert child(panel, QSpinBox, "train.change.epochs").value() == 15
    feed(session, Warned(text="not changed: for some reason"))
    assert child(panel, QSpinBox, "train.change.epochs").value() == 10
    assert notice(session) == ("warn", "Not changed: for some reason.")


def test_more_epochs_are_those_of_the_run(
    panel: ChangePanel, session: Session, asked: Callable[[], list[Change]]
) -> None:
    run(session)
    click(panel, "more")
    assert asked() == [Change("train.epochs", 15)]
    feed(session, changed(2.6, "train.epochs", 10, 15, "15 epochs"))
    assert session.state.run.planned == 15
    assert session.state.run.seconds_left == pytest.approx((15 - 2.5) * 80 / 40)


def test_the_next_stage_is_named_and_unfrozen(
    panel: ChangePanel, session: Session, asked: Callable[[], list[Change]]
) -> None:
    run(session, "freeze")
    button = child(panel, QPushButton, "train.change.unfreeze")
    assert button.text() == "Unfreeze one more stage (layer4)"
    click(panel, "unfreeze")
    click(panel, "unfreeze")
    assert asked() == [Change("transfer.train_last", 2)]
    assert button.isEnabled()  # so that it keeps the focus
    text = "layer4 learns from epoch 4 on: what is frozen is computed between two epochs"
    feed(session, changed(3.0, "transfer.train_last", 1, 2, "layer4 learns", text=text))
    assert button.isEnabled()
    assert button.text() == "Unfreeze one more stage (layer3)"
    assert child(panel, QLabel, "train.change.coming").text() == "layer4 learns from epoch 4 on"


def test_nothing_is_to_be_unfrozen_where_all_learn(panel: ChangePanel, session: Session) -> None:
    run(session)
    assert child(panel, QPushButton, "train.change.unfreeze").isHidden()
    feed(session, ended())
    finish(session)
    run(session, "freeze_then_finetune")
    feed(session, step(5).model_copy(update={"phase": "all layers"}))
    assert child(panel, QPushButton, "train.change.unfreeze").isHidden()


def test_without_a_run_a_change_is_refused(session: Session) -> None:
    session.run.change("train.lr", 0.1)
    assert notice(session) == ("warn", "No run of this window goes on. Change the settings of the next run.")
    run(session)
    session.run.change("train.seed", 3)
    assert notice(session)[1].startswith("Train.seed cannot be changed while a run goes on")
