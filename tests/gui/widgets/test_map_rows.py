import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.gui.theme import DARK, LIGHT
from cnnstudio.gui.widgets.colormaps import ColorMap, rgb_table
from cnnstudio.gui.widgets.map_rows import MapRows
from cnnstudio.gui.widgets.map_scale import MapStyle
from cnnstudio.gui.widgets.rows_paint import HEAD
from tests.pictures import feature_maps

LEFT = Qt.MouseButton.LeftButton
RED = np.full((8, 8, 3), (200, 0, 0), np.uint8)


def color(value: int, name: ColorMap = "inferno") -> QColor:
    return QColor(*rgb_table(name)[value].tolist())


def row(layer: str, image: str, *ends: tuple[float, float], activity: tuple[float, ...] = ()) -> FeatureMaps:
    """Maps that are at their maximum everywhere."""
    return feature_maps(
        layer,
        np.full((len(ends), 4, 4), 255, np.uint8),
        image=image,
        ranges=np.array(ends, np.float32),
        activity=np.array(activity or (1,) * len(ends), np.float32),
        pixels=RED,
    )


def pixel(rows: MapRows, number: int, channel: int) -> QColor:
    return rows.canvas.viewport().grab().toImage().pixelColor(rows.canvas.middle_of(number, channel))


@pytest.fixture
def rows(qtbot: QtBot) -> MapRows:
    rows = MapRows("rows")
    rows.resize(640, 260)
    qtbot.addWidget(rows)
    rows.set_tokens(LIGHT)
    rows.show()
    qtbot.waitExposed(rows)
    return rows


def show(rows: MapRows, *pictures: FeatureMaps, alike: bool = True) -> None:
    rows.show_rows(pictures, [(f"title {number}", "note") for number in range(len(pictures))], alike=alike)


def test_a_channel_is_compared_over_all_images(rows: MapRows) -> None:
    show(rows, row("conv", "a.png", (0, 1), (0, 8)), row("conv", "b.png", (0, 4), (0, 2)))
    found = [[pixel(rows, number, channel) for channel in range(2)] for number in range(2)]
    assert found == [[color(64), color(255)], [color(255), color(64)]]
    assert rows.footer.key() == ("min", "max")
    rows.set_style(MapStyle(scaling="shared"))
    found = [[pixel(rows, number, channel) for channel in range(2)] for number in range(2)]
    assert found == [[color(32), color(255)], [color(128), color(64)]]
    assert rows.footer.key() == ("0", "8")
    assert rows.footer.words() == "2 channels × 2 images"


def test_layers_are_scaled_each_on_their_own(rows: MapRows) -> None:
    show(rows, row("conv1", "a.png", (0, 1), (0, 4)), row("conv2", "a.png", (0, 10)), alike=False)
    assert [pixel(rows, 0, 0), pixel(rows, 0, 1), pixel(rows, 1, 0)] == [color(255)] * 3
    rows.set_style(MapStyle(scaling="shared"))
    assert [pixel(rows, 0, 0), pixel(rows, 0, 1), pixel(rows, 1, 0)] == [color(64), color(255), color(255)]
    assert rows.footer.key() == ("min", "max")  # which are others in each row
    assert rows.footer.words() == "2 layers · 3 channels"


@pytest.mark.parametrize("channels", [3, 200])
def test_all_rows_are_in_sight_where_there_is_room(rows: MapRows, channels: int) -> None:
    show(rows, *(row("conv", f"{name}.png", *[(0.0, 1.0)] * channels) for name in "abcd"))
    across, down = rows.canvas.horizontalScrollBar(), rows.canvas.verticalScrollBar()
    assert (across.maximum() > 0, down.maximum()) == (channels > 100, 0)
    assert pixel(rows, 3, 0) == color(255)


def test_an_image_stands_at_the_head_of_its_row(rows: MapRows) -> None:
    show(rows, row("conv", "a.png", (0, 1)), row("conv", "b.png", (0, 1)))
    head = rows.canvas.viewport().grab().toImage()
    assert head.pixelColor(22, rows.canvas.middle_of(0, 0).y()) == QColor(200, 0, 0)
    show(rows, row("conv1", "a.png", (0, 1)), row("conv2", "a.png", (0, 1)), alike=False)
    head = rows.canvas.viewport().grab().toImage()
    assert head.pixelColor(22, rows.canvas.middle_of(0, 0).y() - 25) != QColor(200, 0, 0)


def test_dead_channels_are_marked_and_counted(rows: MapRows) -> None:
    show(rows, row("conv", "a.png", (0, 0), (0, 0)), row("conv", "b.png", (0, 0), (0, 1)))
    assert rows.footer.words() == "2 channels × 2 images · 1 dead (×) in all of them"
    middle = rows.canvas.middle_of(0, 1)
    tile = rows.canvas.viewport().grab().toImage()
    assert tile.pixelColor(middle.x() - 15, middle.y()) == QColor(LIGHT.ground)
    show(rows, row("conv1", "a.png", (0, 0), (0, 1)), row("conv2", "a.png", (0, 0)), alike=False)
    assert rows.footer.words() == "2 layers · 3 channels · 2 dead (×): zero everywhere"


