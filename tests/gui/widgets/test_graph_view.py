from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QGraphicsScene, QToolTip
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.graph_view import GraphView
from tests.gui.widgets.pointer import double_click, drag, wheel

LEFT = Qt.MouseButton.LeftButton
CONTENT = QRectF(0, 0, 1000, 500)


class _Described(GraphView):
    def tip_at(self, point: QPointF) -> str:
        return f"{point.x():.0f}, {point.y():.0f}"


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[GraphView]:
    """Return a canvas of 600 × 400 pixels that shows all of a scene of 1000 × 500."""
    view = _Described(QGraphicsScene())
    view.resize(600, 400)
    view.set_content(CONTENT)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitExposed(view)
    yield view
    QToolTip.hideText()


def seen_at(view: GraphView, place: QPointF) -> QPointF:
    """Return the point of the scene that is drawn at a place of the canvas."""
    inverted, _ = view.viewportTransform().inverted()
    return inverted.map(place)


def near(one: QPointF, other: QPointF, by: float = 1.0) -> bool:
    return (one - other).manhattanLength() <= by


def test_all_is_in_sight_at_first(view: GraphView) -> None:
    assert view.magnification == pytest.approx(0.6)
    assert view.fitted
    assert view.shows_all
    assert near(view.centre, CONTENT.center())


def test_little_is_not_blown_up_to_fill_the_canvas(view: GraphView) -> None:
    view.set_content(QRectF(0, 0, 100, 50))
    view.fit()
    assert view.magnification == 1.25


def test_what_was_moved_before_it_was_ever_seen_is_fitted_when_it_is(qtbot: QtBot) -> None:
    view = GraphView(QGraphicsScene())
    view.set_content(CONTENT)
    view.zoom(3)
    assert not view.fitted
    view.resize(600, 400)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitExposed(view)
    assert view.magnification == pytest.approx(0.6)


@pytest.mark.parametrize("notches", [1, -1, 0.25, 3])
@pytest.mark.parametrize("place", [QPointF(300, 200), QPointF(10, 390), QPointF(420, 111)])
def test_the_wheel_zooms_at_the_pointer(view: GraphView, place: QPointF, notches: float) -> None:
    before = seen_at(view, place)
    wheel(view, place, notches)
    assert view.magnification == pytest.approx(0.6 * 1.25**notches)
    assert near(seen_at(view, place) * view.magnification, before * view.magnification)
    assert not view.fitted


def test_a_turn_of_the_wheel_and_back_leads_to_where_it_began(view: GraphView) -> None:
    place = QPointF(123, 321)
    before = seen_at(view, place)
    for notches in [0.5] * 8 + [-0.5] * 8:
        wheel(view, place, notches)
    assert view.magnification == pytest.approx(0.6)
    assert near(seen_at(view, place), before, by=5)


def test_there_is_a_largest_and_a_smallest_magnification(view: GraphView) -> None:
    wheel(view, QPointF(300, 200), 60)
    assert view.magnification == 4
    wheel(view, QPointF(300, 200), -60)
    assert view.magnification == 0.08


def test_a_wheel_that_turns_sideways_changes_nothing(view: GraphView) -> None:
    wheel(view, QPointF(300, 200), 0, sideways=2)
    assert view.fitted
    assert view.magnification == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("key", "factor"),
    [
        (Qt.Key.Key_Plus, 1.25),
        (Qt.Key.Key_Equal, 1.25),
        (Qt.Key.Key_Minus, 0.8),
        (Qt.Key.Key_Underscore, 0.8),
    ],
)
def test_keys_zoom_around_the_middle_and_back(view: GraphView, key: Qt.Key, factor: float) -> None:
    QTest.keyClick(view, key)
    assert view.magnification == pytest.approx(0.6 * factor)
    assert near(view.centre * 0.6, CONTENT.center() * 0.6, by=2)
    QTest.keyClick(view, Qt.Key.Key_0)
    assert view.magnification == pytest.approx(0.6)
    assert view.fitted


def test_dragging_moves_the_scene_with_the_pointer(view: GraphView, qtbot: QtBot) -> None:
    before = seen_at(view, QPointF(100, 100))
    with qtbot.assertNotEmitted(view.clicked):
        QTest.mousePress(view.viewport(), LEFT, pos=QPoint(100, 100))
        QTest.mouseMove(view.viewport(), QPoint(160, 130))
        assert view.viewport().cursor().shape() == Qt.CursorShape.ClosedHandCursor
        QTest.mouseMove(view.viewport(), QPoint(240, 50))
        QTest.mouseRelease(view.viewport(), LEFT, pos=QPoint(240, 50))
    assert near(seen_at(view, QPointF(240, 50)), before, by=0.01)
    assert not view.fitted
    QTest.mouseMove(view.viewport(), QPoint(300, 300))
    assert near(seen_at(view, QPointF(240, 50)), before, by=0.01)


