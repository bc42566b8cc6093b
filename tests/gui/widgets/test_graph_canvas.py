from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from cnnstudio.gui.widgets.graph_style import rectf
from tests.gui.graph.networks import Row, frozen_until, googlenet, mobile, resnet18, vgg16
from tests.gui.widgets.drawn import (
    GROUND,
    KEYS,
    announced,
    at_block,
    at_chevron,
    at_layer,
    by_chevron,
    by_double_click,
    by_enter,
    canvas_with,
    click,
    head,
    heads,
    opened,
    placed,
    press,
)
from tests.gui.widgets.pointer import double_click, drag, wheel


@pytest.fixture
def canvas(qtbot: QtBot) -> Iterator[GraphCanvas]:
    yield canvas_with(qtbot, resnet18())
    QToolTip.hideText()


def rest_mouse(canvas: GraphCanvas, place: QPoint) -> str:
    """Let the mouse rest somewhere; return the tooltip that comes."""
    QToolTip.hideText()
    event = QHelpEvent(QEvent.Type.ToolTip, place, canvas.viewport().mapToGlobal(place))
    QApplication.sendEvent(canvas.viewport(), event)
    return QToolTip.text()


def test_a_click_chooses_the_first_layer_of_a_collapsed_block_and_says_so_once(canvas: GraphCanvas) -> None:
    names = announced(canvas)
    click(canvas, at_block(canvas, "layer2.0"))
    assert names == ["layer2.0.conv1"]
    assert canvas.chosen == "layer2.0.conv1"
    ring = canvas.scene_of_graph.ringed
    assert ring is not None
    assert ring.contains(rectf(placed(canvas, "layer2.0").rect))


def test_a_click_on_a_layer_of_an_open_block_chooses_it(canvas: GraphCanvas) -> None:
    canvas.open_only(frozenset({"layer2.0"}), "layer2.0")
    names = announced(canvas)
    for name in ("layer2.0.bn2", "layer2.0.downsample.0", "layer2.0.add"):
        click(canvas, at_layer(canvas, name))
    assert names == ["layer2.0.bn2", "layer2.0.downsample.0", "layer2.0.add"]
    assert canvas.scene_of_graph.ringed == rectf(
        next(cell.rect for cell in placed(canvas, "layer2.0").cells if cell.sign == "+")
    )


def test_a_click_on_the_ground_or_the_head_of_an_open_block_chooses_nothing(canvas: GraphCanvas) -> None:
    canvas.open_only(frozenset({"layer2.0"}), "layer2.0")
    canvas.select("layer1.0.conv1")
    names = announced(canvas)
    click(canvas, GROUND)
    click(canvas, at_chevron(canvas, "layer2.0") + QPoint(60, 0))
    assert names == []
    assert canvas.chosen == "layer1.0.conv1"


@pytest.mark.parametrize("toggle", [by_double_click, by_enter, by_chevron])
@pytest.mark.parametrize("key", ["layer1.1", "layer2.0", "layer4.1"])
def test_a_block_opens_and_closes_where_it_is(
    canvas: GraphCanvas, toggle: Callable[[GraphCanvas, str], None], key: str
) -> None:
    canvas.zoom(0.4)
    before = heads(canvas)
    toggle(canvas, key)
    assert opened(canvas) == {key}
    assert len(placed(canvas, key).cells) == len(placed(canvas, key).block.rows)
    assert head(canvas, key) == pytest.approx(before[key], abs=1)
    toggle(canvas, key)
    assert opened(canvas) == set()
    assert all(head(canvas, each) == pytest.approx(before[each], abs=1) for each in before)


def test_an_open_block_comes_into_sight_if_it_would_reach_beyond_the_canvas(canvas: GraphCanvas) -> None:
    by_chevron(canvas, "layer1.1")
    shown = canvas.viewportTransform().mapRect(rectf(placed(canvas, "layer1.1").rect))
    room = canvas.viewport().rect()
    assert room.top() <= shown.top() <= room.top() + 6 or shown.bottom() <= room.bottom()
    assert not canvas.fitted


def test_a_closed_block_comes_into_sight_again(canvas: GraphCanvas) -> None:
    by_chevron(canvas, "layer1.0")
    canvas.zoom(2)
    canvas.select("layer1.0.relu2")
    assert head(canvas, "layer1.0")[1] < 0
    press(canvas, "enter")
    shown = canvas.viewportTransform().mapRect(rectf(placed(canvas, "layer1.0").rect))
    assert canvas.viewport().rect().contains(shown.toRect())


