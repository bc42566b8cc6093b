"""Every architecture on a CUDA device: pretended everywhere, real where there is one."""

from typing import get_args

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from cnnstudio.core.config import ModelConfig, Padding
from cnnstudio.models.registry import build, cards
from cnnstudio.models.surgery import replace_head

ARCHITECTURES = pytest.mark.parametrize("arch", [each.name for each in cards()])


@ARCHITECTURES
@pytest.mark.parametrize("padding", get_args(Padding))
def test_no_tensor_is_left_on_the_wrong_device(arch: str, padding: Padding) -> None:
    with FakeTensorMode():
        with torch.device("cuda"):
            network = build(ModelConfig(arch=arch, padding=padding, dropout2d=0.1), classes=1000)
        replace_head(network, 4)
        network.freeze(2)
        logits = network.train()(torch.rand(2, 3, 896, 896, device="cuda"))
    assert logits.shape == (2, 4)
    assert logits.device.type == "cuda"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@ARCHITECTURES
def test_the_gpu_agrees_with_the_cpu(arch: str) -> None:
    network = build(ModelConfig(arch=arch), classes=4).eval()
    images = torch.rand(2, 3, 96, 96)
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(network.to("cuda")(images.to("cuda")).cpu(), expected, rtol=1e-2, atol=1e-2)
