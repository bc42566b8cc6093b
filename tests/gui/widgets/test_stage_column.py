import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import LIGHT
from cnnstudio.gui.widgets.stage_column import StageColumn, StageItem

STAGES = (
    StageItem("conv1", "conv1 · 7×7, 64", "112²", frozen=True),
    StageItem("layer1", "layer1 · 2 blocks", "56²", frozen=True),
    StageItem("layer2", "layer2 · 2 blocks", "28²", frozen=False),
    StageItem("fc", "fc · 1000 → 6", "", frozen=False),
)


@pytest.fixture
def column(qtbot: QtBot) -> StageColumn:
    column = StageColumn()
    column.resize(300, 200)
    column.show_stages(STAGES)
    qtbot.addWidget(column)
    column.show()
    qtbot.waitExposed(column)
    return column


def test_shows_the_stages_in_order(column: StageColumn) -> None:
    assert column.stages == STAGES


def test_frozen_and_learning_stages_differ_in_colour_and_in_words(column: StageColumn) -> None:
    picture = column.viewport().grab().toImage()
    centres = [column.visualItemRect(column.item(row)).center().y() for row in range(4)]
    bars = [picture.pixelColor(3, y) for y in centres]
    assert bars == [QColor(LIGHT.frozen)] * 2 + [QColor(LIGHT.learning)] * 2
    spoken = [column.item(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in (1, 3)]
    assert spoken == ["layer1 · 2 blocks, 56², frozen", "fc · 1000 → 6, learning"]


def test_boundary_lies_where_learning_begins(column: StageColumn) -> None:
    picture = column.viewport().grab().toImage()
    tops = [column.visualItemRect(column.item(row)).top() for row in range(4)]
    accent = QColor(LIGHT.accent)
    dashes = [sum(picture.pixelColor(x, top) == accent for x in range(picture.width())) for top in tops]
    assert dashes[2] > 100
    assert dashes[0] == dashes[1] == dashes[3] == 0


def test_no_boundary_where_all_learn(column: StageColumn) -> None:
    column.show_stages([StageItem(stage.name, stage.title, stage.shape, frozen=False) for stage in STAGES])
    picture = column.viewport().grab().toImage()
    accent = QColor(LIGHT.accent)
    assert not any(
        picture.pixelColor(x, y) == accent for y in range(picture.height()) for x in range(0, picture.width(), 5)
    )


def test_mouse_and_keys_choose_a_stage(column: StageColumn, qtbot: QtBot) -> None:
    with qtbot.waitSignal(column.stage_chosen) as chosen:
        where = column.visualItemRect(column.item(1)).center()
        QTest.mouseClick(column.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert chosen.args == ["layer1"]
    with qtbot.waitSignal(column.stage_chosen) as chosen:
        QTest.keyClick(column, Qt.Key.Key_Down)
    assert chosen.args == ["layer2"]
    assert column.chosen == "layer2"


def test_selecting_from_outside_is_not_announced(column: StageColumn, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(column.stage_chosen):
        column.select("layer2")
        assert column.chosen == "layer2"
        column.show_stages([*STAGES[:3], StageItem("fc", "fc · 1000 → 9", "", frozen=False)])
        assert column.chosen == "layer2"
        column.select("absent")
        assert column.chosen == ""


def test_all_stages_have_room(column: StageColumn) -> None:
    assert column.sizeHint().height() >= sum(column.visualItemRect(column.item(row)).height() for row in range(4))