def test_several_blocks_may_be_open(canvas: GraphCanvas) -> None:
    canvas.zoom(0.4)
    for key in ("layer1.0", "layer3.1", "conv1"):
        by_chevron(canvas, key)
    assert opened(canvas) == {"layer1.0", "layer3.1", "conv1"}
    by_chevron(canvas, "layer3.1")
    assert opened(canvas) == {"layer1.0", "conv1"}


def test_the_chevron_chooses_nothing_and_a_hasty_second_click_does_no_harm(canvas: GraphCanvas) -> None:
    names = announced(canvas)
    double_click(canvas, at_chevron(canvas, "layer2.0"))
    assert opened(canvas) == {"layer2.0"}
    assert names == []


def test_a_block_of_one_layer_has_nothing_to_open(canvas: GraphCanvas) -> None:
    for toggle in (by_double_click, by_enter):
        toggle(canvas, "fc")
    assert opened(canvas) == set()
    click(canvas, at_chevron(canvas, "fc"))
    assert canvas.chosen == "fc"


def test_both_clicks_of_two_meet_a_block_that_is_half_out_of_sight(canvas: GraphCanvas) -> None:
    canvas.zoom(2)
    corner = placed(canvas, "layer2.0").rect
    goal = QPointF(canvas.viewport().width() - 80, 300)
    canvas.pan(canvas.viewportTransform().map(QPointF(corner.x, corner.y)) - goal)
    double_click(canvas, goal.toPoint() + QPoint(70, 40))
    assert opened(canvas) == {"layer2.0"}
    assert canvas.chosen == "layer2.0.conv1"


def test_a_double_click_on_the_ground_shows_all(canvas: GraphCanvas) -> None:
    fitted = canvas.magnification
    wheel(canvas, QPointF(4, 4), 4)
    drag(canvas, QPoint(100, 300), QPoint(160, 320))
    names = announced(canvas)
    double_click(canvas, GROUND)
    assert canvas.fitted
    assert canvas.shows_all
    assert canvas.magnification == pytest.approx(fitted)
    assert names == []


def test_keys_zoom_and_0_shows_all(canvas: GraphCanvas) -> None:
    fitted = canvas.magnification
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.magnification == pytest.approx(1.25 * fitted)
    QTest.keyClick(canvas, Qt.Key.Key_Minus)
    QTest.keyClick(canvas, Qt.Key.Key_Minus)
    assert canvas.magnification == pytest.approx(0.8 * fitted)
    QTest.keyClick(canvas, Qt.Key.Key_0)
    assert canvas.magnification == pytest.approx(fitted)
    assert canvas.shows_all


def test_other_figures_open_close_and_move_nothing(canvas: GraphCanvas) -> None:
    wheel(canvas, QPointF(400, 200), 2)
    by_chevron(canvas, "layer1.1")
    canvas.select("layer1.1.bn1")
    before, scale = heads(canvas), canvas.magnification
    names = announced(canvas)
    canvas.show_graph(build_graph(frozen_until(resnet18(), "layer3")))
    assert heads(canvas) == before
    assert canvas.magnification == scale
    assert opened(canvas) == {"layer1.1"}
    assert canvas.chosen == "layer1.1.bn1"
    assert names == []
    assert placed(canvas, "layer1.1").block.frozen


def test_layers_less_in_every_block_leave_the_middle_of_the_canvas_where_it_is(canvas: GraphCanvas) -> None:
    by_chevron(canvas, "layer1.1")
    wheel(canvas, QPointF(400, 200), 3)
    canvas.select("layer1.1.bn1")
    scale = canvas.magnification
    middle = min(heads(canvas), key=lambda key: (at_block(canvas, key) - QPoint(550, 300)).manhattanLength())
    before = head(canvas, middle)
    canvas.show_graph(build_graph(resnet18(norm=False)))
    assert opened(canvas) == {"layer1.1"}
    assert canvas.magnification == scale
    assert head(canvas, middle) == pytest.approx(before, abs=1)
    assert canvas.chosen == ""


def test_another_network_is_shown_whole_and_closed(canvas: GraphCanvas) -> None:
    by_chevron(canvas, "layer1.1")
    wheel(canvas, QPointF(400, 200), 5)
    canvas.select("layer1.1.bn1")
    canvas.show_graph(build_graph(vgg16()))
    assert opened(canvas) == set()
    assert canvas.fitted
    assert canvas.shows_all
    assert canvas.chosen == ""


