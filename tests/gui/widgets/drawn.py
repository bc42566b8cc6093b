"""A drawn network and what a user does with it."""

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.picture import Placed
from cnnstudio.gui.theme import LIGHT
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from cnnstudio.gui.widgets.graph_painter import chevron_of
from cnnstudio.gui.widgets.graph_style import GraphStyle
from tests.gui.graph.networks import Row
from tests.gui.widgets.pointer import LEFT, double_click

KEYS = {
    "down": Qt.Key.Key_Down,
    "up": Qt.Key.Key_Up,
    "left": Qt.Key.Key_Left,
    "right": Qt.Key.Key_Right,
    "home": Qt.Key.Key_Home,
    "end": Qt.Key.Key_End,
    "enter": Qt.Key.Key_Return,
}
GROUND = QPoint(4, 4)


def canvas_with(qtbot: QtBot, rows: tuple[Row, ...]) -> GraphCanvas:
    """Return a canvas of 1100 × 600 pixels with a network."""
    canvas = GraphCanvas(GraphStyle(LIGHT))
    canvas.resize(1100, 600)
    qtbot.addWidget(canvas)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.show_graph(build_graph(rows))
    return canvas


def placed(canvas: GraphCanvas, key: str) -> Placed:
    assert canvas.drawing is not None
    return canvas.drawing.picture.by_key[key]


def opened(canvas: GraphCanvas) -> set[str]:
    assert canvas.drawing is not None
    return set(canvas.drawing.expanded)


def at_block(canvas: GraphCanvas, key: str) -> QPoint:
    """Return where the middle of a block is seen."""
    return canvas.mapFromScene(QPointF(*placed(canvas, key).rect.centre))


def at_chevron(canvas: GraphCanvas, key: str) -> QPoint:
    return canvas.mapFromScene(chevron_of(placed(canvas, key)).center())


def at_layer(canvas: GraphCanvas, name: str) -> QPoint:
    assert canvas.drawing is not None
    row = canvas.drawing.graph.find(name)
    assert row is not None
    return canvas.mapFromScene(QPointF(*canvas.drawing.picture.rect_of(row).centre))


def head(canvas: GraphCanvas, key: str) -> tuple[float, float]:
    """Return where the input of a block is seen."""
    block = placed(canvas, key)
    shown = canvas.viewportTransform().map(QPointF(block.axis, block.rect.y))
    return shown.x(), shown.y()


def heads(canvas: GraphCanvas) -> dict[str, tuple[float, float]]:
    assert canvas.drawing is not None
    return {key: head(canvas, key) for key in canvas.drawing.keys}


def press(canvas: GraphCanvas, *keys: str) -> list[str]:
    """Press keys; return the layer that is chosen after each."""
    chosen = []
    for key in keys:
        QTest.keyClick(canvas, KEYS[key])
        chosen.append(canvas.chosen)
    return chosen


def announced(canvas: GraphCanvas) -> list[str]:
    """Return a list that grows with the layers that are announced."""
    names: list[str] = []
    canvas.layer_chosen.connect(names.append)
    return names


def click(canvas: GraphCanvas, place: QPoint) -> None:
    QTest.mouseClick(canvas.viewport(), LEFT, pos=place)


def by_double_click(canvas: GraphCanvas, key: str) -> None:
    double_click(
        canvas, at_block(canvas, key) if key not in opened(canvas) else at_chevron(canvas, key) + QPoint(60, 0)
    )


def by_enter(canvas: GraphCanvas, key: str) -> None:
    canvas.select(placed(canvas, key).block.rows[0].name)
    press(canvas, "enter")


def by_chevron(canvas: GraphCanvas, key: str) -> None:
    click(canvas, at_chevron(canvas, key))
