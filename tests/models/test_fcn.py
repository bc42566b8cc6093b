"""A classifier as convolutions: the same answer at 224 pixels, and a map of answers at any other size."""

from typing import Any

import pytest
import torch

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build
from cnnstudio.models.weights import load_state
from tests.models.random_weights import bare, random_network

LOGITS_AGREE = 1e-4
FORMS = pytest.mark.parametrize(
    "switches", [{"arch": "fcn_vgg16"}, {"arch": "vgg16", "head": "convolutional"}], ids=str
)


@pytest.fixture(scope="module")
def vgg16() -> Network:
    torch.manual_seed(0)
    return random_network(64, arch="vgg16")


@FORMS
def test_vgg16_and_its_convolutional_form_agree(vgg16: Network, switches: dict[str, Any]) -> None:
    network = bare(**switches).to_empty(device="cpu").eval()
    report = load_state(network, vgg16.state_dict(), "weights.pth")
    assert report.missing == report.skipped == ()
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        expected, found = vgg16(images), network(images)
    assert 0.1 < expected.std() < 10
    assert (found - expected).abs().max() <= LOGITS_AGREE


def _halved(side: int) -> int:
    """Convolutions of 3 with a border of 1 keep the size, five poolings of 2 halve it, a kernel of 7 takes off 6."""
    for _ in range(5):
        side //= 2
    return side - 6


@FORMS
@pytest.mark.parametrize(("height", "width"), [(224, 224), (480, 640), (255, 257)])
def test_the_heat_map_has_a_place_for_each_window(switches: dict[str, Any], height: int, width: int) -> None:
    with torch.device("meta"):
        network = build(ModelConfig.model_validate(switches), classes=5).eval()
        images = torch.empty(1, 3, height, width)
    assert network.fully_convolutional
    assert _halved(480) == 480 // 32 - 6 == 9
    assert network.heat_map(images).shape == (1, 5, _halved(height), _halved(width))
    assert network(images).shape == (1, 5)


@pytest.mark.parametrize(("arch", "size"), [("compact", 64), pytest.param("fcn_vgg16", 224, marks=pytest.mark.slow)])
def test_the_logit_is_the_mean_of_the_heat_map(arch: str, size: int) -> None:
    network = random_network(size, classes=3, arch=arch, head="convolutional")
    images = torch.randn(1, 3, size + 32, size + 64)
    with torch.inference_mode():
        maps = network.heat_map(images)
        torch.testing.assert_close(network(images), maps.mean((2, 3)))
    assert maps.flatten(2).std(2).min() > 0  # the maps are not flat


def test_without_padding_each_place_is_the_answer_to_its_window() -> None:
    network = random_network(64, classes=3, arch="compact", head="convolutional", padding="valid", depth=2, width=8)
    images = torch.randn(1, 3, 60, 60)
    with torch.inference_mode():
        maps = network.heat_map(images)
        window = next(side for side in range(1, 60) if _fits(network, side))
        for row, column in ((0, 0), (3, 5), (maps.shape[2] - 1, maps.shape[3] - 1)):
            top, left = 4 * row, 4 * column  # two stages halve the size twice
            alone = network(images[..., top : top + window, left : left + window])
            torch.testing.assert_close(maps[..., row, column], alone)


def _fits(network: Network, side: int) -> bool:
    try:
        return network.heat_map(torch.zeros(1, 3, side, side)).shape[2:] == (1, 1)
    except RuntimeError:
        return False


@pytest.mark.parametrize("arch", ["resnet18", "vgg16", "nin"])
def test_other_networks_are_not_fully_convolutional(arch: str) -> None:
    network = bare(arch=arch)
    assert not network.fully_convolutional
    with pytest.raises((NotImplementedError, AssertionError)):
        network.heat_map(torch.empty(1, 3, 224, 224, device="meta"))
