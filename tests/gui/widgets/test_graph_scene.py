import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cnnstudio.gui.graph.picture import Placed
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from cnnstudio.gui.widgets.graph_scene import GraphScene
from cnnstudio.gui.widgets.graph_style import Detail, GraphStyle
from tests.gui.graph.networks import resnet18
from tests.gui.widgets.drawn import GROUND, at_block, canvas_with, click, press
from tests.gui.widgets.pointer import drag, wheel


@pytest.fixture
def canvas(qtbot: QtBot) -> GraphCanvas:
    return canvas_with(qtbot, resnet18())


@pytest.mark.parametrize(
    ("scale", "detail"),
    [
        (1.0, Detail.ALL),
        (0.67, Detail.ALL),
        (0.5, Detail.SHORT),
        (0.4, Detail.TITLES),
        (0.25, Detail.NAMES),
        (0.1, Detail.SHAPES),
    ],
)
def test_what_would_be_too_small_to_read_is_left_out(canvas: GraphCanvas, scale: float, detail: Detail) -> None:
    canvas.open_only(frozenset({"layer2.0", "layer1.0"}), "layer2.0")
    canvas.zoom(scale / canvas.magnification)
    assert canvas.scene_of_graph.detail == detail
    canvas.grab()


def test_fewer_words_are_written_the_farther_away_they_are(
    canvas: GraphCanvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = GraphStyle.words

    def note(
        style: GraphStyle, painter: QPainter, area: QRectF, text: str, colour: str, pixels: int, **named: bool
    ) -> None:
        written.append(text)
        write(style, painter, area, text, colour, pixels, **named)

    monkeypatch.setattr(GraphStyle, "words", note)
    canvas.fit_all(frozenset({"layer2.0"}))
    words: list[set[str]] = []
    for scale in (0.7, 0.5, 0.4, 0.25, 0.1):
        canvas.zoom(scale / canvas.magnification)
        written.clear()
        canvas.grab()
        words.append(set(written))
    everything, short, titles, names, shapes = words
    assert {"residual, projection", "128 × 28²", "Conv 3×3 /2", "layer1.0"} <= everything
    assert {"layer1.0", "Conv 3×3 /2", "BatchNorm", "64 × 56²"} <= short
    assert not {"residual, projection", "230 K"} & short
    assert {"layer1.0", "layer1", "layer2.0"} <= titles
    assert "64 × 56²" not in titles
    assert names == {"layer2.0"}
    assert shapes == set()


def test_moving_the_canvas_builds_nothing(canvas: GraphCanvas, monkeypatch: pytest.MonkeyPatch) -> None:
    assert canvas.drawing is not None
    picture, items = canvas.drawing.picture, canvas.scene_of_graph.items()

    def fail(*_: object) -> None:
        pytest.fail("the picture was built again")

    monkeypatch.setattr(GraphScene, "show_picture", fail)
    drag(canvas, QPoint(100, 500), QPoint(400, 100))
    wheel(canvas, QPointF(300, 300), 2)
    QTest.keyClick(canvas, Qt.Key.Key_Minus)
    press(canvas, "home", "down", "right")
    click(canvas, at_block(canvas, "layer1.0"))
    canvas.select("layer4.1.bn2")
    canvas.grab()
    assert canvas.drawing.picture is picture
    assert canvas.scene_of_graph.items() == items


def test_pointing_at_a_block_paints_no_other(
    canvas: GraphCanvas, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[tuple[str, bool]] = []

    def note(_painter: object, block: Placed, *_: object, hovered: bool) -> None:
        painted.append((block.block.key, hovered))

    QApplication.processEvents()
    monkeypatch.setattr("cnnstudio.gui.widgets.graph_scene.paint_block", note)
    QTest.mouseMove(canvas.viewport(), at_block(canvas, "layer3.0"))
    qtbot.waitUntil(lambda: bool(painted))
    assert painted == [("layer3.0", True)]
    painted.clear()
    QTest.mouseMove(canvas.viewport(), GROUND)
    qtbot.waitUntil(lambda: bool(painted))
    assert painted == [("layer3.0", False)]
