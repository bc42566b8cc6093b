"""Shapes and receptive fields, against real forward passes and against gradients."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig, Padding
from cnnstudio.models.flow import Flow, Signal, TooSmallError
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build
from cnnstudio.models.summary import minimum_size, watchable
from tests.models.combinations import PADDED
from tests.models.random_weights import blank


def _shapes(network: Network, size: int) -> list[tuple[str, tuple[int, ...]]]:
    """Return what really comes out of every layer, in the order of computation."""
    seen: list[tuple[str, tuple[int, ...]]] = []
    for path, module in network.named_modules():
        if next(module.children(), None) is None and not isinstance(module, nn.Identity):
            module.register_forward_hook(lambda _module, _inputs, output, path=path: seen.append((path, output.shape)))
    network.eval().training = True  # of the network alone: so auxiliary heads answer
    with torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    return seen


@PADDED
def test_shapes_are_those_of_a_real_forward_pass(arch: str, padding: Padding) -> None:
    network = blank(arch=arch, padding=padding, dropout2d=0.1)
    size = max(minimum_size(network), 75)
    predicted = [(each.path, each.output.shape) for each in Flow(network).layers(size)]
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


def _measured_fields(network: Network, layers: list[str], size: int) -> dict[str, tuple[int, int]]:
    """Return height and width of the part of the image that the gradient of each layer's central unit reaches."""
    image = torch.full((1, 3, size, size), 0.01, requires_grad=True)
    outputs: dict[str, Tensor] = {}
    for layer in layers:
        network.get_submodule(layer).register_forward_hook(
            lambda _module, _inputs, output, layer=layer: outputs.update({layer: output.clone()})
        )
    network(image)
    return {layer: _reach(outputs[layer], image) for layer in layers}


def _reach(maps: Tensor, image: Tensor) -> tuple[int, int]:
    centre = maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2].sum()
    (gradient,) = torch.autograd.grad(centre, image, retain_graph=True)
    sides = []
    for axis in (2, 1):
        reached = gradient[0].abs().sum(dim=(0, axis)).nonzero()
        sides.append(int(reached.max() - reached.min()) + 1)
    return sides[0], sides[1]


def _average(pool: nn.MaxPool2d) -> nn.AvgPool2d:
    return nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, ceil_mode=pool.ceil_mode)