def test_only_the_left_button_clicks_and_drags(view: GraphView, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(view.clicked), qtbot.assertNotEmitted(view.double_clicked):
        drag(view, QPoint(100, 100), QPoint(300, 300), button=Qt.MouseButton.RightButton)
        QTest.mouseClick(view.viewport(), Qt.MouseButton.RightButton, pos=QPoint(50, 50))
        QTest.mouseDClick(view.viewport(), Qt.MouseButton.RightButton, pos=QPoint(50, 50))
        QTest.mouseRelease(view.viewport(), Qt.MouseButton.RightButton)  # or it would be held for the tests that follow
    assert view.fitted


def test_part_of_the_scene_stays_in_sight_however_far_it_is_dragged(view: GraphView) -> None:
    for x, y in ((590, 390), (10, 10), (10, 390), (590, 10)):
        for _ in range(8):
            drag(view, QPoint(300, 200), QPoint(x, y))
        shown = view.viewportTransform().mapRect(CONTENT) & QRectF(view.viewport().rect())
        assert shown.width() == pytest.approx(64, abs=2)
        assert shown.height() == pytest.approx(64, abs=2)


def test_a_click_is_told_once_and_a_shaky_hand_makes_no_drag(view: GraphView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(view.clicked) as clicked:
        drag(view, QPoint(150, 100), QPoint(152, 101))
    assert near(clicked.args[0], seen_at(view, QPointF(152, 101)), by=0.01)
    assert view.fitted


def test_two_clicks_in_a_row_are_one_click_and_one_double_click(view: GraphView) -> None:
    heard: list[str] = []
    view.clicked.connect(lambda _: heard.append("click"))
    view.double_clicked.connect(lambda _: heard.append("double"))
    double_click(view, QPoint(150, 100))
    assert heard == ["click", "double"]


def test_the_pointer_is_followed_until_it_leaves(view: GraphView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(view.pointed) as pointed:
        QTest.mouseMove(view.viewport(), QPoint(200, 150))
    assert near(pointed.args[0], seen_at(view, QPointF(200, 150)), by=0.01)
    with qtbot.waitSignal(view.pointed) as pointed:
        QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert pointed.args == [None]


def test_another_size_shows_all_again_if_all_was_shown(view: GraphView, qtbot: QtBot) -> None:
    view.resize(300, 400)
    qtbot.waitUntil(lambda: view.magnification == pytest.approx(0.3))
    assert view.fitted
    assert view.shows_all


def test_another_size_keeps_the_middle_where_the_user_has_zoomed(view: GraphView, qtbot: QtBot) -> None:
    wheel(view, QPointF(200, 130), 4)
    scale, centre = view.magnification, view.centre
    view.resize(500, 300)
    qtbot.waitUntil(lambda: view.viewport().width() == 500)
    assert view.magnification == scale
    assert near(view.centre * scale, centre * scale, by=2)
    assert not view.fitted


def test_the_canvas_moves_no_farther_than_it_takes_to_see_something(view: GraphView) -> None:
    view.zoom(5)
    assert not view.shows_all
    inside, right = QRectF(480, 230, 40, 40), QRectF(700, 240, 60, 20)
    before = view.viewportTransform()
    view.reveal(inside)
    assert view.viewportTransform() == before
    view.reveal(right)
    shown = view.viewportTransform().mapRect(right)
    assert shown.right() == pytest.approx(600 - 4, abs=1)
    assert shown.top() == before.mapRect(right).top()


def test_of_what_is_too_large_the_beginning_is_shown(view: GraphView) -> None:
    view.zoom(5)
    view.reveal(QRectF(100, 100, 800, 300))
    assert near(view.viewportTransform().map(QPointF(100, 100)), QPointF(4, 4), by=2)


@pytest.mark.parametrize(
    ("key", "command"),
    [
        (Qt.Key.Key_Up, "up"),
        (Qt.Key.Key_Down, "down"),
        (Qt.Key.Key_Left, "left"),
        (Qt.Key.Key_Right, "right"),
        (Qt.Key.Key_Home, "first"),
        (Qt.Key.Key_End, "last"),
        (Qt.Key.Key_Return, "open"),
        (Qt.Key.Key_Enter, "open"),
    ],
)
def test_keys_are_told_as_commands(view: GraphView, qtbot: QtBot, key: Qt.Key, command: str) -> None:
    with qtbot.waitSignal(view.commanded) as commanded:
        QTest.keyClick(view, key)
    assert commanded.args == [command]
    assert view.fitted


@pytest.mark.parametrize(
    ("key", "modifiers"),
    [
        (Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier),
        (Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier),
        (Qt.Key(0), Qt.KeyboardModifier.NoModifier),
    ],
)
def test_other_keys_are_left_to_the_window(
    view: GraphView, qtbot: QtBot, key: Qt.Key, modifiers: Qt.KeyboardModifier
) -> None:
    event = QKeyEvent(QEvent.Type.KeyPress, key, modifiers)
    with qtbot.assertNotEmitted(view.commanded):
        QApplication.sendEvent(view, event)
    assert not event.isAccepted()


def test_the_tooltip_is_that_of_the_point_under_the_mouse(view: GraphView) -> None:
    place = QPoint(300, 200)
    QApplication.sendEvent(view.viewport(), QHelpEvent(QEvent.Type.ToolTip, place, view.mapToGlobal(place)))
    x, y = (float(part) for part in QToolTip.text().split(", "))
    assert near(QPointF(x, y), CONTENT.center(), by=3)


def test_words_stand_in_for_an_empty_scene(view: GraphView) -> None:
    def inked() -> int:
        picture = view.viewport().grab(QRectF(150, 180, 300, 40).toRect()).toImage()
        ground = QColor(picture.pixel(0, 0))
        return sum(picture.pixelColor(x, y) != ground for y in range(40) for x in range(0, 300, 2))

    assert inked() == 0
    view.hint = "Nothing to see"
    view.viewport().update()
    assert inked() > 30


@pytest.mark.parametrize("size", [(1, 1), (0, 0), (1, 300), (2000, 1)])
def test_no_size_is_too_small(view: GraphView, qtbot: QtBot, size: tuple[int, int]) -> None:
    view.setMinimumSize(0, 0)
    view.resize(*size)
    QApplication.processEvents()
    view.grab()
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Minus, Qt.Key.Key_0):
        QTest.keyClick(view, key)
    view.reveal(CONTENT)
    assert 0.08 <= view.magnification <= 4
    view.fit()
    view.resize(600, 400)
    qtbot.waitUntil(lambda: view.magnification == pytest.approx(0.6))
