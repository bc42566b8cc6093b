import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.key_values import KeyValues


@pytest.fixture
def rows(qtbot: QtBot, theme: Theme) -> KeyValues:
    rows = KeyValues("train.figures", "This run")
    qtbot.addWidget(rows)
    rows.resize(220, 100)
    rows.set("Speed", "1,480 images/s")
    rows.set("Time left", "2 min 10 s")
    rows.show()
    qtbot.waitExposed(rows)
    return rows


def test_values_change_in_place(rows: KeyValues) -> None:
    rows.set("Speed", "9 images/s")
    assert rows.keys() == ("Speed", "Time left")
    assert rows.value("Speed") == "9 images/s"
    label = rows.findChild(QLabel, "train.figures.speed")
    assert label is not None
    assert label.accessibleName() == "Speed: 9 images/s"
    with pytest.raises(KeyError):
        rows.value("Loss")


def test_there_may_be_more_to_say_of_a_value(rows: KeyValues) -> None:
    rows.set("Weights", "120 of 122 tensors", "not used: fc.weight, fc.bias")
    label = rows.findChild(QLabel, "train.figures.weights")
    assert label is not None
    assert (label.toolTip(), label.accessibleDescription()) == ("not used: fc.weight, fc.bias",) * 2
    rows.set("Weights", "random")
    assert (label.text(), label.toolTip(), label.accessibleDescription()) == ("random", "", "")


def test_values_end_at_the_right_edge(rows: KeyValues) -> None:
    for name in ("speed", "time_left"):
        label = rows.findChild(QLabel, f"train.figures.{name}")
        assert label is not None
        assert label.geometry().right() == rows.width() - 1
        assert label.alignment() & Qt.AlignmentFlag.AlignRight


def test_names_give_way_where_it_is_narrow(qtbot: QtBot, rows: KeyValues) -> None:
    rows.set("A very long name of a figure that nobody asked for", "0.1234")
    rows.resize(rows.minimumSizeHint().width(), 120)
    name = next(label for label in rows.findChildren(QLabel) if label.text().startswith("A very"))
    value = rows.findChild(QLabel, "train.figures.a_very_long_name_of_a_figure_that_nobody_asked_for")
    assert value is not None
    qtbot.waitUntil(lambda: name.toolTip() == name.text())
    assert value.width() >= value.sizeHint().width()


def test_clear_leaves_nothing(rows: KeyValues) -> None:
    rows.clear()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert rows.keys() == ()
    assert rows.findChildren(QLabel) == []
