from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.gui.panels.switches import BATCHNORM, DROPOUT2D, PADDINGS, SwitchesPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField, NumberField, SpinField
from cnnstudio.gui.widgets.switch import Switch

T = TypeVar("T", bound=QWidget)


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> SwitchesPanel:
    panel = SwitchesPanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(316, 400)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def control(panel: SwitchesPanel, kind: type[T], key: str) -> T:
    found = panel.findChild(kind, key)
    assert found is not None
    return found


def reason(panel: SwitchesPanel, key: str) -> str:
    label = control(panel, QLabel, f"{key}.reason")
    return label.text() if label.isVisible() else ""


def lite(session: Session, mode: str = "freeze") -> None:
    session.use_config(Config().replace("model.arch", "efficientnet_lite0").replace("transfer.mode", mode))


def test_padding_is_chosen_with_the_keys(panel: SwitchesPanel, session: Session) -> None:
    padding = control(panel, ComboField, "model.padding")
    padding.setFocus()
    QTest.keyClick(padding, Qt.Key.Key_Down)
    assert session.state.config.model.padding == "valid"
    assert padding.toolTip() == PADDINGS["valid"]


def test_dropout_is_typed(panel: SwitchesPanel, session: Session) -> None:
    dropout = control(panel, NumberField, "model.dropout2d")
    dropout.selectAll()
    QTest.keyClicks(dropout, "0.25")
    assert session.state.config.model.dropout2d == 0  # not before the user is done
    QTest.keyClick(dropout, Qt.Key.Key_Return)
    assert session.state.config.model.dropout2d == 0.25
    QTest.keyClick(dropout, Qt.Key.Key_Up)
    assert session.state.config.model.dropout2d == pytest.approx(0.3)


def test_news_of_a_run_leaves_half_typed_numbers_alone(panel: SwitchesPanel, session: Session) -> None:
    dropout = control(panel, NumberField, "model.dropout2d")
    dropout.selectAll()
    QTest.keyClicks(dropout, "0.4")
    session.say("info", "something else")
    assert dropout.text() == "0.4"


def test_a_switch_turns_with_space_and_back_with_undo(panel: SwitchesPanel, session: Session) -> None:
    switch = control(panel, Switch, "model.batchnorm")
    assert switch.toolTip() == BATCHNORM
    QTest.keyClick(switch, Qt.Key.Key_Space)
    assert not session.state.config.model.batchnorm
    session.undo()
    assert switch.isChecked()


def test_values_from_elsewhere_are_shown_and_not_sent_back(panel: SwitchesPanel, session: Session) -> None:
    wanted = (
        Config()
        .replace("model.padding", "circular")
        .replace("model.dropout2d", 0.95)
        .replace("model.batchnorm", False)
        .replace("transfer.mode", "freeze_then_finetune")
        .replace("transfer.train_last", 4)
    )
    session.use_config(wanted)
    assert session.state.config == wanted
    assert control(panel, ComboField, "model.padding").value() == "circular"
    assert control(panel, NumberField, "model.dropout2d").value() == 0.95
    assert not control(panel, Switch, "model.batchnorm").isChecked()
    assert control(panel, ComboField, "transfer.mode").value() == "freeze_then_finetune"
    assert control(panel, SpinField, "transfer.train_last").value() == 4


def test_without_weights_there_is_nothing_to_transfer(panel: SwitchesPanel, session: Session) -> None:
    pretrained, transfer = control(panel, Switch, "model.pretrained"), control(panel, ComboField, "transfer.mode")
    assert (pretrained.isEnabled(), pretrained.isChecked(), transfer.isEnabled()) == (False, False, False)
    assert pretrained.toolTip() == "There are no pretrained weights for Compact CNN."
    session.set_value("transfer.mode", "finetune")
    assert transfer.isEnabled()  # the way back


def test_weights_are_used_unless_from_scratch(panel: SwitchesPanel, session: Session) -> None:
    pretrained = control(panel, Switch, "model.pretrained")
    lite(session)
    assert (pretrained.isEnabled(), pretrained.isChecked()) == (True, True)
    QTest.mouseClick(pretrained, Qt.MouseButton.LeftButton)
    assert not session.state.config.model.pretrained
    lite(session, "scratch")
    assert (pretrained.isEnabled(), pretrained.isChecked()) == (False, False)
    assert pretrained.toolTip().startswith("From scratch starts at random")


def test_a_refused_switch_says_why(panel: SwitchesPanel, session: Session) -> None:
    switch = control(panel, Switch, "model.batchnorm")
    lite(session)
    assert not switch.isEnabled()
    assert "statistics that BatchNorm keeps" in switch.toolTip()
    assert reason(panel, "model.batchnorm").startswith("Its weights were trained with BatchNorm")
    session.set_value("model.batchnorm", False)
    assert switch.isEnabled()  # the way back
    assert reason(panel, "model.batchnorm") == ""


@pytest.mark.parametrize(
    ("mode", "shown"), [("scratch", 0), ("freeze", 1), ("finetune", 0), ("freeze_then_finetune", 1)]
)
def test_number_of_stages_is_asked_for_where_some_are_frozen(
    panel: SwitchesPanel, session: Session, mode: str, shown: bool
) -> None:
    lite(session, mode)
    assert control(panel, SpinField, "transfer.train_last").isVisible() == shown


def test_stages_are_counted(panel: SwitchesPanel, session: Session) -> None:
    lite(session)
    last = control(panel, SpinField, "transfer.train_last")
    QTest.keyClick(last, Qt.Key.Key_Up)
    assert session.state.config.transfer.train_last == 2


def test_every_control_explains_itself(panel: SwitchesPanel, session: Session) -> None:
    lite(session)
    kinds: dict[str, type[QWidget]] = {
        "model.padding": ComboField,
        "model.dropout2d": NumberField,
        "model.batchnorm": Switch,
        "model.pretrained": Switch,
        "transfer.mode": ComboField,
        "transfer.train_last": SpinField,
    }
    for key, kind in kinds.items():
        found = control(panel, kind, key)
        assert found.toolTip().endswith(".")
        assert found.accessibleDescription() == found.toolTip()
        assert found.accessibleName()
        assert panel.rect().contains(found.mapTo(panel, found.rect().bottomRight()))
    assert control(panel, NumberField, "model.dropout2d").toolTip() == DROPOUT2D
