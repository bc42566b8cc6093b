import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.colormaps import rgb_table
from cnnstudio.gui.widgets.map_wall import MapWall

LEFT = Qt.MouseButton.LeftButton


def color(value: int) -> QColor:
    return QColor(*rgb_table("inferno")[value].tolist())


def maps(count: int, side: int = 8) -> NDArray[np.uint8]:
    """Maps of one value each: that of their channel."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, side, side)).copy()


def middle(wall: MapWall, channel: int) -> QPoint:
    x, y = wall.canvas.grid.corner(channel)
    return QPoint(x + wall.canvas.grid.side // 2, y + wall.canvas.grid.side // 2)


def pixel(wall: MapWall, channel: int) -> QColor:
    return wall.canvas.grab().toImage().pixelColor(middle(wall, channel))


@pytest.fixture
def wall(qtbot: QtBot) -> MapWall:
    wall = MapWall()
    wall.resize(560, 300)
    qtbot.addWidget(wall)
    wall.show()
    qtbot.waitExposed(wall)
    return wall


def test_words_stand_in_for_no_maps(wall: MapWall) -> None:
    assert wall._hint.isVisible()
    assert wall._hint.text() == "Feature maps of your image appear here once training starts"
    wall.show_maps(maps(4))
    assert not wall._hint.isVisible()
    wall.clear()
    assert wall._hint.isVisible()


def test_every_channel_is_painted_in_its_colour(wall: MapWall) -> None:
    wall.show_maps(maps(40))
    picture = wall.canvas.grab().toImage()
    for channel in range(40):
        assert picture.pixelColor(middle(wall, channel)) == color(channel)


def test_new_maps_replace_the_old(wall: MapWall) -> None:
    wall.show_maps(maps(10), "layer1")
    wall.show_maps(maps(10) + np.uint8(100), "layer1")
    assert pixel(wall, 3) == color(103)


def test_pixels_of_a_map_keep_sharp_edges(wall: MapWall) -> None:
    half = np.zeros((1, 2, 2), np.uint8)
    half[0, :, 1] = 255
    wall.show_maps(half)
    picture = wall.canvas.grab().toImage()
    side = wall.canvas.grid.side
    assert picture.pixelColor(side // 2 - 1, side // 2) == color(0)
    assert picture.pixelColor(side // 2, side // 2) == color(255)


def test_few_maps_need_no_scrolling_and_many_do(wall: MapWall) -> None:
    bar = wall._scroll.verticalScrollBar()
    wall.show_maps(maps(24))
    assert bar.maximum() == 0
    wall.show_maps(np.zeros((512, 7, 7), np.uint8))
    assert bar.maximum() > 0
    assert wall.canvas.width() == wall._scroll.viewport().width()
    assert wall.canvas.grid.columns * (wall.canvas.grid.side + 6) - 6 <= wall.canvas.width()


def test_tiles_follow_the_size_of_the_window(wall: MapWall, qtbot: QtBot) -> None:
    wall.show_maps(maps(24))
    before = wall.canvas.grid.side
    wall.resize(260, 200)
    qtbot.waitUntil(lambda: wall.canvas.grid.side < before)
    assert pixel(wall, 23) == color(23)


def test_a_click_enlarges_and_another_puts_back(wall: MapWall, qtbot: QtBot) -> None:
    wall.show_maps(maps(24), "layer1")
    with qtbot.waitSignal(wall.channel_chosen) as chosen:
        QTest.mouseClick(wall.canvas, LEFT, pos=middle(wall, 17))
    assert chosen.args == [17]
    assert wall.enlarged.isVisible()
    shown = wall.enlarged.grab().toImage()
    assert shown.pixelColor(wall.enlarged.width() // 2, 20) == color(17)
    QTest.mouseClick(wall.enlarged, LEFT)
    assert not wall.enlarged.isVisible()


def test_a_click_between_tiles_chooses_nothing(wall: MapWall, qtbot: QtBot) -> None:
    wall.show_maps(maps(24))
    with qtbot.assertNotEmitted(wall.channel_chosen):
        QTest.mouseClick(wall.canvas, LEFT, pos=QPoint(wall.canvas.grid.side + 2, 10))


def test_keys_do_what_the_mouse_does(wall: MapWall, qtbot: QtBot) -> None:
    wall.show_maps(maps(24), "layer1")
    columns = wall.canvas.grid.columns
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
        QTest.keyClick(wall.canvas, key)
    assert wall.canvas.accessibleDescription() == f"channel {columns + 1} of 24 of layer1"
    with qtbot.waitSignal(wall.channel_chosen) as chosen:
        QTest.keyClick(wall.canvas, Qt.Key.Key_Return)
    assert chosen.args == [columns + 1]
    QTest.keyClick(wall.canvas, Qt.Key.Key_Escape)
    assert not wall.enlarged.isVisible()
    QTest.keyClick(wall.canvas, Qt.Key.Key_End)
    QTest.keyClick(wall.canvas, Qt.Key.Key_Right)
    assert wall.canvas.current == 23


def test_keys_bring_a_tile_into_sight(wall: MapWall) -> None:
    wall.show_maps(np.zeros((512, 7, 7), np.uint8))
    QTest.keyClick(wall.canvas, Qt.Key.Key_End)
    bar = wall._scroll.verticalScrollBar()
    assert bar.value() == bar.maximum()


def test_an_enlarged_map_stays_while_training_goes_on(wall: MapWall) -> None:
    wall.show_maps(maps(24), "layer1")
    QTest.mouseClick(wall.canvas, LEFT, pos=middle(wall, 5))
    wall.show_maps(maps(24) + np.uint8(50), "layer1")
    assert wall.enlarged.isVisible()
    assert wall.enlarged.grab().toImage().pixelColor(wall.enlarged.width() // 2, 20) == color(55)
    wall.show_maps(maps(24), "layer2")
    assert not wall.enlarged.isVisible()


def test_the_mouse_names_the_channel(wall: MapWall, qtbot: QtBot) -> None:
    wall.show_maps(maps(24))
    assert wall._count.text() == "24 channels"
    QTest.mouseMove(wall.canvas, middle(wall, 7))
    qtbot.waitUntil(lambda: wall.canvas.hovered == 7)
    assert wall._count.text() == "channel 7 of 24"
    assert wall.canvas.toolTip() == "channel 7"
