import pytest

from cnnstudio.core.config import Config
from cnnstudio.gui.filter_layers import convolution_for, convolutions, stages
from cnnstudio.models.create import outline
from cnnstudio.models.summary import Summary, summarise, watchable


@pytest.fixture(scope="module")
def resnet() -> tuple[tuple[str, ...], Summary]:
    network = outline(Config().replace("model.arch", "resnet18"), 2)
    return watchable(network), summarise(network, image_size=64)


def test_only_convolutions_have_filters(resnet: tuple[tuple[str, ...], Summary]) -> None:
    layers, summary = resnet
    names = convolutions(layers, summary)
    assert set(layers) - set(names) == {"maxpool", "layer1", "layer2", "layer3", "layer4"}
    assert names[:2] == ("conv1", "layer1.0.conv1")
    assert "maxpool" in convolutions(layers, None)  # what it is cannot be told from its name
    assert "layer1" not in convolutions(layers, None)


def test_stages_are_those_of_the_same_network_only(resnet: tuple[tuple[str, ...], Summary]) -> None:
    layers, summary = resnet
    of = stages(convolutions(layers, summary), summary)
    assert (of["conv1"], of["layer3.0.downsample.0"]) == ("stem", "layer3")
    assert stages(("conv1", "features.0"), summary) == {}
    assert stages(("conv1",), None) == {}


@pytest.mark.parametrize(
    ("layer", "name", "why"),
    [
        ("layer2.1.conv2", "layer2.1.conv2", ""),
        ("layer2", "layer2.0.conv1", "the first convolution of layer2"),
        ("layer2.1", "layer2.1.conv1", "the first convolution of layer2.1"),
        ("bn1", "conv1", "the convolution before bn1"),
        ("fc", "", ""),
        ("nowhere", "", ""),
    ],
)
def test_a_convolution_stands_for_a_block_or_the_layers_behind_it(
    resnet: tuple[tuple[str, ...], Summary], layer: str, name: str, why: str
) -> None:
    layers, summary = resnet
    assert convolution_for(layer, convolutions(layers, summary), summary) == (name, why)


def test_before_the_first_convolution_there_is_none(resnet: tuple[tuple[str, ...], Summary]) -> None:
    assert convolution_for("bn1", ("layer1.0.conv1",), resnet[1]) == ("", "")
    assert convolution_for("bn1", ("conv1",), None) == ("", "")
