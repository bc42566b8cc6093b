"""What is fused answers as the network does, in fewer operations."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnnstudio.core.config import ComputeConfig, load_config
from cnnstudio.engine import forms_fused
from cnnstudio.engine.device import Compute, ResolvedPrecision, multiplies_bfloat16, resolve
from cnnstudio.engine.forms_fused import Fused
from cnnstudio.engine.forms_kinds import graph_of
from cnnstudio.models import registry
from cnnstudio.models.split import Lower

COMPUTE = resolve(ComputeConfig(device="cpu", precision="float32"))
FLOAT, HALF = Fused(torch.float32), Fused(torch.bfloat16)
ARCHS = ["vgg11", "resnet18", "googlenet", "inception_v3", "nin", "efficientnet_lite0", "mobilenet_v3_small"]

pytestmark = pytest.mark.skipif(bool(FLOAT.obstacle(COMPUTE)), reason=FLOAT.obstacle(COMPUTE))


def on_cpu(precision: ResolvedPrecision) -> Compute:
    return Compute(torch.device("cpu"), "any", precision, torch.channels_last)


def lower_part(arch: str, *changes: str) -> tuple[Lower, Tensor]:
    """Return a whole network with statistics of its own, folded, and a batch for it."""
    torch.manual_seed(0)
    config = load_config(None, [f"model.arch={arch}", "model.pretrained=false", *changes])
    network = registry.build(registry.resolved(config.model), classes=5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean, module.running_var = torch.randn(len(module.weight)) / 9, module.weight.detach() + 0.5
    lower = Lower(network, "").eval()
    COMPUTE.place(lower)
    return lower, torch.randn(3, 3, 96, 96).contiguous(memory_format=torch.channels_last)


def operations(module: nn.Module, images: Tensor) -> Counter[Any]:
    """Return how often each operation occurs in a network that has been fused."""
    graph = graph_of(module, images)
    forms_fused._fuse(graph)
    return Counter(str(node.target) for node in graph.graph.nodes if node.op == "call_function")


@pytest.mark.parametrize("arch", ARCHS)
def test_it_answers_as_the_network_does(arch: str) -> None:
    lower, images = lower_part(arch)
    others = torch.randn_like(images)
    with torch.no_grad():
        computation, answer = FLOAT.build(lower, images, COMPUTE)
        torch.testing.assert_close(answer, lower(images), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(computation(others), lower(others), rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(not multiplies_bfloat16(), reason="the processor does not multiply in bfloat16")
@pytest.mark.parametrize("arch", ARCHS)
def test_it_answers_in_bfloat16_and_leaves_the_network_as_it_is(arch: str) -> None:
    lower, images = lower_part(arch)
    with torch.no_grad():
        expected = lower(images)
        computation, answer = HALF.build(lower, images, on_cpu("bfloat16"))
        assert answer.dtype == torch.bfloat16
        assert torch.cosine_similarity(answer.float(), expected).min() > 0.999
        assert torch.equal(computation(images), answer)
        assert torch.equal(lower(images), expected)


def test_sums_and_activations_come_with_the_convolution() -> None:
    counts = operations(*lower_part("resnet18"))
    plain, added = (f"mkldnn._convolution_pointwise.{kind}" for kind in ("default", "binary"))
    assert (counts[plain], counts[added]) == (12, 8)  # ResNet-18 has 20 convolutions and 8 sums
    assert not any("relu" in each or "add." in each or "aten.convolution" in each for each in counts)


def test_relu6_keeps_its_limits() -> None:
    lower, images = lower_part("efficientnet_lite0")
    assert not any("hardtanh" in each for each in operations(lower, images))
    with torch.no_grad():
        for scale in (1.0, 100.0):  # far beyond six
            computation, _ = FLOAT.build(lower, images, COMPUTE)
            torch.testing.assert_close(computation(scale * images), lower(scale * images), rtol=1e-3, atol=1e-3)


class _Twice(nn.Module):
    """Uses what a convolution gives before its activation too."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.convolution(x)
        return torch.relu(maps) - maps


class _Onto(nn.Module):
    """Adds a convolution onto a tensor that is used again."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.first(x).sigmoid()
        maps += self.second(x)
        return torch.relu(maps) * maps


class _Widened(nn.Module):
    """Adds one map to each of several."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.convolution(x) + x.mean(1, keepdim=True))


@pytest.mark.parametrize("kind", [_Twice, _Onto, _Widened])
def test_what_is_wanted_otherwise_too_is_left_alone(kind: type[nn.Module]) -> None:
    module = kind().eval().requires_grad_(requires_grad=False)
    images = torch.randn(2, 3, 16, 16)
    assert sum(count for each, count in operations(module, images).items() if "relu" in each) == 1
    computation, answer = FLOAT.build(module, images, COMPUTE)
    torch.testing.assert_close([answer, computation(images)], [module(images)] * 2)


def test_it_says_where_it_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Compute(torch.device("cuda"), "any", "bfloat16", torch.channels_last)
    assert FLOAT.obstacle(cuda) == "it is not used on CUDA"
    monkeypatch.setattr(forms_fused, "multiplies_bfloat16", lambda: True)
    assert HALF.obstacle(on_cpu("bfloat16_dense")) == ""
    assert HALF.obstacle(on_cpu("float32")) == "the run does not compute in bfloat16"
    monkeypatch.setattr(forms_fused, "multiplies_bfloat16", lambda: False)
    assert HALF.obstacle(on_cpu("bfloat16")) == "the run does not compute in bfloat16"
    assert FLOAT.obstacle(on_cpu("bfloat16")) == ""
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert FLOAT.obstacle(COMPUTE) == "torch comes without oneDNN here"


def test_it_promises_most_where_depthwise_convolutions_are_else_computed_in_float32() -> None:
    kinds: list[ResolvedPrecision] = ["bfloat16_dense", "bfloat16"]
    dense, half = (HALF.expected(on_cpu(each)).speed_up for each in kinds)
    assert dense > half > FLOAT.expected(COMPUTE).speed_up > 1.0
