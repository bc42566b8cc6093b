"""ResNet against torchvision's."""

import pytest
import torch
import torchvision
from torch import nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.registry import build
from cnnstudio.models.resnet import BasicBlock


def _with_random_statistics(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


@pytest.mark.parametrize("size", [224, 97])
def test_resnet18_gives_torchvisions_logits(size: int) -> None:
    theirs = _with_random_statistics(torchvision.models.resnet18()).eval()
    ours = build(ModelConfig(arch="resnet18"), classes=1000).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        assert (ours(images) - theirs(images)).abs().max() <= 1e-5


def test_torchvision_loads_our_weights() -> None:
    ours = _with_random_statistics(build(ModelConfig(arch="resnet18"), classes=1000)).eval()
    theirs = torchvision.models.resnet18().eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert (ours(images) - theirs(images)).abs().max() <= 1e-5


def test_gradients_agree_with_torchvision() -> None:
    theirs = torchvision.models.resnet18()
    ours = build(ModelConfig(arch="resnet18"), classes=1000)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    images = torch.randn(4, 3, 64, 64)
    for network in (ours, theirs):
        network.train()(images).square().mean().backward()
    mine, other = ours.get_parameter("conv1.weight").grad, theirs.conv1.weight.grad
    assert mine is not None
    torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_without_padding_the_skip_connection_is_cropped_around_the_centre() -> None:
    block = BasicBlock(4, 4, 1, ModelConfig(padding="valid", batchnorm=False)).eval()
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    image = torch.rand(1, 4, 9, 9)
    torch.testing.assert_close(block(image), image[..., 2:7, 2:7])


def test_without_batchnorm_the_logits_keep_their_size() -> None:
    network = build(ModelConfig(arch="resnet18", batchnorm=False), classes=10).eval()
    with torch.inference_mode():
        logits = network(torch.randn(8, 3, 64, 64))
    assert 0.01 < logits.std() < 10
