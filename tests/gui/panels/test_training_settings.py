from operator import attrgetter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.gui.panels.training_settings import TrainingSettings
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField, NumberField
from cnnstudio.gui.widgets.switch import Switch
from tests.e2e.gestures import child, choose, press
from tests.gui.events import ended, started
from tests.gui.sessions import begin, feed, finish, notice


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> TrainingSettings:
    panel = TrainingSettings(session, theme)
    qtbot.addWidget(panel)
    panel.resize(316, 320)
    panel.show()
    qtbot.waitExposed(panel)
    press(panel, "train.settings.more")
    return panel


CHOICES = (
    *("train.lr", "train.optimizer", "train.schedule", "train.mix", "train.ema"),
    *("transfer.views", "compute.precision"),
)


def shown(panel: TrainingSettings) -> dict[str, object]:
    """Return what all controls show."""
    found: dict[str, object] = {key: child(panel, QSpinBox, key).value() for key in ("train.epochs", "train.patience")}
    found["train.label_smoothing"] = child(panel, NumberField, "train.label_smoothing").value()
    for key in (
        "train.lr",
        "train.optimizer",
        "train.schedule",
        "train.mix",
        "train.ema",
        "transfer.views",
        "compute.precision",
    ):
        found[key] = child(panel, ComboField, key).value()
    for key in ("train.progressive", "compute.deterministic", "compute.isolated"):
        found[key] = child(panel, Switch, key).isChecked()
    return found


DEFAULTS = {
    "train.epochs": 10,
    "train.lr": "auto",
    "train.optimizer": "adamw",
    "train.schedule": "onecycle",
    "train.patience": 0,
    "train.label_smoothing": 0.0,
    "train.mix": "none",
    "train.progressive": False,
    "train.ema": "0",
    "transfer.views": "auto",
    "compute.precision": "auto",
    "compute.deterministic": False,
    "compute.isolated": False,
}


def test_the_controls_show_the_configuration(panel: TrainingSettings) -> None:
    assert shown(panel) == DEFAULTS


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("train.lr", "0.03", 0.03),
        ("train.lr", "0.0001", 0.0001),
        ("train.optimizer", "SGD", "sgd"),
        ("train.schedule", "constant", "constant"),
        ("train.schedule", "cosine", "cosine"),
        ("train.mix", "CutMix", "cutmix"),
        ("train.ema", "0.999", 0.999),
        ("transfer.views", "8", 8),
        ("compute.precision", "bfloat16", "bfloat16"),
    ],
)
def test_a_choice_becomes_a_setting_and_can_be_undone(
    panel: TrainingSettings, session: Session, key: str, text: str, value: object
) -> None:
    choose(panel, key, text)
    assert attrgetter(key)(session.state.config) == value
    assert shown(panel) == DEFAULTS | {key: f"{value:g}" if isinstance(value, float | int) else value}
    session.undo()
    assert shown(panel) == DEFAULTS
    assert session.state.config == Config()


def test_the_learning_rate_goes_back_to_auto(panel: TrainingSettings, session: Session) -> None:
    session.set_value("train.lr", 0.01)
    choose(panel, "train.lr", "auto")
    assert session.state.config.train.lr == "auto"


def test_epochs_count_once_they_are_typed(panel: TrainingSettings, session: Session) -> None:
    seen: list[int] = []
    session.changed.connect(lambda state: seen.append(state.config.train.epochs))
    spin = child(panel, QSpinBox, "train.epochs")
    spin.selectAll()
    QTest.keyClicks(spin, "125")
    assert session.state.config.train.epochs == 10
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert session.state.config.train.epochs == 125
    assert set(seen) == {125}
    session.undo()
    assert shown(panel) == DEFAULTS


def test_patience_is_off_until_it_is_a_number(panel: TrainingSettings, session: Session) -> None:
    patience = child(panel, QSpinBox, "train.patience")
    assert patience.text() == "off"
    patience.selectAll()
    QTest.keyClicks(patience, "5")
    QTest.keyClick(patience, Qt.Key.Key_Return)
    assert session.state.config.train.patience == 5
    assert patience.text() == "5"
    session.undo()
    assert patience.text() == "off"


def test_label_smoothing_goes_up_in_steps(panel: TrainingSettings, session: Session) -> None:
    smoothing = child(panel, NumberField, "train.label_smoothing")
    for _ in range(8):
        QTest.keyClick(smoothing, Qt.Key.Key_Up)
    assert session.state.config.train.label_smoothing == 0.3
    session.undo()
    assert session.state.config.train.label_smoothing == 0.25


