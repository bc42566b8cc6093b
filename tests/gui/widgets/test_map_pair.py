import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.map_pair import MapPair
from cnnstudio.gui.widgets.map_wall import MapWall
from tests.e2e.gestures import child


def maps(count: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 8, 8)).copy()


def middle(wall: MapWall, channel: int) -> QPoint:
    x, y = wall.canvas.grid.corner(channel)
    return QPoint(x + wall.canvas.grid.side // 2, y + wall.canvas.grid.side // 2)


@pytest.fixture
def pair(qtbot: QtBot) -> MapPair:
    pair = MapPair("pair")
    pair.resize(700, 300)
    qtbot.addWidget(pair)
    pair.show()
    qtbot.waitExposed(pair)
    return pair


def test_one_side_takes_the_whole_width(pair: MapPair, qtbot: QtBot) -> None:
    pair.show_maps(None, maps(4), layer="conv1", notes=("", "only this"))
    qtbot.waitUntil(lambda: pair.after.width() == pair.width())
    assert child(pair, QLabel, "pair.after.title").text() == "Now"
    assert child(pair, QLabel, "pair.after.note").text() == "only this"
    pair.show_maps(maps(4), maps(4), layer="conv1")
    qtbot.waitUntil(lambda: pair.after.width() < pair.width() // 2)
    assert pair.before.width() == pair.after.width()
    assert [child(pair, QLabel, f"pair.{side}.title").text() for side in ("before", "after")] == ["Before", "After"]


def test_a_click_on_either_side_enlarges_both(pair: MapPair) -> None:
    pair.show_maps(maps(8), maps(8), layer="conv1")
    for one, other in ((pair.before, pair.after), (pair.after, pair.before)):
        QTest.mouseClick(one.canvas, Qt.MouseButton.LeftButton, pos=middle(one, 3))
        assert (other.enlarged.isVisible(), other.enlarged.channel, other.canvas.current) == (True, 3, 3)
        QTest.keyClick(other, Qt.Key.Key_Escape)
        assert (one.enlarged.isVisible(), other.enlarged.isVisible()) == (False, False)


def test_a_channel_that_only_one_side_has_is_enlarged_there(pair: MapPair) -> None:
    pair.show_maps(maps(4), maps(8), layer="conv1")
    QTest.mouseClick(pair.after.canvas, Qt.MouseButton.LeftButton, pos=middle(pair.after, 2))
    pair.after.closed.emit()
    pair.after.channel_chosen.emit(6)
    assert not pair.before.enlarged.isVisible()
    pair.after.pointed.emit(6)
    assert pair.before.canvas.hovered == -1


def test_the_mouse_points_on_both_sides(pair: MapPair, qtbot: QtBot) -> None:
    pair.show_maps(maps(8), maps(8), layer="conv1")
    QTest.mouseMove(pair.before.canvas, middle(pair.before, 5))
    qtbot.waitUntil(lambda: pair.after.canvas.hovered == 5)
    assert pair.after.canvas.toolTip() == "channel 5"
    assert pair.after.canvas.accessibleDescription() == "channel 5 of 8 of conv1"


def test_both_sides_scroll_together(pair: MapPair) -> None:
    many = np.zeros((512, 4, 4), np.uint8)
    pair.show_maps(many, many, layer="conv1")
    pair.before.scroll_bar.setValue(100)
    assert pair.after.scroll_bar.value() == 100
    pair.after.scroll_bar.setValue(30)
    assert pair.before.scroll_bar.value() == 30


def test_keys_go_on_while_a_channel_is_enlarged_on_both_sides(pair: MapPair) -> None:
    pair.show_maps(maps(8), maps(8), layer="conv1")
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(pair.before.canvas, key)
    assert (pair.before.large, pair.after.large, pair.after.enlarged.channel) == (2, 2, 2)
    assert pair.after.footer.words() == "channel 2 of 8"
    QTest.keyClick(pair.before.canvas, Qt.Key.Key_Return)
    assert (pair.before.large, pair.after.large) == (-1, -1)