def test_another_size_lets_all_be_shown_in_other_columns(canvas: GraphCanvas, qtbot: QtBot) -> None:
    wide = {placed(canvas, key).axis for key in heads(canvas)}
    canvas.resize(330, 900)
    qtbot.waitUntil(lambda: canvas.viewport().height() == 900)
    tall = {placed(canvas, key).axis for key in heads(canvas)}
    assert len(tall) < len(wide)
    assert canvas.shows_all


def test_another_size_moves_no_column_where_the_user_has_arranged_the_view(canvas: GraphCanvas, qtbot: QtBot) -> None:
    canvas.fit_all(frozenset({"layer1.0"}))
    assert canvas.fitted
    by_chevron(canvas, "conv1")
    assert not canvas.shows_all
    before, scale = placed(canvas, "layer4.0"), canvas.magnification
    canvas.resize(500, 300)
    qtbot.waitUntil(lambda: canvas.viewport().height() == 300)
    assert placed(canvas, "layer4.0") == before
    assert canvas.magnification == scale


def test_tooltips_hold_the_figures_of_blocks_and_layers(canvas: GraphCanvas) -> None:
    tip = rest_mouse(canvas, at_block(canvas, "layer2.0"))
    assert "<b>layer2.0</b>" in tip
    assert all(words in tip for words in ("residual, projection", "128 × 28 × 28", "230,144"))
    canvas.open_only(frozenset({"layer2.0"}), "layer2.0")
    tip = rest_mouse(canvas, at_layer(canvas, "layer2.0.conv1"))
    assert all(words in tip for words in ("layer2.0.conv1", "Conv2d", "3×3", "128 × 28 × 28", "73,728", "learns"))
    assert "<b>layer2.0</b>" in rest_mouse(canvas, at_chevron(canvas, "layer2.0"))
    assert "<b>fc</b>" in rest_mouse(canvas, at_block(canvas, "fc"))
    assert canvas.tip_at(canvas.mapToScene(GROUND)) == ""


def test_the_pointer_tells_what_can_be_clicked(canvas: GraphCanvas) -> None:
    QTest.mouseMove(canvas.viewport(), at_block(canvas, "layer2.0"))
    assert canvas.viewport().cursor().shape() == Qt.CursorShape.PointingHandCursor
    QTest.mouseMove(canvas.viewport(), GROUND)
    assert canvas.viewport().cursor().shape() == Qt.CursorShape.OpenHandCursor


def test_without_a_network_there_are_words_and_nothing_to_do(canvas: GraphCanvas) -> None:
    canvas.show_graph(None)
    names = announced(canvas)
    assert canvas.hint == "The network is drawn here once an architecture is chosen"
    assert canvas.accessibleDescription() == canvas.hint
    assert canvas.chosen == ""
    press(canvas, *KEYS)
    double_click(canvas, QPoint(300, 300))
    wheel(canvas, QPointF(300, 300), 3)
    drag(canvas, QPoint(300, 300), QPoint(200, 100))
    canvas.select("conv1")
    canvas.open_only(frozenset({"layer1.0"}), "layer1.0")
    canvas.fit_all()
    assert canvas.tip_at(QPointF(100, 100)) == ""
    assert canvas.viewport().cursor().shape() == Qt.CursorShape.ArrowCursor
    canvas.grab()
    assert names == []
    canvas.show_graph(build_graph(vgg16()))
    assert canvas.hint == ""
    assert canvas.shows_all


@pytest.mark.parametrize("size", [(1, 1), (0, 0), (3000, 2)])
@pytest.mark.parametrize("rows", [vgg16(), googlenet(), mobile()[:1]])
def test_no_canvas_is_too_small(canvas: GraphCanvas, qtbot: QtBot, size: tuple[int, int], rows: Sequence[Row]) -> None:
    canvas.setMinimumSize(0, 0)
    canvas.resize(*size)
    QApplication.processEvents()
    canvas.show_graph(build_graph(rows))
    press(canvas, "home", "down", "enter", "end", "enter")
    canvas.fit_all(frozenset({"inception3a", "conv1"}))
    canvas.grab()
    canvas.resize(900, 500)
    qtbot.waitUntil(lambda: canvas.viewport().height() == 500)
    canvas.fit_all()
    assert canvas.shows_all


def test_a_layer_alone_is_a_network(canvas: GraphCanvas) -> None:
    row = replace(resnet18()[-1], inputs=())
    canvas.show_graph(build_graph([row]))
    assert press(canvas, "down", "enter", "up", "end") == ["fc"] * 4
    assert canvas.accessibleDescription() == (
        "fc, Linear, 512 → 6, 1000 → 6 classes, output 6, 3,078 parameters, learns."
    )
