import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLabel, QLineEdit, QToolTip
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField, Field, NumberField, SpinField

PADDINGS = {"same": "same", "valid": "none", "reflect": "mirror"}


def scroll(control: QComboBox | QAbstractSpinBox) -> QWheelEvent:
    centre = QPointF(control.rect().center())
    event = QWheelEvent(
        centre,
        control.mapToGlobal(centre),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(control, event)
    return event


def test_combo_reports_what_the_user_chose(qtbot: QtBot, theme: Theme) -> None:
    combo = ComboField("model.padding", "Padding", PADDINGS)
    qtbot.addWidget(combo)
    combo.show()
    qtbot.waitExposed(combo)
    assert (combo.objectName(), combo.accessibleName(), combo.value()) == ("model.padding", "Padding", "same")
    with qtbot.waitSignal(combo.chosen) as told:
        QTest.keyClick(combo, Qt.Key.Key_Down)
    assert told.args == ["valid"]
    with qtbot.assertNotEmitted(combo.chosen):
        combo.set_value("reflect")
    assert combo.currentText() == "mirror"
    with pytest.raises(KeyError):
        combo.set_value("circular")


def test_combo_keeps_its_choice_among_new_options(qtbot: QtBot, theme: Theme) -> None:
    combo = ComboField("model.padding", "Padding", PADDINGS)
    qtbot.addWidget(combo)
    combo.set_value("valid")
    combo.set_options({"circular": "wrap", "valid": "none"})
    assert combo.value() == "valid"
    combo.set_options({"same": "same"})
    assert combo.value() == "same"


def test_combo_shortens_what_does_not_fit_and_tells_all_of_it(qtbot: QtBot, theme: Theme) -> None:
    combo = ComboField("image", "Image", {"0": "animals / architetto_francesco_ro_01.png", "1": "short"})
    qtbot.addWidget(combo)
    combo.setFixedWidth(160)
    combo.show()
    qtbot.waitExposed(combo)
    shown = combo.shown()
    assert shown.startswith("animals")
    assert "…" in shown
    assert shown.endswith(".png")
    centre = combo.rect().center()
    QApplication.sendEvent(combo, QHelpEvent(QEvent.Type.ToolTip, centre, combo.mapToGlobal(centre)))
    assert QToolTip.text() == combo.currentText()
    QToolTip.hideText()
    combo.set_value("1")
    assert combo.shown() == "short"


def test_spin_reports_once_when_typing_is_done(qtbot: QtBot, theme: Theme) -> None:
    spin = SpinField("train.epochs", "Epochs", low=1, high=9000)
    qtbot.addWidget(spin)
    spin.show()
    qtbot.waitExposed(spin)
    told: list[int] = []
    spin.valueChanged.connect(told.append)
    line = spin.findChild(QLineEdit)
    assert line is not None
    line.selectAll()
    QTest.keyClicks(spin, "1200")
    assert told == []
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert told == [1200]


def test_number_stays_within_its_range(qtbot: QtBot, theme: Theme) -> None:
    number = NumberField("model.dropout2d", "Dropout2d", low=0, high=0.9, step=0.05)
    qtbot.addWidget(number)
    number.setValue(5)
    assert number.value() == pytest.approx(0.9)
    number.stepDown()
    assert number.value() == pytest.approx(0.85)


def test_wheel_belongs_to_the_page(qtbot: QtBot, theme: Theme) -> None:
    controls = (
        ComboField("combo", "Combo", PADDINGS),
        SpinField("spin", "Spin", low=0, high=9),
        NumberField("number", "Number", low=0, high=9, step=1),
    )
    for control in controls:
        qtbot.addWidget(control)
        control.show()
        qtbot.waitExposed(control)
        before = control.currentText() if isinstance(control, QComboBox) else control.text()
        assert not scroll(control).isAccepted()
        assert before == (control.currentText() if isinstance(control, QComboBox) else control.text())


def test_field_names_its_control(qtbot: QtBot, theme: Theme) -> None:
    control = QLineEdit()
    control.setObjectName("run.name")
    field = Field("Name", control, "optional")
    qtbot.addWidget(field)
    field.resize(300, 30)
    field.show()
    qtbot.waitExposed(field)
    assert control.accessibleName() == "Name"
    assert field.control is control
    assert control.geometry().right() == field.width() - 1
    label = next(label for label in field.findChildren(QLabel) if label.text() == "Name")
    assert label.buddy() is control
    field.set_note("required")
    assert [label.text() for label in field.findChildren(QLabel)] == ["Name", "required"]


def test_a_row_can_be_lower_and_closer(qtbot: QtBot, theme: Theme) -> None:
    control = QLineEdit()
    control.setObjectName("run.name")
    field = Field("Name", control, "optional")
    qtbot.addWidget(field)
    wide = field.minimumSizeHint().width()
    field.set_compact(20, spacing=6)
    assert field.minimumHeight() == 20
    assert field.minimumSizeHint().width() == wide - 2 * 6
