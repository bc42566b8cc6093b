"""The same weights give the same logits as in torchvision."""

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from cnnstudio.models.catalogue import IMAGENET, Preprocessing
from cnnstudio.models.registry import card
from tests.models.random_weights import answers, bare, randomise

VGG = [(f"vgg{depth}", batchnorm) for depth in (11, 13, 16, 19) for batchnorm in (False, True)]
OTHERS = ["resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v3_large", "mobilenet_v3_small"]
CLOSE = 1e-5


def _theirs(name: str, size: int, **options: Any) -> nn.Module:
    with torch.device("meta"):
        network: nn.Module = getattr(torchvision.models, name)(**options)
    randomise(network, size)
    return network


def _check(theirs: nn.Module, images: Tensor, heads: int = 1, **switches: Any) -> None:
    ours = bare(**switches)
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    with torch.inference_mode():
        mine, other = answers(ours, images), answers(theirs, images)
    assert len(mine) == len(other) == heads
    for ours_, theirs_ in zip(mine, other, strict=True):
        assert ours_.shape == theirs_.shape == (len(images), 1000)
        assert 0.1 < theirs_.std() < 10  # of a size at which the tolerance means something
        assert (ours_ - theirs_).abs().max() <= CLOSE


@pytest.mark.parametrize(("arch", "batchnorm"), VGG, ids=lambda each: {True: "bn", False: ""}.get(each, each))
def test_vgg(arch: str, batchnorm: bool) -> None:
    theirs = _theirs(f"{arch}_bn" if batchnorm else arch, 64, init_weights=False)
    _check(theirs, torch.randn(2, 3, 64, 64), arch=arch, batchnorm=batchnorm)


@pytest.mark.parametrize("arch", OTHERS)
def test_residual_networks(arch: str) -> None:
    """At odd sizes, where strides leave a rest."""
    _check(_theirs(arch, 97), torch.randn(2, 3, 97, 97), arch=arch)


@pytest.mark.parametrize(
    ("arch", "size", "heads"),
    [("googlenet", 97, 3), ("inception_v3", 299, 2)],
)
def test_inception_networks_with_their_auxiliary_heads(arch: str, size: int, heads: int) -> None:
    """`transform_input` stays off, as images are normalised outside the network, by the card's mean and deviation."""
    theirs = _theirs(arch, size, init_weights=False, transform_input=False)
    _check(theirs, torch.randn(2, 3, size, size), heads, arch=arch)


@pytest.mark.parametrize(("arch", "size"), [("googlenet", 97), ("inception_v3", 75)])
def test_our_normalisation_is_what_transform_input_makes_of_theirs(arch: str, size: int) -> None:
    """The published weights come from TensorFlow: torchvision turns ImageNet's normalisation into (x - 0.5) / 0.5."""
    theirs = _theirs(arch, 299, init_weights=False, transform_input=True)
    ours = bare(arch=arch)
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    photo = torch.rand(2, 3, size, size)
    with torch.inference_mode():
        mine = ours(_normalised(photo, card(arch).preprocessing))
        torch.testing.assert_close(mine, theirs(_normalised(photo, IMAGENET)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("arch", ["resnet18", "googlenet", "mobilenet_v3_small"])
def test_gradients(arch: str) -> None:
    """In training mode, where BatchNorm goes by the batch, and through the auxiliary heads as well."""
    options = {"init_weights": False, "transform_input": False} if arch == "googlenet" else {}
    theirs = _theirs(arch, 64, **options)
    ours = bare(arch=arch)
    ours.load_state_dict({key: value.clone() for key, value in theirs.state_dict().items()}, strict=True, assign=True)
    images = torch.randn(4, 3, 64, 64)
    for network in (ours, theirs):
        for layer in network.train().modules():
            if isinstance(layer, nn.Dropout):
                layer.eval()
        torch.autograd.backward([logits.square().mean() for logits in answers(network, images)])
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-3, atol=1e-5, msg=name)


def _normalised(photo: Tensor, how: Preprocessing) -> Tensor:
    return (photo - torch.tensor(how.mean).view(3, 1, 1)) / torch.tensor(how.std).view(3, 1, 1)
