from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.gui.companions import TRANSFER_TITLES
from cnnstudio.gui.panels.switch_words import BATCHNORM, DROPOUT2D, PADDINGS
from cnnstudio.gui.panels.switches import SwitchesPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField, Field, NumberField, SpinField
from cnnstudio.gui.widgets.switch import Switch

T = TypeVar("T", bound=QWidget)

WIDTH = 316  # pixels of the column beside the layers
HIGHEST = 360  # leaves the stages above it six rows in a window of 800 pixels


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> SwitchesPanel:
    panel = SwitchesPanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(WIDTH, 400)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def control(panel: SwitchesPanel, kind: type[T], key: str) -> T:
    found = panel.findChild(kind, key)
    assert found is not None
    return found


def note(panel: SwitchesPanel) -> str:
    """Return what is said beside the switch for pretrained weights."""
    label = control(panel, QLabel, "model.pretrained.note")
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
    assert pretrained.toolTip() == "There are no pretrained weights for Compact CNN; it takes those of a file."
    assert not pretrained.isVisible()  # the line below says so
    assert control(panel, QLabel, "weights.told").text() == "No pretrained weights"
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
    aux = control(panel, NumberField, "model.aux")
    lite(session)
    assert (aux.isEnabled(), aux.isVisible(), aux.value()) == (False, True, 0)
    assert aux.toolTip() == "EfficientNet-Lite0 keeps Auxiliary loss as it is: it has no auxiliary heads."
    assert aux.accessibleDescription() == aux.toolTip()
    session.set_value("model.aux", 0.1)
    assert aux.isEnabled()  # the way back


@pytest.mark.parametrize("arch", ["compact", "resnet18"])
def test_only_a_network_whose_sizes_are_free_shows_them(panel: SwitchesPanel, session: Session, arch: str) -> None:
    session.set_value("model.arch", arch)
    depth, kernel = control(panel, SpinField, "model.depth"), control(panel, ComboField, "model.kernel")
    assert [depth.isVisible(), kernel.isVisible()] == [arch == "compact"] * 2
    QTest.keyClick(depth, Qt.Key.Key_Up)
    assert session.state.config.model.depth == (5 if arch == "compact" else 4)


def test_the_row_says_which_weights_a_run_starts_from(panel: SwitchesPanel, session: Session) -> None:
    lite(session)
    assert note(panel) == "EfficientNet-Lite0, ImageNet"
    session.set_value("model.arch", "resnet18")
    assert note(panel) == "ResNet-18, ImageNet (torchvision, IMAGENET1K_V1)"
    session.set_value("model.pretrained", value=False)
    assert note(panel) == "random weights"
    session.set_value("model.pretrained", "/weights/mine.pth")
    assert note(panel) == "mine.pth"
    session.set_value("transfer.mode", "scratch")
    assert note(panel) == "not from scratch"


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


@pytest.mark.parametrize("mode", list(TRANSFER_TITLES))
@pytest.mark.parametrize("arch", ["compact", "vgg16", "resnet18", "googlenet", "efficientnet_lite0"])
def test_every_row_fits(panel: SwitchesPanel, session: Session, arch: str, mode: str) -> None:
    session.use_config(Config().replace("model.arch", arch).replace("transfer.mode", mode))
    control(panel, SpinField, "transfer.train_last").setSuffix(" of 12 stages")
    assert panel.minimumSizeHint().width() <= WIDTH
    for row in panel.findChildren(Field):
        if row.isVisible():
            assert panel.contentsRect().contains(row.geometry())
            assert row.rect().contains(row.control.geometry()), row.objectName()
            assert row.control.width() >= row.control.minimumSizeHint().width()
    assert panel.sizeHint().height() <= (HIGHEST if arch != "compact" else HIGHEST + 60)


def test_keys_go_from_the_switch_to_what_concerns_the_weights(panel: SwitchesPanel, session: Session) -> None:
    session.use_config(Config().replace("model.arch", "resnet18").replace("transfer.mode", "freeze"))
    panel.activateWindow()
    control(panel, Switch, "model.pretrained").setFocus()
    names = []
    for _ in range(3):
        QTest.keyClick(panel.focusWidget(), Qt.Key.Key_Tab)
        names.append(panel.focusWidget().objectName())
    assert names == ["weights.file", "weights.download", "transfer.mode"]


def test_choices_are_as_wide_as_the_widest(panel: SwitchesPanel, session: Session) -> None:
    lite(session)
    keys = ("model.padding", "model.head", "transfer.mode")
    widths = [control(panel, ComboField, key).width() for key in keys]
    assert widths == [max(widths)] * 3
    assert widths[0] >= control(panel, ComboField, "transfer.mode").sizeHint().width()