def _made_transparent(network: Network) -> Network:
    """Let the gradient reach every pixel of each window: positive weights, averages instead of maxima.

    With positive images and weights no ReLU is in the way, and nothing cancels out.
    """
    network = network.eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for path, module in list(network.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            network.set_submodule(path, _average(module))
    return network


@pytest.mark.parametrize(
    ("switches", "size", "stages"),
    [
        ({"arch": "compact"}, 160, 4),
        ({"arch": "vgg16", "head": "global_average"}, 160, 4),
        ({"arch": "resnet18"}, 224, 3),
        ({"arch": "resnet50"}, 256, 3),
        ({"arch": "googlenet", "aux": 0}, 288, 4),
        ({"arch": "inception_v3", "aux": 0}, 288, 3),
        ({"arch": "nin"}, 256, 4),
        ({"arch": "efficientnet_lite0"}, 224, 4),
        ({"arch": "mobilenet_v3_large"}, 160, 3),
    ],
    ids=lambda each: each["arch"] if isinstance(each, dict) else None,
)
def test_receptive_field_is_what_the_gradient_reaches(switches: dict[str, Any], size: int, stages: int) -> None:
    network = build(ModelConfig(**switches), classes=3)
    predicted = {each.path: each.output.fields for each in Flow(network).layers(size)}
    paths = [path for stage in network.stages[:stages] for path in stage.modules]
    inside = [each for each in watchable(network) if any(f"{each}.".startswith(f"{path}.") for path in paths)]
    layers = [each for each in inside if each in predicted]
    assert len(layers) >= 8
    layers = layers[:: max(1, len(layers) // 4)] + layers[-1:]
    if switches["arch"] == "inception_v3":  # one that is wider than high, and one that is higher than wide
        layers += ["Mixed_6b.branch7x7_2.conv", "Mixed_6b.branch7x7dbl_2.conv"]
    measured = _measured_fields(_made_transparent(network), layers, size)
    assert {layer: predicted[layer] for layer in layers} == measured


def test_behind_squeeze_and_excitation_every_output_sees_the_whole_image() -> None:
    with torch.device("meta"):
        network = build(ModelConfig(arch="mobilenet_v3_large"), classes=3)
    fields = {each.path: each.output.field for each in Flow(network).layers(224)}
    assert fields["features.4.block.1.2"] == 35
    assert fields["features.4.block.2.scale"] == fields["features.5.block.1.0"] == fields["features.16.0"] == 224


def test_receptive_fields_of_the_literature() -> None:
    """A 3×3 convolution sees 3 pixels, and 8 after a pool and another one.

    ResNet-18 sees 435 (Araujo et al., Computing Receptive Fields, Distill 2019).
    """
    compact = {each.path: each.output.field for each in Flow(build(ModelConfig(), classes=3)).layers(96)}
    assert (compact["features.0"], compact["features.3"], compact["features.4"]) == (3, 4, 8)
    flow = Flow(build(ModelConfig(arch="resnet18"), classes=3))
    resnet = {each.path: each.output.field for each in flow.layers(224)}
    assert (resnet["conv1"], resnet["maxpool"], resnet["layer4.1.relu"]) == (7, 11, 435)
    assert resnet["avgpool"] == resnet["fc"] == 224


@pytest.mark.parametrize(
    ("arch", "layer", "inputs"),
    [
        ("vgg11", "features.0", ()),
        ("vgg11", "classifier.3", ("classifier.2",)),
        ("resnet18", "layer1.0.add", ("layer1.0.bn2", "maxpool")),
        ("resnet18", "layer2.0.add", ("layer2.0.bn2", "layer2.0.downsample.1")),
        ("resnet18", "layer2.0.downsample.0", ("layer1.1.relu",)),
        ("googlenet", "inception3a.branch4.0", ("maxpool2",)),
        (
            "googlenet",
            "inception3a.concat",
            tuple(f"inception3a.{path}.act" for path in ("branch1", "branch2.1", "branch3.1", "branch4.1")),
        ),
        ("googlenet", "aux2.avgpool", ("inception4d.concat",)),
        ("googlenet", "inception4e.branch1.conv", ("inception4d.concat",)),
        (
            "mobilenet_v3_large",
            "features.4.block.2.scale",
            ("features.4.block.1.2", "features.4.block.2.scale_activation"),
        ),
    ],
)
def test_layers_know_where_their_input_comes_from(arch: str, layer: str, inputs: tuple[str, ...]) -> None:
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch), classes=3)
    passages = {each.path: each for each in Flow(network).layers(224)}
    assert passages[layer].inputs == inputs
    known: set[str] = set()
    for each in passages.values():
        assert set(each.inputs) <= known, each.path
        known.add(each.path)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("size", range(2, 12))
def test_pooling_that_hangs_over_the_end_has_torchs_size(size: int, padding: int) -> None:
    for kernel, stride in ((3, 2), (2, 2), (3, 1), (3, 3)):
        pool = nn.MaxPool2d(kernel, stride, padding, ceil_mode=True)
        if (size, padding, kernel, stride) == (2, 0, 3, 1):
            with pytest.raises(RuntimeError, match="too small"):
                pool(torch.zeros(1, 3, size, size))
            with pytest.raises(TooSmallError):
                pool(Signal.image(size))
        else:
            assert pool(Signal.image(size)).shape == pool(torch.zeros(1, 3, size, size)).shape


def test_a_small_image_reaches_the_layers_before_the_one_that_it_is_too_small_for() -> None:
    with torch.device("meta"):
        flow = Flow(build(ModelConfig(arch="resnet18", padding="valid"), classes=3))
    reached = [passage.path for passage in flow.reached(224)]
    assert reached[0] == "conv1"
    assert reached[-1] == "layer3.1.relu"
    assert flow.reached(448) == flow.layers(448)
    assert flow.reached(2) == ()
