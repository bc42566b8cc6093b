from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import LIGHT
from cnnstudio.gui.widgets.layer_table import LayerTable
from cnnstudio.models.summary import LayerRow


def layer(name: str, *, frozen: bool = False, parameters: int = 147_456, flops: int = 231_211_008) -> LayerRow:
    return LayerRow(
        name=name,
        type="Conv2d",
        detail="3×3, stride 2, same",
        stage=name.partition(".")[0],
        output_shape=(128, 28, 28),
        parameters=parameters,
        flops=flops,
        receptive_field=1099,
        frozen=frozen,
        note="1000 → 6 classes" if name == "fc" else "",
    )


LAYERS = (layer("conv1", frozen=True), layer("layer2.1.conv2"), layer("fc"))


@pytest.fixture
def table(qtbot: QtBot) -> LayerTable:
    table = LayerTable()
    table.resize(900, 300)
    table.show_layers(LAYERS)
    qtbot.addWidget(table)
    table.show()
    qtbot.waitExposed(table)
    return table


def texts(table: LayerTable, row: int) -> list[str]:
    return [table.model().index(row, column).data() for column in range(table.model().columnCount())]


def test_a_row_says_what_the_layer_is_and_costs(table: LayerTable) -> None:
    assert texts(table, 0) == [
        *("conv1", "Conv2d", "3×3, stride 2, same", "128 × 28 × 28", "147,456", "231 M", "1,099 px", "frozen")
    ]
    assert texts(table, 1)[-1] == "learns"
    assert texts(table, 2)[2] == "3×3, stride 2, same · 1000 → 6 classes"


def test_a_layer_without_parameters_neither_learns_nor_costs(table: LayerTable) -> None:
    table.show_layers([layer("relu", parameters=0, flops=0)])
    assert texts(table, 0)[4:6] == ["–", "–"]
    assert texts(table, 0)[7] == ""


def test_frozen_rows_are_tinted(table: LayerTable) -> None:
    picture = table.viewport().grab().toImage()

    def ground(row: int) -> QColor:
        cell = table.visualRect(table.model().index(row, 7))
        return picture.pixelColor(cell.right() - 3, cell.top() + 3)

    frozen, learning = ground(0), ground(1)
    assert frozen != learning
    assert frozen.hue() == pytest.approx(QColor(LIGHT.frozen).hue(), abs=12)


def test_mouse_and_keys_choose_a_layer(table: LayerTable, qtbot: QtBot) -> None:
    with qtbot.waitSignal(table.layer_chosen) as chosen:
        where = table.visualRect(table.model().index(1, 0)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert chosen.args == ["layer2.1.conv2"]
    with qtbot.waitSignal(table.layer_chosen) as chosen:
        QTest.keyClick(table, Qt.Key.Key_Down)
    assert chosen.args == ["fc"]


def test_selection_outlives_new_figures(table: LayerTable, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(table.layer_chosen):
        table.select("fc")
        table.show_layers([layer("conv1"), layer("extra"), layer("fc")])
        assert table.chosen == "fc"
        table.show_layers([layer("conv1")])
        assert table.chosen == ""


def test_words_stand_in_for_no_layers(table: LayerTable) -> None:
    table.show_layers([])
    picture = table.viewport().grab().toImage()
    ground = picture.pixel(2, 2)
    middle = picture.height() // 2
    assert any(
        picture.pixel(x, y) != ground for y in range(middle - 8, middle + 8) for x in range(300, picture.width() - 300)
    )


@pytest.mark.parametrize("width", [812, 1100, 1500])
def test_all_columns_are_in_sight(table: LayerTable, qtbot: QtBot, width: int) -> None:
    deep = layer("features.2.0.block.1.0")
    table.show_layers([replace(deep, type="AdaptiveAvgPool2d", detail="3×3 depthwise, stride 2, same")] * 40)
    table.resize(width, 300)
    header = table.horizontalHeader()
    qtbot.waitUntil(table.verticalScrollBar().isVisible)
    assert not table.horizontalScrollBar().isVisible()
    assert header.length() == table.viewport().width()
    state = table.visualRect(table.model().index(0, 7))
    assert state.width() >= table.sizeHintForColumn(7)
    assert table.model().index(0, 2).data(Qt.ItemDataRole.ToolTipRole) == (
        "AdaptiveAvgPool2d · 3×3 depthwise, stride 2, same"
    )
