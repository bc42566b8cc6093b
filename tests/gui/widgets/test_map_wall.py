import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK, LIGHT
from cnnstudio.gui.widgets.colormaps import ColorMap, rgb_table
from cnnstudio.gui.widgets.map_paint import panes
from cnnstudio.gui.widgets.map_scale import Figures, MapStyle
from cnnstudio.gui.widgets.map_wall import MapWall

LEFT = Qt.MouseButton.LeftButton


def color(value: int, name: ColorMap = "inferno") -> QColor:
    return QColor(*rgb_table(name)[value].tolist())


def figures(*ends: tuple[float, float], activity: tuple[float, ...] = ()) -> Figures:
    return Figures(np.array(ends, np.float32), np.array(activity or (1,) * len(ends), np.float32))


def halves(count: int) -> NDArray[np.uint8]:
    """Maps that are at their minimum on the left and at their maximum on the right."""
    tiles = np.zeros((count, 2, 2), np.uint8)
    tiles[:, :, 1] = 255
    return tiles


def sides(wall: MapWall, channel: int) -> tuple[QColor, QColor]:
    """Return the colours in the left and in the right half of a tile."""
    picture, grid = wall.canvas.grab().toImage(), wall.canvas.grid
    x, y = grid.corner(wall.canvas.order.tolist().index(channel))
    quarter = grid.side // 4
    return picture.pixelColor(x + quarter, y + 2 * quarter), picture.pixelColor(x + 3 * quarter, y + 2 * quarter)


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
    assert wall.footer.words() == "24 channels"
    QTest.mouseMove(wall.canvas, middle(wall, 7))
    qtbot.waitUntil(lambda: wall.canvas.hovered == 7)
    assert wall.footer.words() == "channel 7 of 24"
    assert wall.canvas.toolTip() == "channel 7"


# With the values of the maps


def test_the_most_active_lie_first_and_are_still_called_by_their_numbers(wall: MapWall, qtbot: QtBot) -> None:
    wall.set_style(MapStyle(order="activity"))
    wall.show_maps(halves(3), figures=figures((0, 1), (0, 1), (0, 1), activity=(0.1, 0.9, 0.5)))
    assert wall.canvas.order.tolist() == [1, 2, 0]
    with qtbot.waitSignal(wall.channel_chosen) as chosen:
        QTest.mouseClick(wall.canvas, LEFT, pos=middle(wall, 0))  # the first tile
    assert chosen.args == [1]
    assert wall.footer.words() == "channel 1 of 3 · 0 to 1 · mean magnitude 0.9"
    QTest.keyClick(wall.canvas, Qt.Key.Key_Escape)
    QTest.keyClick(wall.canvas, Qt.Key.Key_Right)
    assert wall.canvas.current == 2
    QTest.keyClick(wall.canvas, Qt.Key.Key_End)
    assert wall.canvas.current == 0