@pytest.mark.parametrize("key", ["train.progressive", "compute.deterministic", "compute.isolated"])
def test_a_switch_is_two_way(panel: TrainingSettings, session: Session, key: str) -> None:
    press(panel, key)
    assert attrgetter(key)(session.state.config) is True
    session.undo()
    assert shown(panel) == DEFAULTS


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("train.lr", 0.007, "0.007"),
        ("train.lr", 2, "2"),
        ("train.lr", 1e-05, "1e-05"),
        ("train.epochs", 1000, 1000),
        ("train.epochs", 100_000, 100_000),
        ("train.patience", 7000, 7000),
        ("train.ema", 0.995, "0.995"),
        ("transfer.views", 3, "3"),
        ("train.label_smoothing", 0.45, 0.45),
        ("train.label_smoothing", 0.123, 0.12),
        ("train.optimizer", "sgd", "sgd"),
        ("compute.precision", "float16", "float16"),
    ],
)
def test_a_value_from_a_file_is_shown_and_left_as_it_is(
    panel: TrainingSettings, session: Session, key: str, value: object, text: object
) -> None:
    config = Config().replace(key, value)
    session.use_config(config)
    assert session.state.config == config
    assert shown(panel) == DEFAULTS | {key: text}
    session.undo()
    assert shown(panel) == DEFAULTS
    session.use_config(config)
    assert shown(panel) == DEFAULTS | {key: text}
    assert session.state.config == config


def test_a_rate_from_a_file_stays_on_offer_once(panel: TrainingSettings, session: Session) -> None:
    session.set_value("train.lr", 0.007)
    session.set_value("train.lr", "auto")
    session.set_value("train.lr", 0.007)
    rates = child(panel, ComboField, "train.lr")
    texts = [rates.itemText(row) for row in range(rates.count())]
    assert texts.count("0.007") == 1
    assert texts[0] == "auto"
    choose(panel, "train.lr", "auto")
    choose(panel, "train.lr", "0.007")
    assert session.state.config.train.lr == 0.007


def test_showing_a_state_asks_for_no_change(panel: TrainingSettings, session: Session) -> None:
    config = Config().replace("train.epochs", 7).replace("train.lr", 0.1).replace("compute.deterministic", True)
    session.use_config(config)
    session.undo()
    assert session.state.config == Config()
    session.undo()  # there was but one change
    assert session.state.config == Config()


def test_a_refused_value_leaves_the_controls(panel: TrainingSettings, session: Session) -> None:
    session.set_value("train.lr", -1.0)
    assert notice(session)[0] == "warn"
    assert shown(panel) == DEFAULTS


def test_during_a_run_the_settings_of_the_next_one_are_folded_away(panel: TrainingSettings, session: Session) -> None:
    panel.show()
    fold, epochs = child(panel, QPushButton, "train.settings.open"), child(panel, QWidget, "train.epochs")
    assert (panel.title(), panel.subtitle()) == ("Training", "")
    assert epochs.isVisible()
    assert not fold.isVisible()

    begin(session)
    assert (panel.title(), panel.subtitle()) == ("Next run", "not for the present one")
    assert not epochs.isVisible()
    QTest.mouseClick(fold, Qt.MouseButton.LeftButton)
    assert epochs.isVisible()
    assert fold.text() == "Hide"
    session.set_value("train.epochs", 7)
    assert epochs.isVisible()

    feed(session, started(), ended())
    finish(session)
    assert (panel.title(), panel.subtitle()) == ("Training", "")
    assert epochs.isVisible()
    assert not fold.isVisible()
    begin(session)
    assert not epochs.isVisible()


def test_every_control_has_a_name_and_a_tip(panel: TrainingSettings) -> None:
    for key in DEFAULTS:
        control = child(panel, QWidget, key)
        assert control.accessibleName()
        assert control.toolTip()


def test_what_is_rarely_changed_is_out_of_sight_and_told(qtbot: QtBot, theme: Theme, session: Session) -> None:
    panel = TrainingSettings(session, theme)
    qtbot.addWidget(panel)
    panel.show()
    more = child(panel, QPushButton, "train.settings.more")
    mix = child(panel, ComboField, "train.mix")
    assert more.text() == "More settings"
    assert not mix.isVisible()
    assert child(panel, ComboField, "compute.precision").isVisible()
    session.set_value("train.mix", "mixup")
    session.set_value("train.patience", 3)
    assert more.text() == "More settings (2 changed)"
    QTest.keyClick(more, Qt.Key.Key_Space)
    assert mix.isVisible()
    assert more.text() == "Fewer settings"
    QTest.keyClick(more, Qt.Key.Key_Space)
    assert not mix.isVisible()
