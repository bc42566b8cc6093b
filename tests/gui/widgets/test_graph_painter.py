import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.picture import Picture, Placed
from cnnstudio.gui.theme import DARK, LIGHT, Tokens
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from cnnstudio.gui.widgets.graph_style import GraphStyle, rectf
from tests.gui.graph.networks import frozen_until, resnet18

BOTH = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


@pytest.fixture
def canvas(qtbot: QtBot) -> GraphCanvas:
    """Return a canvas of 1400 × 800 pixels with ResNet-18, whose first three stages are frozen."""
    canvas = GraphCanvas(GraphStyle(LIGHT))
    canvas.resize(1400, 800)
    qtbot.addWidget(canvas)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.show_graph(build_graph(frozen_until(resnet18(), "layer3")))
    return canvas


class Look:
    """A canvas as it is painted.

    Attributes:
        picture: What it shows.
    """

    def __init__(self, canvas: GraphCanvas) -> None:
        assert canvas.drawing is not None
        self.picture: Picture = canvas.drawing.picture
        self._canvas = canvas
        self._image: QImage = canvas.viewport().grab().toImage()

    def block(self, key: str) -> Placed:
        return self.picture.by_key[key]

    def colour(self, x: float, y: float) -> QColor:
        """Return what is painted at a point of the scene."""
        return self._image.pixelColor(self._canvas.viewportTransform().map(QPointF(x, y)).toPoint())

    def bar(self, key: str) -> QColor:
        """Return the colour of the bar at the left of a block, which tells whether it learns."""
        rect = self.block(key).rect
        return self.colour(rect.x + 4.5, rect.y + 20)

    def ground(self, key: str) -> QColor:
        """Return the ground of a block."""
        rect = self.block(key).rect
        return self.colour(rect.right - 4, rect.y + 6)

    def band(self, number: int) -> QColor:
        rect = self.picture.bands[number].rect
        return self.colour(rect.x + 5, rect.bottom - 6)


def frozen_tint(ground: str, tokens: Tokens) -> QColor:
    """Return a ground with 12 % of the colour of what is frozen."""
    below, above = QColor(ground), QColor(tokens.frozen)
    return QColor(
        round(0.88 * below.red() + 0.12 * above.red()),
        round(0.88 * below.green() + 0.12 * above.green()),
        round(0.88 * below.blue() + 0.12 * above.blue()),
    )


@BOTH
@pytest.mark.parametrize("opened", [False, True])
def test_frozen_and_learning_blocks_and_stages_have_their_colours(
    canvas: GraphCanvas, tokens: Tokens, opened: bool
) -> None:
    canvas.set_style(GraphStyle(tokens))
    canvas.fit_all(frozenset({"layer1.0", "layer4.1"}) if opened else None)
    look = Look(canvas)
    for key in ("conv1", "layer1.0", "layer2.1"):
        assert look.bar(key) == QColor(tokens.frozen)
        assert look.ground(key) == frozen_tint(tokens.card, tokens)
    for key in ("layer3.0", "layer4.1", "fc"):
        assert look.bar(key) == QColor(tokens.learning)
        assert look.ground(key) == QColor(tokens.card)
    titles = [band.title for band in look.picture.bands]
    assert look.band(titles.index("layer2")) == frozen_tint(tokens.ground, tokens)
    assert look.band(titles.index("layer3")) == QColor(tokens.ground)


def test_a_block_without_parameters_neither_learns_nor_is_frozen(canvas: GraphCanvas) -> None:
    look = Look(canvas)
    assert look.bar("avgpool") == look.ground("avgpool") == QColor(LIGHT.card)


@BOTH
@pytest.mark.parametrize("key", ["layer1.1", "layer2.0"])
def test_skip_connections_have_the_accent_with_gaps_where_they_are_projected(
    canvas: GraphCanvas, tokens: Tokens, key: str
) -> None:
    canvas.set_style(GraphStyle(tokens))
    canvas.zoom(3 / canvas.magnification)
    block = Look(canvas).block(key)
    canvas.reveal(rectf(block.rect.grown(24)))
    look = Look(canvas)
    arc = next(
        line
        for line in look.picture.lines
        if line.plus and line.plus[0] == block.axis and line.points[1][1] < block.rect.y < line.plus[1]
    )
    (_, _), (x, top), (_, bottom), _ = arc.points
    accents = [look.colour(x, y) == QColor(tokens.accent) for y in range(round(top) + 12, round(bottom) - 12)]
    assert arc.projected == (key == "layer2.0")
    assert 0.4 < sum(accents) / len(accents) < 0.8 if arc.projected else all(accents)
    straight = look.colour(block.axis, block.rect.y - 10)
    assert straight not in [QColor(tokens.accent), QColor(tokens.ground)]


@BOTH
def test_layers_of_an_open_block_have_the_colours_of_their_kinds(canvas: GraphCanvas, tokens: Tokens) -> None:
    style = GraphStyle(tokens)
    canvas.set_style(style)
    canvas.fit_all(frozenset({"layer2.0"}))
    canvas.zoom(1 / canvas.magnification)
    canvas.select("layer2.0.relu")
    look = Look(canvas)
    plain = [cell for cell in look.block("layer2.0").cells if not cell.sign]
    assert len(plain) == 8
    for cell in plain:
        assert look.colour(cell.rect.x + 5, cell.rect.centre[1]) == style.kinds[cell.kind]


@BOTH
def test_the_ring_of_the_chosen_layer_has_the_accent(canvas: GraphCanvas, tokens: Tokens) -> None:
    canvas.set_style(GraphStyle(tokens))
    canvas.select("layer4.1.conv1")
    ring = canvas.scene_of_graph.ringed
    assert ring is not None
    look = Look(canvas)
    assert look.colour(ring.left(), ring.center().y()) == QColor(tokens.accent)
    assert look.colour(ring.right(), ring.center().y()) == QColor(tokens.accent)


def test_a_block_under_the_mouse_is_outlined_more_strongly(canvas: GraphCanvas) -> None:
    canvas.zoom(3 / canvas.magnification)
    canvas.select("conv1")
    rect = Look(canvas).block("conv1").rect
    assert Look(canvas).colour(rect.right, rect.centre[1]) == QColor(LIGHT.edge)
    canvas.scene_of_graph.hover("conv1")
    assert Look(canvas).colour(rect.right, rect.centre[1]) == QColor(LIGHT.muted)
    canvas.scene_of_graph.hover("")
    assert Look(canvas).colour(rect.right, rect.centre[1]) == QColor(LIGHT.edge)