def test_the_order_rests_for_a_while_and_under_the_mouse(wall: MapWall, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("cnnstudio.gui.widgets.held_order.time.monotonic", lambda: now[0])
    wall.set_style(MapStyle(order="activity"))
    wall.show_maps(halves(2), figures=figures((0, 1), (0, 1), activity=(2, 1)))
    wall.show_maps(halves(2), figures=figures((0, 1), (0, 1), activity=(1, 2)))
    assert wall.canvas.order.tolist() == [0, 1]
    now[0] += 4
    wall.point_at(0)
    wall.show_maps(halves(2), figures=figures((0, 1), (0, 1), activity=(1, 2)))
    assert wall.canvas.order.tolist() == [0, 1]
    wall.point_at(-1)
    wall.show_maps(halves(2), figures=figures((0, 1), (0, 1), activity=(1, 2)))
    assert wall.canvas.order.tolist() == [1, 0]
    wall.set_style(MapStyle())
    assert wall.canvas.order.tolist() == [0, 1]


def test_maps_are_scaled_on_their_own_or_alike(wall: MapWall) -> None:
    wall.show_maps(halves(2), figures=figures((0, 1), (0, 4)))
    assert sides(wall, 0) == sides(wall, 1) == (color(0), color(255))
    assert wall.footer.key() == ("min", "max")
    wall.set_style(MapStyle(scaling="shared"))
    assert sides(wall, 0) == (color(0), color(64))
    assert sides(wall, 1) == (color(0), color(255))
    assert wall.footer.key() == ("0", "4")


def test_the_key_has_the_numbers_of_the_map_that_is_pointed_at(wall: MapWall) -> None:
    wall.show_maps(halves(2), figures=figures((0, 1.25), (-0.5, 4)))
    wall.point_at(0)
    assert wall.footer.key() == ("−1.25", "1.25")
    wall.point_at(1)
    assert wall.footer.key() == ("−4", "4")
    assert wall.footer.words() == "channel 1 of 2 · −0.5 to 4 · mean magnitude 1"
    wall.point_at(-1)
    assert (wall.footer.words(), wall.footer.key()) == ("2 channels", ("−max", "+max"))


def test_negative_values_are_blue_and_zero_is_quiet(wall: MapWall) -> None:
    wall.show_maps(halves(2), figures=figures((-2, 2), (0, 1)))
    assert sides(wall, 0) == (color(1, "diverging"), color(255, "diverging"))
    assert sides(wall, 1) == (color(128, "diverging"), color(255, "diverging"))
    wall.set_tokens(DARK)
    assert sides(wall, 1) == (color(128, "diverging_dark"), color(255, "diverging_dark"))
    wall.set_style(MapStyle(colors="sequential"))
    assert sides(wall, 0) == (color(0), color(255))


def test_a_dead_channel_is_an_empty_frame_with_a_cross(wall: MapWall) -> None:
    wall.show_maps(np.zeros((3, 4, 4), np.uint8), figures=figures((0, 1), (0, 0), (2, 2)))
    assert wall.footer.words() == "3 channels · 1 dead (×): zero everywhere"
    assert sides(wall, 0)[0] == color(0)
    assert sides(wall, 1)[0] == QColor(LIGHT.ground)
    assert pixel(wall, 1).lightness() < QColor(LIGHT.ground).lightness() - 50  # the cross
    assert sides(wall, 2)[0] == color(0)  # constant, but no zero
    wall.point_at(1)
    assert wall.footer.words() == "channel 1 of 3 · dead: zero everywhere"


def test_an_enlarged_map_lies_over_its_image(wall: MapWall) -> None:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(QColor(200, 0, 0))
    wall.show_maps(halves(2), figures=figures((0, 1), (0, 2)), image=image)
    QTest.mouseClick(wall.canvas, LEFT, pos=middle(wall, 1))
    shown = wall.enlarged.grab().toImage()
    room = QRectF(wall.enlarged.rect()).adjusted(0, 0, 0, -wall.enlarged.fontMetrics().height() - 8)
    places = panes(room)

    def at(pane: int, share: float) -> QColor:
        place = places[pane]
        return shown.pixelColor(round(place.left() + share * place.width()), round(place.center().y()))

    assert at(0, 0.25) == at(0, 0.75) == QColor(200, 0, 0)
    under = at(1, 0.25)  # nothing lies over the image where the map is at its minimum
    assert under.red() == under.green() == under.blue()
    over, full = at(1, 0.75), color(255)
    expected = [0.15 * under.red() + 0.85 * each for each in (full.red(), full.green(), full.blue())]
    assert [over.red(), over.green(), over.blue()] == pytest.approx(expected, abs=3)
    assert (at(2, 0.25), at(2, 0.75)) == (color(0), color(255))


def test_other_maps_are_not_pointed_at(wall: MapWall) -> None:
    wall.show_maps(halves(8), "layer1", figures=figures(*[(0, 1)] * 8))
    wall.point_at(7)
    wall.show_maps(halves(2), "layer2", figures=figures((0, 1), (0, 1)))
    assert (wall.canvas.hovered, wall.footer.words()) == (-1, "2 channels")


@pytest.mark.parametrize(("width", "height"), [(800, 200), (500, 400), (300, 600), (200, 90)])
def test_the_image_and_its_map_keep_apart_inside_their_room(width: int, height: int) -> None:
    room = QRectF(10, 20, width, height)
    places = panes(room)
    assert all(room.contains(place) and place.width() == pytest.approx(place.height()) for place in places)
    assert not any(one.intersects(other) for one in places for other in places if one is not other)
    assert places[1].width() == max(place.width() for place in places)
