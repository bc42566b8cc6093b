from collections.abc import Callable
from dataclasses import replace

import pytest

from cnnstudio.gui.graph.blocks import Block, Graph, build_graph
from cnnstudio.gui.graph.units import IMAGE
from tests.gui.graph.networks import (
    Builder,
    Row,
    frozen_until,
    googlenet,
    mobile,
    resnet18,
    resnet101,
    vgg16,
)

ALL = (vgg16, resnet18, resnet101, googlenet, mobile)


def find(graph: Graph, key: str) -> Block:
    return next(each for each in graph.blocks if each.key == key)


@pytest.mark.parametrize("build", ALL)
def test_every_layer_is_in_one_block(build: Callable[[], tuple[Row, ...]]) -> None:
    rows = build()
    graph = build_graph(rows)
    assert [row for each in graph.blocks for row in each.rows] == list(rows)
    assert len({each.key for each in graph.blocks}) == len(graph.blocks)
    assert [graph.blocks[each].rows[row - graph.blocks[each].first] for row, each in enumerate(graph.block_of)] == [
        *rows
    ]


@pytest.mark.parametrize(
    ("rows", "key", "title", "kind"),
    [
        (vgg16(), "conv3", "3 conv + pool", "7 layers"),
        (vgg16(), "classifier", "pool + 3 linear", "1000 → 6 classes"),
        (resnet18(), "conv1", "conv + pool", "4 layers"),
        (resnet18(), "layer1.0", "layer1.0", "residual block"),
        (resnet18(), "layer2.0", "layer2.0", "residual, projection"),
        (resnet18(), "avgpool", "Global avg pool", "avgpool"),
        (resnet18(), "fc", "Linear", "1000 → 6 classes"),
        (resnet101(), "layer3.4", "layer3.4", "bottleneck"),
        (resnet101(), "layer3.0", "layer3.0", "bottleneck, projection"),
        (googlenet(), "inception4a", "inception4a", "inception, 4 branches"),
        (googlenet(), "inception3", "Max pool 3×3 /2", "maxpool3"),
        (googlenet(), "aux1", "aux1", "classifier, 8 layers"),
        (mobile(), "features.1", "features.1", "inverted residual + SE"),
    ],
)
def test_blocks_say_what_they_are(rows: tuple[Row, ...], key: str, title: str, kind: str) -> None:
    found = find(build_graph(rows), key)
    assert (found.title, found.kind) == (title, kind)


def test_plain_chains_say_what_they_consist_of() -> None:
    net = Builder()
    net.at("mlpconv1")
    for name, side in (("a", 5), ("b", 1), ("c", 1)):
        net.conv(name, 96, side)
        net.relu(f"{name}.relu")
    net.pool("pool")
    net.at("odd")
    net.add("flatten", "Flatten")
    net.add("softmax", "Softmax")
    assert [each.title for each in build_graph(net.rows).blocks] == ["mlpconv + pool", "2 layers"]


def test_auxiliary_heads_stand_beside_the_way_to_the_answer() -> None:
    graph = build_graph(googlenet())
    assert [each.key for each in graph.blocks if each.side] == ["aux1", "aux2"]
    place = [each.key for each in graph.blocks]
    assert find(graph, "aux1").inputs == (place.index("inception4a"),)
    assert find(graph, "inception4b").inputs == (place.index("inception4a"),)


def test_auxiliary_heads_are_known_even_where_they_come_last() -> None:
    rows = googlenet()
    late = [row for row in rows if row.block.startswith("aux")]
    graph = build_graph([*(row for row in rows if row not in late), *late])
    assert [each.key for each in graph.blocks if each.side] == ["aux1", "aux2"]
    assert not find(graph, "fc").side


def test_layers_of_a_stage_around_its_blocks_are_two_blocks() -> None:
    keys = [each.key for each in build_graph(mobile()).blocks]
    assert keys == ["features", "features.1", "features.2", "features (2)", "classifier"]


def test_a_name_that_is_used_twice_means_the_latest_layer() -> None:
    net = Builder()
    net.at("stage")
    for name in ("conv1", "conv2"):
        net.conv(name, 8)
        net.relu("relu")
    assert build_graph(net.rows).inputs == ((IMAGE,), (0,), (1,), (2,))


def test_frozen_and_learning_blocks() -> None:
    graph = build_graph(frozen_until(resnet18(), "layer3"))
    frozen = {each.key for each in graph.blocks if each.frozen}
    learning = {each.key for each in graph.blocks if each.learning}
    assert frozen == {"conv1", "layer1.0", "layer1.1", "layer2.0", "layer2.1"}
    assert learning == {"layer3.0", "layer3.1", "layer4.0", "layer4.1", "fc"}


def test_a_block_has_the_figures_of_its_layers() -> None:
    found = find(build_graph(resnet18()), "layer2.0")
    assert found.parameters == 64 * 128 * 9 + 128 * 128 * 9 + 64 * 128 + 3 * 256
    assert found.output_shape == (128, 28, 28)
    assert found.expandable


def test_an_unknown_input_is_taken_for_the_image() -> None:
    rows = [replace(row, inputs=("nowhere",)) if row.name == "conv1" else row for row in resnet18()]
    assert build_graph(rows).inputs[0] == (IMAGE,)
