"""What is said of layers, and of what a switch has changed."""

import pytest

from cnnstudio.core.config import Config
from cnnstudio.gui.layer_words import FIGURES, Before, changes, layer_figures, layer_state, same_layer, totals
from cnnstudio.models.create import outline
from cnnstudio.models.registry import card
from cnnstudio.models.summary import LayerRow, Summary, summarise


def config(arch: str, **switches: object) -> Config:
    found = Config().replace("model.arch", arch)
    for key, value in switches.items():
        found = found.replace(key.replace("__", "."), value)
    return found


def network(arch: str, **switches: object) -> Summary:
    return summarise(outline(config(arch, **switches), 6), image_size=card(arch).image_size)


def layer(summary: Summary, name: str) -> LayerRow:
    return next(row for row in summary.rows if row.name == name)


def test_totals_of_resnet18() -> None:
    words = totals(summarise(outline(config("resnet18"), 1000), image_size=224))
    assert words == (
        "11.7 M parameters, all learn · 3.63 GFLOPs · 22.6 MB of activations · 224 × 224 px, at least 1 × 1"
    )


def test_totals_say_how_much_learns() -> None:
    words = totals(network("efficientnet_lite0", transfer__mode="freeze"))
    assert words.startswith("3.38 M parameters, 7,686 learn · ")  # 1,280 · 6 + 6


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"model__batchnorm": False}, "Layers 68 → 48 · Parameters −4,800"),
        ({"model__dropout2d": 0.1}, "Layers 68 → 85"),
        ({"model__padding": "reflect"}, "Smallest input 1 → 33"),
        ({"transfer__mode": "freeze"}, "Learning 11.2 M → 3,078"),
    ],
)
def test_changes_of_one_switch(switches: dict[str, object], words: str) -> None:
    before = network("resnet18")
    after = network("resnet18", **switches)
    found = changes(before, after)
    for each in words.split(" · "):
        assert each in found.split(" · "), found


def test_without_padding_everything_shrinks() -> None:
    found = changes(network("compact"), network("compact", model__padding="valid"))
    shrunk = network("compact", model__padding="valid")
    last = [row for row in shrunk.rows if row.type == "Conv2d"][-1]
    assert f"Last maps 256 × 12² → 256 × {last.output_shape[-1]}²" in found
    assert "Parameters" not in found
    assert "Receptive field" not in found


def test_a_kernel_widens_the_receptive_field() -> None:
    assert "Receptive field 62 → 170" in changes(network("compact"), network("compact", model__kernel=7))


def test_nothing_changed_is_said_with_nothing() -> None:
    assert changes(network("compact"), network("compact")) == ""


def test_figures_of_a_layer() -> None:
    figures = layer_figures(layer(network("resnet18"), "layer2.0.conv1"))
    assert tuple(figures) == FIGURES
    assert figures == {
        "Output": "128 × 28²",
        "Kernel": "3×3 · stride 2 · same",
        "Parameters": "73,728",
        "FLOPs": "116 M",
        "Receptive field": "51 px",
        "Memory": "392.0 KB",  # 128 · 28 · 28 numbers of four bytes
    }
    head = layer_figures(layer(network("resnet18"), "fc"))
    assert (head["Kernel"], head["Output"], head["Memory"]) == ("512 → 6", "6", "24 B")
    assert layer_figures(layer(network("resnet18"), "maxpool"))["Parameters"] == "–"
    depthwise = layer_figures(layer(network("efficientnet_lite0"), "features.1.0.block.0.0"))
    assert depthwise["Kernel"] == "3×3 depthwise · stride 1 · same"


def test_the_replaced_layer_and_what_learns_are_told() -> None:
    frozen = network("efficientnet_lite0", transfer__mode="freeze")
    assert layer_state(layer(frozen, "classifier.1")) == "Linear · 1000 → 6 classes · learns"
    assert layer_state(layer(frozen, "features.0.0")) == "Conv2d · frozen"
    assert layer_state(layer(frozen, "avgpool")) == "AdaptiveAvgPool2d"


def test_a_layer_is_found_again_by_name_and_type() -> None:
    plain, norm = network("vgg11"), network("vgg11", model__batchnorm=True)
    conv = layer(plain, "features.3")
    assert conv.type == "Conv2d"
    assert layer(norm, "features.3").type == "MaxPool2d"
    assert same_layer(norm, conv) is None
    assert same_layer(plain, conv) is conv
    assert same_layer(None, conv) is None


def test_the_layers_before_the_latest_change_are_remembered() -> None:
    before = Before()

    def after(summary: Summary | None, **switches: object) -> Summary | None:
        before.take(config("compact", **switches), summary)
        return before.summary

    same, valid = network("compact"), network("compact", model__padding="valid")
    assert after(same) is None
    assert after(network("compact")) is None  # described again, nothing has changed
    assert after(valid, model__padding="valid") == same
    assert after(None, model__padding="valid", model__arch="no such thing") == same
    assert after(same) is valid
    # A switch that changes no figure counts too: the layers before are those of the switch before.
    assert after(network("compact", model__padding="circular"), model__padding="circular") is same
