from dataclasses import replace

import pytest

from cnnstudio.gui.graph.blocks import Block, build_graph
from cnnstudio.gui.widgets.graph_words import block_tip, layer_tip, spoken
from tests.gui.graph.networks import Row, frozen_until, googlenet, resnet18, vgg16


def layer(name: str, rows: tuple[Row, ...] = resnet18()) -> Row:
    return next(row for row in rows if row.name == name)


def block(key: str, rows: tuple[Row, ...] = resnet18()) -> Block:
    return next(each for each in build_graph(rows).blocks if each.key == key)


def cells(tip: str) -> dict[str, str]:
    """Return the table of a tooltip."""
    rows = [row.split("</td>") for row in tip.partition("<table>")[2].split("<tr><td>")[1:]]
    return {row[0]: row[1].rpartition("&nbsp;")[2] for row in rows}


def test_a_tooltip_tells_a_layer_in_figures() -> None:
    tip = layer_tip(layer("layer2.0.conv1"))
    assert tip.startswith("<b>layer2.0.conv1</b><br>Conv2d · 3×3, stride 2, same · learns<table>")
    assert cells(tip) == {
        "Output": "128 × 28 × 28",
        "Kernel": "3×3",
        "Stride": "2",
        "Padding": "same",
        "Parameters": "73,728",
        "FLOPs": "116 M",
        "Receptive field": "75 px",
        "Activation": "392.0 KB",
    }


def test_a_tooltip_leaves_out_what_a_layer_has_not() -> None:
    tip = layer_tip(layer("layer2.0.relu"))
    assert tip.startswith("<b>layer2.0.relu</b><br>ReLU<table>")
    assert [*cells(tip)] == ["Output", "Receptive field", "Activation"]


def test_a_tooltip_tells_what_happened_to_a_layer() -> None:
    assert "Linear · 512 → 6 · 1000 → 6 classes · learns" in layer_tip(layer("fc"))
    assert "Linear · 512 → 6 · 1000 → 6 classes · frozen" in layer_tip(replace(layer("fc"), frozen=True))


def test_a_tooltip_sums_a_block_up() -> None:
    found = block("layer2.0")
    tip = block_tip(found)
    assert tip.startswith("<b>layer2.0</b><br>residual, projection · learns<table>")
    assert cells(tip)["Layers"] == "9"
    assert cells(tip)["Output"] == "128 × 28 × 28"
    assert cells(tip)["Parameters"] == f"{sum(row.parameters for row in found.rows):,}" == "230,144"
    assert cells(tip)["FLOPs"] == "361 M"


def test_a_block_without_parameters_costs_and_learns_nothing() -> None:
    found = block("avgpool")
    assert block_tip(found).startswith("<b>Global avg pool</b><br>avgpool<table>")
    assert [*cells(block_tip(found))] == ["Layers", "Output", "Activations"]


def test_names_are_no_markup() -> None:
    tip = layer_tip(replace(layer("fc"), name="<i>&fc", type="Linear<>", note="1 < 2"))
    assert "<b>&lt;i&gt;&amp;fc</b><br>Linear&lt;&gt; · 512 → 6 · 1 &lt; 2" in tip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("conv1", "conv1, Conv2d, 7×7, stride 2, same, output 64 × 112 × 112, 9,408 parameters, learns."),
        ("relu", "relu, ReLU, output 64 × 112 × 112."),
    ],
)
def test_a_layer_that_is_seen_is_spoken_of_as_itself(name: str, words: str) -> None:
    assert spoken(layer(name), block("conv1"), expanded=True) == words


def test_a_collapsed_block_is_spoken_of_as_one() -> None:
    rows = frozen_until(googlenet(), "inception4")
    assert spoken(layer("inception3a.concat", rows), block("inception3a", rows), expanded=False) == (
        "inception3a, inception, 4 branches, 20 layers, output 256 × 28 × 28, 155,872 parameters, frozen, collapsed."
    )
    assert spoken(vgg16()[0], block("conv1", vgg16()), expanded=False) == (
        "2 conv + pool, 5 layers, output 64 × 112 × 112, 38,592 parameters, learns, collapsed."
    )


def test_a_block_of_one_layer_is_spoken_of_as_that_layer() -> None:
    assert spoken(layer("fc"), block("fc"), expanded=False) == (
        "fc, Linear, 512 → 6, 1000 → 6 classes, output 6, 3,078 parameters, learns."
    )
