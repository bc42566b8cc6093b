"""Every architecture on a CUDA device: pretended everywhere, real where there is one."""

from typing import get_args

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from cnnstudio.core.config import ModelConfig, Padding
from cnnstudio.engine.device import arithmetic
from cnnstudio.models.network import Outputs
from cnnstudio.models.registry import build, card
from cnnstudio.models.summary import minimum_size
from cnnstudio.models.surgery import fold_batchnorm, replace_head
from tests.models.combinations import ARCHITECTURES
from tests.models.random_weights import answers, random_network


@pytest.mark.parametrize(
    ("arch", "padding"),
    [
        *(("compact", padding) for padding in get_args(Padding)),
        ("resnet18", "valid"),
        ("googlenet", "valid"),
        ("inception_v3", "reflect"),
        ("efficientnet_lite0", "circular"),
        ("mobilenet_v3_small", "replicate"),
    ],
)
def test_no_tensor_is_left_on_the_wrong_device(arch: str, padding: Padding) -> None:
    with torch.device("meta"):
        size = max(minimum_size(build(ModelConfig(arch=arch, padding=padding), classes=4)), 64)
    with FakeTensorMode():
        with torch.device("cuda"):
            network = build(ModelConfig(arch=arch, padding=padding, dropout2d=0.1), classes=1000)
        replace_head(network, 4)
        network.freeze(2)
        logits = network.train()(torch.rand(2, 3, size, size, device="cuda"))
    assert isinstance(logits, Tensor)  # auxiliary heads are frozen
    assert (logits.shape, logits.device.type) == ((2, 4), "cuda")


@ARCHITECTURES
def test_all_heads_answer_where_the_network_is(arch: str) -> None:
    with FakeTensorMode():
        with torch.device("cuda"):
            network = build(ModelConfig(arch=arch, batchnorm=True), classes=4)
        size = max(minimum_size(network), 64)
        answer = network.train()(torch.rand(2, 3, size, size, device="cuda"))
        found = (answer.logits, *answer.aux.values()) if isinstance(answer, Outputs) else (answer,)
    assert len(found) == 1 + card(arch).auxiliary
    assert {each.device.type for each in (*found, *network.buffers())} == {"cuda"}
    assert {logits.shape for logits in found} == {(2, 4)}


@pytest.mark.parametrize("arch", ["vgg16", "fcn_vgg16", "compact"])
def test_maps_stay_where_the_network_is(arch: str) -> None:
    with FakeTensorMode(), torch.device("cuda"):
        network = build(ModelConfig(arch=arch, head="convolutional"), classes=4).eval()
        maps = network.heat_map(torch.rand(1, 3, 480, 640))
    assert (maps.shape[:2], maps.device.type) == ((1, 4), "cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@ARCHITECTURES
def test_the_gpu_agrees_with_the_cpu(arch: str) -> None:
    size = 299 if card(arch).auxiliary else 224
    network = random_network(size, classes=4, arch=arch)
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode(), arithmetic(deterministic=False):
        expected = answers(network, images)
        network.to("cuda").to(memory_format=torch.channels_last)
        found = answers(network, images.to("cuda"))
    for logits, right in zip(found, expected, strict=True):
        torch.testing.assert_close(logits.cpu(), right, rtol=1e-3, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@ARCHITECTURES
def test_deterministic_gradients_on_the_gpu_repeat(arch: str) -> None:
    size = 299 if card(arch).auxiliary else 224
    network = build(ModelConfig(arch=arch), classes=4).to("cuda").to(memory_format=torch.channels_last).train()
    images = torch.randn(4, 3, size, size, device="cuda").contiguous(memory_format=torch.channels_last)
    found = []
    with arithmetic(deterministic=True):
        for _ in range(2):
            torch.manual_seed(0)
            with torch.autocast("cuda", torch.bfloat16):
                answer = network(images)
            logits = (answer.logits, *answer.aux.values()) if isinstance(answer, Outputs) else (answer,)
            loss = torch.stack([each.float().square().mean() for each in logits]).sum()
            found.append(torch.autograd.grad(loss, list(network.parameters())))
    assert all(map(torch.equal, *found))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_batchnorm_is_folded_where_the_weights_are() -> None:
    source = random_network(64, classes=4, arch="resnet18").to("cuda")
    target = build(ModelConfig(arch="resnet18", batchnorm=False), classes=4).to("cuda").eval()
    fold_batchnorm(source, target)
    images = torch.randn(2, 3, 64, 64, device="cuda")
    with torch.inference_mode(), arithmetic(deterministic=False):
        torch.testing.assert_close(target(images), source(images), rtol=1e-3, atol=1e-3)