def test_the_most_active_over_all_images_come_first(rows: MapRows) -> None:
    rows.set_style(MapStyle(order="activity"))
    show(
        rows,
        row("conv", "a.png", (0, 1), (0, 1), activity=(1, 2)),
        row("conv", "b.png", (0, 1), (0, 1), activity=(5, 1)),
    )
    assert rows.canvas.middle_of(0, 0).x() < rows.canvas.middle_of(0, 1).x()
    assert rows.canvas.middle_of(1, 0).x() < rows.canvas.middle_of(1, 1).x()


def test_a_click_enlarges_a_map_over_the_image_of_its_row(rows: MapRows, qtbot: QtBot) -> None:
    show(rows, row("conv", "a.png", (0, 1), (0, 8)), row("conv", "b.png", (0, 4), (-3, 2)))
    viewport = rows.canvas.viewport()
    QTest.mouseClick(viewport, LEFT, pos=rows.canvas.middle_of(1, 1))
    assert rows.enlarged.isVisible()
    assert rows.enlarged.accessibleName() == "title 1 · channel 1 · 4 × 4, enlarged"
    assert rows.footer.words() == "title 1 · channel 1 of 2 · −3 to 2 · mean magnitude 1"
    assert rows.footer.key() == ("−8", "8")
    shown = rows.enlarged.grab().toImage()
    side = (rows.enlarged.width() - 24) // 3
    assert shown.pixelColor(side // 2, side // 2) == QColor(200, 0, 0)
    assert shown.pixelColor(2 * (side + 12) + side // 2, side // 2) == color(128 + round(127 * 2 / 8), "diverging")
    with qtbot.waitSignal(rows.closed):
        QTest.mouseClick(rows.enlarged, LEFT)
    assert not rows.enlarged.isVisible()


def test_an_enlarged_map_stays_until_other_rows_come(rows: MapRows) -> None:
    show(rows, row("conv", "a.png", (0, 1)))
    QTest.mouseClick(rows.canvas.viewport(), LEFT, pos=rows.canvas.middle_of(0, 0))
    show(rows, row("conv", "a.png", (0, 2)))
    assert rows.enlarged.isVisible()
    assert rows.footer.key() == ("0", "2")
    show(rows, row("conv", "b.png", (0, 2)))
    assert not rows.enlarged.isVisible()


def test_keys_go_through_the_maps_and_bring_them_into_sight(rows: MapRows) -> None:
    many = [row("conv", f"{number}.png", *[(0, 1)] * 40) for number in range(8)]
    show(rows, *many)
    canvas = rows.canvas
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(canvas, key)
    assert canvas.current == (1, 2)
    assert canvas.accessibleDescription() == "title 1 · channel 2 of 40 · 0 to 1 · mean magnitude 1"
    QTest.keyClick(canvas, Qt.Key.Key_End)
    assert canvas.current == (1, 39)
    assert canvas.horizontalScrollBar().value() == canvas.horizontalScrollBar().maximum()
    assert canvas.middle_of(1, 39).x() < canvas.viewport().width()
    for _ in range(9):
        QTest.keyClick(canvas, Qt.Key.Key_Down)
    assert canvas.current == (7, 39)
    assert 0 < canvas.middle_of(7, 39).y() < canvas.viewport().height()
    assert pixel(rows, 7, 39) == color(255)
    QTest.keyClick(canvas, Qt.Key.Key_Home)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert (rows.enlarged.isVisible(), rows.enlarged.channel) == (True, 0)
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert not rows.enlarged.isVisible()


def test_the_mouse_names_a_map_and_nothing_beside(rows: MapRows, qtbot: QtBot) -> None:
    show(rows, row("conv", "a.png", (0, 1), (0, 8)))
    QTest.mouseMove(rows.canvas.viewport(), rows.canvas.middle_of(0, 1))
    qtbot.waitUntil(lambda: rows.canvas.hovered == (0, 1))
    assert rows.footer.words().startswith("title 0 · channel 1 of 2")
    beside = rows.canvas.middle_of(0, 0)
    beside.setX(HEAD - 20)
    QTest.mouseMove(rows.canvas.viewport(), beside)
    qtbot.waitUntil(lambda: rows.canvas.hovered is None)
    assert rows.footer.words() == "2 channels × 1 image"


def test_fewer_rows_leave_no_current_map_behind(rows: MapRows) -> None:
    show(rows, *[row("conv", f"{number}.png", (0, 1), (0, 1)) for number in range(3)])
    QTest.mouseClick(rows.canvas.viewport(), LEFT, pos=rows.canvas.middle_of(2, 1))
    show(rows, row("conv", "0.png", (0, 1)))
    assert (rows.canvas.current, rows.canvas.hovered) == ((0, 0), None)


def test_the_theme_reaches_the_colours(rows: MapRows) -> None:
    show(rows, row("conv", "a.png", (-1, 1)))
    assert pixel(rows, 0, 0) == color(255, "diverging")
    rows.set_tokens(DARK)
    assert pixel(rows, 0, 0) == color(255, "diverging_dark")


def test_the_rows_can_be_put_on_a_sheet_with_what_is_in_sight(rows: MapRows) -> None:
    show(rows, row("conv", "a.png", *[(0, 1)] * 3), row("conv", "b.png", *[(0, 1)] * 3))
    sheet = rows.sheet()
    assert sheet.size.height() == 2 * rows.canvas.grid().pitch - 6
    assert (sheet.words, sheet.key) == ("3 channels × 2 images", ("min", "max"))
