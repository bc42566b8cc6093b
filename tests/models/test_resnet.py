"""ResNet where it is not torchvision's: without padding and without BatchNorm."""

import torch
import torchvision
from torch import nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.registry import build
from cnnstudio.models.resnet import BasicBlock
from tests.models.random_weights import random_network


def test_torchvision_loads_our_weights() -> None:
    ours = random_network(64, arch="resnet18")
    theirs = torchvision.models.resnet18().eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert (ours(images) - theirs(images)).abs().max() <= 1e-5


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
