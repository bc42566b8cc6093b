import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.pill_row import PillRow

MODES = {"scratch": "From scratch", "freeze": "Head only", "finetune": "Everything"}


@pytest.fixture
def row(qtbot: QtBot, theme: Theme) -> PillRow:
    row = PillRow("transfer.mode", "Transfer", MODES)
    qtbot.addWidget(row)
    row.resize(500, 60)
    row.show()
    qtbot.waitExposed(row)
    return row


def button(row: PillRow, key: str) -> QPushButton:
    found = row.findChild(QPushButton, f"transfer.mode.{key}")
    assert found is not None
    return found


def test_first_option_is_chosen_until_a_click(qtbot: QtBot, row: PillRow) -> None:
    assert (row.value(), row.options()) == ("scratch", ("scratch", "freeze", "finetune"))
    with qtbot.waitSignal(row.chosen) as told:
        QTest.mouseClick(button(row, "freeze"), Qt.MouseButton.LeftButton)
    assert told.args == ["freeze"]
    assert row.value() == "freeze"
    assert not button(row, "scratch").isChecked()
    assert button(row, "freeze").accessibleName() == "Transfer: Head only"


def test_tab_reaches_the_chosen_option_where_the_row_is(qtbot: QtBot, theme: Theme) -> None:
    window = QWidget()
    row = PillRow("transfer.mode", "Transfer", {"only": "Only"})
    before, behind = QPushButton("before"), QPushButton("behind")
    layout = QVBoxLayout(window)
    for part in (before, row, behind):
        layout.addWidget(part)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    row.set_options(MODES)  # their buttons are made after those around
    row.set_value("freeze")
    QApplication.processEvents()
    before.setFocus()
    QTest.keyClick(before, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is button(row, "freeze")
    QTest.keyClick(button(row, "freeze"), Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is behind


def test_arrow_keys_move_the_choice(qtbot: QtBot, row: PillRow) -> None:
    button(row, "scratch").setFocus(Qt.FocusReason.TabFocusReason)
    with qtbot.waitSignal(row.chosen) as told:
        QTest.keyClick(button(row, "scratch"), Qt.Key.Key_Right)
    assert told.args == ["freeze"]


def test_setting_the_value_is_silent(qtbot: QtBot, row: PillRow) -> None:
    with qtbot.assertNotEmitted(row.chosen):
        row.set_value("finetune")
    assert row.value() == "finetune"
    with pytest.raises(KeyError):
        row.set_value("thaw")


def test_new_options_keep_the_choice_where_they_can(row: PillRow) -> None:
    row.set_value("freeze")
    row.set_options({"freeze": "Head", "other": "Other"})
    assert (row.value(), row.options()) == ("freeze", ("freeze", "other"))
    row.set_options({"new": "New"})
    assert row.value() == "new"
    row.set_options({})
    assert row.value() == ""


def test_pills_wrap_instead_of_being_clipped(qtbot: QtBot, theme: Theme) -> None:
    row = PillRow("layers", "Layer", {str(i): f"layer {i}" for i in range(20)})
    qtbot.addWidget(row)
    one_line = row.heightForWidth(5000)
    assert row.heightForWidth(300) > 3 * one_line
    row.resize(300, row.heightForWidth(300))
    row.show()
    qtbot.waitExposed(row)
    boxes = [child.geometry() for child in row.findChildren(QPushButton)]
    assert all(row.rect().contains(box) for box in boxes)
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])
