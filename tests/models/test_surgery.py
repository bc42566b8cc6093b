"""New last layers, and BatchNorm that becomes part of the convolutions."""

from typing import Any

import pytest
import torch
from torch import nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.registry import build
from cnnstudio.models.summary import minimum_size
from cnnstudio.models.surgery import fold_batchnorm, norms_behind, replace_head
from tests.models.combinations import ARCHITECTURES, FAMILIES
from tests.models.random_weights import answers, bare, blank, random_network


@ARCHITECTURES
def test_every_last_layer_is_replaced(arch: str) -> None:
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch), classes=1000)
    before = {path: network.get_submodule(path) for path in network.last_layers}
    others = {key: id(value) for key, value in network.named_parameters() if key.rpartition(".")[0] not in before}
    replace_head(network, 7)
    for path, old in before.items():
        new = network.get_submodule(path)
        assert isinstance(new, nn.Linear | nn.Conv2d)
        assert type(new) is type(old)
        assert new.weight.is_meta
        assert new.weight.shape == (7, *old.get_parameter("weight").shape[1:])
        assert new.get_parameter("bias").shape == (7,)
        assert network.notes[path] == "1000 → 7 classes"
    assert set(network.notes) == set(before)
    left = {key: id(value) for key, value in network.named_parameters() if key.rpartition(".")[0] not in before}
    assert left == others


@pytest.mark.parametrize("arch", ["googlenet", "nin", "resnet18"])
def test_new_last_layers_are_drawn_and_answer(arch: str) -> None:
    network = build(ModelConfig(arch=arch), classes=10).eval().double()
    replace_head(network, 4)
    for path in network.last_layers:
        weight = network.get_submodule(path).get_parameter("weight")
        assert weight.dtype == torch.float64
        assert weight.std() > 0
        assert not network.get_submodule(path).training
    with torch.inference_mode():
        found = answers(network, torch.rand(2, 3, 64, 64, dtype=torch.float64))
    assert [logits.shape for logits in found] == [(2, 4)] * len(network.last_layers)


@pytest.mark.parametrize(
    ("switches", "size"),
    [
        ({"arch": "resnet18"}, 64),
        ({"arch": "resnet50"}, 64),
        ({"arch": "googlenet"}, 64),
        ({"arch": "vgg16"}, 32),
        ({"arch": "inception_v3"}, 299),
        ({"arch": "mobilenet_v3_small"}, 64),
        ({"arch": "efficientnet_lite0"}, 64),
        ({"arch": "nin"}, 64),
        ({"arch": "compact", "padding": "reflect"}, 32),
    ],
    ids=lambda each: each["arch"] if isinstance(each, dict) else "",
)
def test_folding_keeps_the_function(switches: dict[str, Any], size: int) -> None:
    """At least four digits of every logit, in units of the largest; auxiliary heads included."""
    source = random_network(size, **switches, batchnorm=True)
    target = bare(**switches, batchnorm=False).to_empty(device="cpu").eval()
    fold_batchnorm(source, target)
    assert not any(isinstance(each, nn.BatchNorm2d) for each in target.modules())
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        expected, found = answers(source, images), answers(target, images)
    assert len(found) == len(expected) == len(source.last_layers)
    for folded, logits in zip(found, expected, strict=True):
        assert (folded - logits).abs().max() <= 1e-4 * logits.abs().max()


def test_folding_is_by_the_formula() -> None:
    """w·γ/√(σ²+ε) and β + (b − μ)·γ/√(σ²+ε), also where γ is negative or zero."""
    source = random_network(32, classes=3, depth=1, width=4)
    convolution, norm = source.get_submodule("features.0"), source.get_submodule("features.1")
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.5, -0.5, 0.0, 2.0]))
    target = build(ModelConfig(depth=1, width=4, batchnorm=False), classes=3)
    fold_batchnorm(source, target)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = norm.weight / (norm.running_var + 1e-5).sqrt()
    folded = target.get_submodule("features.0")
    weight = convolution.get_parameter("weight") * factor.view(4, 1, 1, 1)
    torch.testing.assert_close(folded.get_parameter("weight"), weight)
    torch.testing.assert_close(folded.get_parameter("bias"), norm.bias - norm.running_mean * factor)


@FAMILIES
def test_every_batchnorm_is_found_behind_its_convolution(arch: str) -> None:
    network = blank(arch=arch, batchnorm=True)
    found = norms_behind(network)
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    assert list(found.values()) == norms
    seen: list[nn.Module] = []  # in the order of computation
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            module.register_forward_hook(lambda module, _inputs, _output: seen.append(module))
    size = max(32, minimum_size(network))
    with torch.inference_mode():
        answers(network, torch.zeros(1, 3, size, size))
    for convolution, norm in found.items():
        assert seen[seen.index(norm) - 1] is convolution
