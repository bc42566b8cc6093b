import pytest

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.drawing import Drawing
from cnnstudio.gui.graph.walk import step
from tests.gui.graph.networks import Row, googlenet, resnet18


def walk(rows: tuple[Row, ...], start: str, *commands: str, opened: tuple[str, ...] = ()) -> str | None:
    picture = Drawing(build_graph(rows)).opened(opened).wrapped(1150, 650).picture
    row = picture.graph.find(start)
    for command in commands:
        row = step(picture, row, command)
    return None if row is None else picture.graph.rows[row].name


def test_down_and_up_follow_the_flow_of_collapsed_blocks() -> None:
    rows = resnet18()
    assert walk(rows, "conv1", "down") == "layer1.0.conv1"
    assert walk(rows, "conv1", *["down"] * 8) == "layer4.1.conv1"
    assert walk(rows, "layer2.0.conv1", "up") == "layer1.1.conv1"
    assert walk(rows, "layer2.0.bn2", "down") == "layer2.1.conv1"
    assert walk(rows, "conv1", "up") is None
    assert walk(rows, "fc", "down") is None


def test_down_goes_through_the_layers_of_an_open_block() -> None:
    rows = resnet18()
    names = [walk(rows, "conv1", *["down"] * count, opened=("layer1.0",)) for count in (1, 2, 4, 6, 7, 8)]
    steps = ("conv1", "bn1", "conv2", "add", "relu2")
    assert names == [*(f"layer1.0.{each}" for each in steps), "layer1.1.conv1"]
    assert walk(rows, "layer1.0.add", "up", opened=("layer1.0",)) == "layer1.0.bn2"


def test_left_and_right_go_to_the_next_branch() -> None:
    rows, opened = googlenet(), ("inception3a",)
    assert walk(rows, "inception3a.branch1.conv", "right", opened=opened) == "inception3a.branch2.0.conv"
    assert walk(rows, "inception3a.branch3.0.bn", "left", opened=opened) == "inception3a.branch2.0.bn"


def test_left_and_right_go_to_the_next_column() -> None:
    rows = resnet18()
    assert walk(rows, "conv1", "right") == "layer2.0.conv1"
    assert walk(rows, "layer4.0.conv1", "left") == "layer2.0.conv1"
    assert walk(rows, "conv1", "left") is None


def test_the_way_down_passes_auxiliary_heads_by() -> None:
    rows = googlenet()
    assert walk(rows, "inception4a.concat", "down") == "inception4b.branch1.conv"
    assert walk(rows, "inception4b.concat", "right") == "aux1.pool"
    assert walk(rows, "aux1.fc2", "up") == "inception4a.branch1.conv"
    assert walk(rows, "aux1.fc2", "down") is None


@pytest.mark.parametrize("command", ["up", "down", "left", "right", "first"])
def test_from_nowhere_every_key_leads_to_the_first_layer(command: str) -> None:
    assert walk(resnet18(), "nowhere", command) == "conv1"


def test_home_and_end() -> None:
    assert walk(googlenet(), "aux1.fc1", "last") == "avgpool"
    assert walk(googlenet(), "aux1.fc1", "last", opened=("fc",)) == "fc"
    assert walk(googlenet(), "aux1.fc1", "first") == "conv1.conv"
