"""The same layer in the same network with other switches."""

from typing import Any

import pytest
import torch

from cnnstudio.core.config import ModelConfig
from cnnstudio.models import registry
from cnnstudio.models.network import Network
from cnnstudio.models.places import Place, counterpart, inside, places
from cnnstudio.models.registry import ArchCard, cards


def network(arch: str, **switches: Any) -> Network:
    with torch.device("meta"):
        return registry.build(ModelConfig(arch=arch, **switches), classes=6)


def test_places_are_counted_in_each_stage() -> None:
    found = places(network("vgg16", batchnorm=True))
    assert list(found)[:4] == ["features.0", "features.1", "features.2", "features.3"]
    assert found["features.3"] == Place("stage1", "Conv2d", 1)
    assert found["features.4"] == Place("stage1", "BatchNorm2d", 1)
    assert found["features.7"] == Place("stage2", "Conv2d", 0)


def test_auxiliary_heads_are_counted_apart() -> None:
    with_heads, without = places(network("googlenet")), places(network("googlenet", aux=0.0))
    assert with_heads["aux1.conv.conv"] == Place("aux1", "Conv2d", 0)
    assert without == {path: place for path, place in with_heads.items() if not path.startswith("aux")}


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.name)
def test_no_switch_moves_a_convolution(card: ArchCard) -> None:
    def convolutions(**switches: Any) -> list[Place]:
        return [place for place in places(network(card.name, **switches)).values() if place.kind == "Conv2d"]

    assert convolutions() == convolutions(batchnorm=not card.batchnorm, dropout2d=0.2, padding="reflect")


@pytest.mark.parametrize(
    ("layer", "without"),
    [
        ("features.3", "features.2"),  # the second convolution
        ("features.4", "features.2"),  # its BatchNorm, which has vanished
        ("features.5", "features.3"),  # the ReLU behind it
        ("features.6", "features.4"),  # the pooling
        ("classifier.6", "classifier.6"),
    ],
)
def test_positional_keys_shift_with_batchnorm(layer: str, without: str) -> None:
    assert counterpart(layer, network("vgg16", batchnorm=True), network("vgg16", batchnorm=False)) == without


@pytest.mark.parametrize(
    ("layer", "without"),
    [
        ("act1", "act1"),  # the slot of ReLU and Dropout2d
        ("act1.0", "act1"),
        ("act1.1", "act1"),
        ("layer2.0.dropout", "layer2.0.bn2"),
        ("layer2", "layer2"),
        ("layer2.0", "layer2.0"),
    ],
)
def test_dropout_makes_a_slot_of_two(layer: str, without: str) -> None:
    assert counterpart(layer, network("resnet18", dropout2d=0.1), network("resnet18")) == without


def test_what_is_nowhere_has_no_counterpart() -> None:
    deep, flat = network("compact"), network("compact", depth=1)
    assert counterpart("conv1", deep, flat) is None
    assert counterpart("features.9", deep, flat) == "features.3"  # a later stage: the last layer before it that is left
    resnet = network("resnet18", batchnorm=False)
    assert counterpart("bn1", resnet, resnet) is None  # a module that does nothing is no layer


def test_a_module_consists_of_the_layers_below_its_path() -> None:
    known = places(network("resnet18"))
    assert inside("layer1.0", known) == [
        f"layer1.0.{name}" for name in ("conv1", "bn1", "act1", "conv2", "bn2", "add", "relu")
    ]
    assert inside("layer", known) == []
