"""Shapes and receptive fields, against real forward passes and against gradients."""

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig, Padding
from cnnstudio.models.flow import Flow, Signal, TooSmallError
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build, cards
from cnnstudio.models.summary import minimum_size, watchable

ARCHITECTURES = pytest.mark.parametrize("arch", [each.name for each in cards()])


def _shapes(network: Network, size: int) -> list[tuple[str, tuple[int, ...]]]:
    """Return what really comes out of every layer, in the order of computation."""
    seen: list[tuple[str, tuple[int, ...]]] = []
    for path, module in network.named_modules():
        if next(module.children(), None) is None:
            module.register_forward_hook(lambda _module, _inputs, output, path=path: seen.append((path, output.shape)))
    with torch.inference_mode():
        network.eval()(torch.rand(1, 3, size, size))
    return seen


@ARCHITECTURES
@pytest.mark.parametrize("padding", get_args(Padding))
def test_shapes_are_those_of_a_real_forward_pass(arch: str, padding: Padding) -> None:
    network = build(ModelConfig(arch=arch, padding=padding, dropout2d=0.1), classes=3)
    size = max(minimum_size(network), 75)
    predicted = [(path, signal.shape) for path, _, signal in Flow(network).layers(size)]
    assert predicted == _shapes(network, size)


def test_a_signal_leaves_no_trace_in_the_network() -> None:
    network = build(ModelConfig(arch="resnet18"), classes=3).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    Flow(network).layers(64)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(each.training for each in network.modules())
    assert not any(each._forward_hooks for each in network.modules())


def test_too_small_is_told_from_wrong() -> None:
    flow = Flow(build(ModelConfig(arch="compact"), classes=3))
    assert flow.accepts(16)
    assert not flow.accepts(15)
    with pytest.raises(TooSmallError):
        flow.layers(15)
    image = Signal.image(8)
    with pytest.raises(ValueError, match="3 channels meet a kernel for 4"):
        nn.Conv2d(4, 4, 3)(image)
    with pytest.raises(ValueError, match="8 features meet a layer for 10"):
        nn.Linear(10, 2)(image)
    with pytest.raises(ValueError, match="cannot add"):
        image + Signal.image(9)
    with pytest.raises(NotImplementedError, match="no rule for gelu"):
        nn.GELU()(image)


def _measured_field(network: Network, layer: str, size: int) -> int:
    """Return the side of the square of pixels that the gradient of the layer's central unit reaches."""
    image = torch.full((1, 3, size, size), 0.01, dtype=torch.float64, requires_grad=True)
    outputs: list[Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda _m, _i, output: outputs.append(output.clone()))
    network(image)
    handle.remove()
    maps = outputs[0]
    torch.autograd.backward(maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2].sum())
    assert image.grad is not None
    rows = image.grad[0].abs().sum(dim=(0, 2)).nonzero()
    assert rows.min() > 0
    assert rows.max() < size - 1  # the field must not be cut off by the edge of the image
    return int(rows.max() - rows.min()) + 1


def _made_transparent(network: Network) -> Network:
    """Let the gradient reach every pixel of each window: positive weights, averages instead of maxima."""
    network = network.double().eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    for path, module in list(network.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            network.set_submodule(path, nn.AvgPool2d(module.kernel_size, module.stride, module.padding))
    return network


@pytest.mark.parametrize(
    ("arch", "size", "stages"),
    [("compact", 160, 4), ("resnet18", 224, 3), ("efficientnet_lite0", 256, 4)],
)
def test_receptive_field_is_what_the_gradient_reaches(arch: str, size: int, stages: int) -> None:
    network = build(ModelConfig(arch=arch), classes=3)
    predicted = {path: signal.field for path, _, signal in Flow(network).layers(size)}
    transparent = _made_transparent(network)
    shown = watchable(network)
    paths = [path for stage in network.stages[:stages] for path in stage.modules]
    layers = [each for each in shown if each in predicted and any(f"{each}.".startswith(f"{path}.") for path in paths)]
    assert len(layers) >= 8
    for layer in layers[:: max(1, len(layers) // 4)] + layers[-1:]:
        assert predicted[layer] == _measured_field(transparent, layer, size), layer


def test_receptive_fields_of_the_literature() -> None:
    """A 3×3 convolution sees 3 pixels, and 8 after a pool and another one.

    ResNet-18 sees 435 (Araujo et al., Computing Receptive Fields, Distill 2019).
    """
    compact = {path: each.field for path, _, each in Flow(build(ModelConfig(), classes=3)).layers(96)}
    assert (compact["features.0"], compact["features.3"], compact["features.4"]) == (3, 4, 8)
    resnet = {path: each.field for path, _, each in Flow(build(ModelConfig(arch="resnet18"), classes=3)).layers(224)}
    assert (resnet["conv1"], resnet["maxpool"], resnet["layer4.1.relu"]) == (7, 11, 435)
    assert resnet["avgpool"] == resnet["fc"] == 224
