import pytest
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from tests.gui.graph.networks import googlenet, resnet18
from tests.gui.widgets.drawn import announced, at_layer, canvas_with, heads, press
from tests.gui.widgets.pointer import drag


@pytest.fixture
def canvas(qtbot: QtBot) -> GraphCanvas:
    return canvas_with(qtbot, resnet18())


def test_arrow_keys_follow_the_flow_through_blocks(canvas: GraphCanvas) -> None:
    assert press(canvas, "down", "down", "down", "down") == [
        "conv1",
        "layer1.0.conv1",
        "layer1.1.conv1",
        "layer2.0.conv1",
    ]
    assert press(canvas, "up", "up") == ["layer1.1.conv1", "layer1.0.conv1"]


def test_arrow_keys_follow_the_flow_inside_an_open_block(canvas: GraphCanvas) -> None:
    canvas.open_only(frozenset({"layer2.0"}), "layer2.0")
    canvas.select("layer1.1.conv1")
    inside = [f"layer2.0.{part}" for part in ("conv1", "bn1", "relu", "conv2", "bn2", "add", "relu2")]
    assert press(canvas, *["down"] * 8) == [*inside, "layer2.1.conv1"]
    assert press(canvas, *["up"] * 7) == inside[::-1]


def test_arrow_keys_reach_the_skip_connection(canvas: GraphCanvas) -> None:
    canvas.open_only(frozenset({"layer2.0"}), "layer2.0")
    canvas.select("layer2.0.conv2")
    assert press(canvas, "right", "up", "down", "down") == [
        "layer2.0.downsample.1",
        "layer2.0.downsample.0",
        "layer2.0.downsample.1",
        "layer2.0.add",
    ]
    assert press(canvas, "up", "up") == ["layer2.0.bn2", "layer2.0.conv2"]


def test_arrow_keys_go_across_branches(canvas: GraphCanvas) -> None:
    canvas.show_graph(build_graph(googlenet()))
    canvas.open_only(frozenset({"inception3a"}), "inception3a")
    canvas.select("inception3a.branch1.conv")
    assert press(canvas, "right", "right", "right") == [
        "inception3a.branch2.0.conv",
        "inception3a.branch3.0.conv",
        "inception3a.branch4.0",
    ]
    assert press(canvas, "left", "down", "down", "down")[-1] == "inception3a.branch3.1.conv"
    assert press(canvas, *["down"] * 3)[-1] == "inception3a.concat"


def test_arrow_keys_reach_an_auxiliary_head_and_come_back(canvas: GraphCanvas) -> None:
    canvas.show_graph(build_graph(googlenet()))
    canvas.select("inception4b.branch1.conv")
    assert press(canvas, "right", "up") == ["aux1.pool", "inception4a.branch1.conv"]


def test_home_and_end_lead_to_the_first_and_the_last_layer(canvas: GraphCanvas) -> None:
    assert press(canvas, "end", "home", "end") == ["fc", "conv1", "fc"]
    names = announced(canvas)
    press(canvas, "down")
    assert canvas.chosen == "fc"
    assert names == []


def test_every_key_that_moves_is_announced_once(canvas: GraphCanvas) -> None:
    names = announced(canvas)
    press(canvas, "home", "down", "enter")
    assert names == ["conv1", "layer1.0.conv1"]


def test_keys_bring_what_they_choose_into_sight(canvas: GraphCanvas) -> None:
    canvas.zoom(4)
    for key in ("home", "down", "down", "down", "end"):
        press(canvas, key)
        ring = canvas.scene_of_graph.ringed
        assert ring is not None
        assert canvas.viewport().rect().contains(canvas.viewportTransform().mapRect(ring).toRect())


def test_a_choice_from_elsewhere_is_ringed_and_brought_into_sight_without_a_signal(canvas: GraphCanvas) -> None:
    canvas.zoom(4)
    names = announced(canvas)
    canvas.select("layer4.1.bn2")
    assert names == []
    assert canvas.chosen == "layer4.1.bn2"
    assert canvas.viewport().rect().contains(at_layer(canvas, "layer4.1.bn2"))
    canvas.select("no such layer")
    assert canvas.chosen == ""
    assert canvas.scene_of_graph.ringed is None


def test_choosing_the_same_again_does_not_pull_the_canvas_back(canvas: GraphCanvas) -> None:
    canvas.zoom(4)
    canvas.select("layer1.0.conv1")
    drag(canvas, QPoint(100, 500), QPoint(400, 100))
    before = heads(canvas)
    canvas.select("layer1.0.conv1")
    assert heads(canvas) == before


def test_the_ring_follows_a_layer_into_its_block_and_out_of_it(canvas: GraphCanvas) -> None:
    canvas.select("layer1.0.bn2")
    whole = canvas.scene_of_graph.ringed
    assert whole is not None
    press(canvas, "enter")
    ring = canvas.scene_of_graph.ringed
    assert ring is not None
    assert ring.height() < whole.height() / 2
    press(canvas, "enter")
    assert canvas.scene_of_graph.ringed == whole
    assert canvas.chosen == "layer1.0.bn2"


def test_screen_readers_hear_what_is_chosen(canvas: GraphCanvas) -> None:
    assert canvas.accessibleName() == "Network"
    assert canvas.accessibleDescription() == "11 blocks from the image to the answer."
    canvas.select("layer2.0.conv1")
    assert canvas.accessibleDescription() == (
        "layer2.0, residual, projection, 9 layers, output 128 × 28 × 28, 230,144 parameters, learns, collapsed."
    )
    press(canvas, "enter")
    assert canvas.accessibleDescription() == (
        "layer2.0.conv1, Conv2d, 3×3, stride 2, same, output 128 × 28 × 28, 73,728 parameters, learns."
    )
