import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.core.events import LayerPulse, Pulse
from cnnstudio.gui.theme import DARK, LIGHT
from cnnstudio.gui.widgets.pulse_table import PulseTable, rows_of


def layer(path: str, *, gradient: float = 0.05, update: float = 1e-3, dead: float | None = 0.1) -> LayerPulse:
    return LayerPulse(path=path, gradient=gradient, weight=2.0, update=update, dead=dead)


PULSE = Pulse(
    step=10,
    epoch=1.0,
    layers=(
        layer("conv1", gradient=0.002),
        layer("layer1.0.conv1", update=3e-5),
        layer("layer1.0.downsample.0", update=0.2),
        layer("aux1.fc2", gradient=40.0, dead=None),
        layer("fc", gradient=0.0),
    ),
)


@pytest.fixture
def table(qtbot: QtBot) -> PulseTable:
    table = PulseTable()
    qtbot.addWidget(table)
    table.resize(800, 300)
    table.show()
    table.show_rows(rows_of(PULSE, {"conv1": "stem"}))
    return table


def words(table: PulseTable, column: int) -> list[str]:
    model = table.rows_model
    return [model.index(row, column).data() for row in range(model.rowCount())]


def test_each_layer_has_its_figures_and_a_word_for_its_update(table: PulseTable) -> None:
    assert words(table, 0) == [
        "conv1",
        "layer1.0.conv1",
        "layer1.0.downsample.0 · skip connection",
        "aux1.fc2 · auxiliary head",
        "fc",
    ]
    assert words(table, 1)[0] == "2.00e-03"
    assert words(table, 2) == ["1.0e-03 healthy", "3.0e-05 slow", "2.0e-01 fast", "1.0e-03 healthy", "1.0e-03 healthy"]
    assert words(table, 3) == ["10 %", "10 %", "10 %", "–", "10 %"]
    assert table.decades == (-3, 2)


def test_a_row_says_everything_to_a_screen_reader(table: PulseTable) -> None:
    said = table.rows_model.index(2, 0).data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert said == (
        "layer1.0.downsample.0 (skip connection): gradient norm 5.00e-02, weight norm 2, a step changes the weights by "
        "2.0e-01 of themselves (fast), 10 % of the channels behind it are dead"
    )


def test_stages_are_those_of_the_network_or_the_beginnings_of_the_paths(table: PulseTable) -> None:
    rows = table.rows_model.rows
    assert [row.stage for row in rows] == ["stem", "layer1", "layer1", "aux1", "fc"]
    assert [row.first for row in rows] == [True, True, False, True, True]


def test_the_chosen_layer_stays_chosen_while_pulses_come(table: PulseTable) -> None:
    table.selectRow(0)
    QTest.keyClick(table, Qt.Key.Key_Down)
    table.show_rows(rows_of(PULSE, {}))
    assert table.currentIndex().row() == 1
    table.show_rows(rows_of(Pulse(step=1, epoch=0.1, layers=(layer("other"),)), {}))
    assert table.currentIndex().row() == -1


def test_it_is_painted_in_both_themes_and_says_what_will_come_while_it_is_empty(table: PulseTable) -> None:
    shades = []
    for tokens in (LIGHT, DARK):
        table.set_tokens(tokens)
        picture = table.grab().toImage()
        shades.append({picture.pixelColor(x, y).name() for x in range(0, 800, 2) for y in range(30, 200, 2)})
        assert tokens.accent.lower() in shades[-1]
        assert tokens.muted.lower() in shades[-1]
    table.show_rows([])
    assert "#6c9bff" not in {table.grab().toImage().pixelColor(x, 40).name() for x in range(800)}
