"""Every architecture under every combination of switches: runs, learns, is stored, says how small is too small."""

from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, get_args

import pytest
import safetensors.torch
import torch
from torch import Tensor

from cnnstudio.core.config import ModelConfig, Padding
from cnnstudio.core.errors import InputError
from cnnstudio.models.network import Network, Outputs
from cnnstudio.models.registry import build, card
from cnnstudio.models.summary import check_image_size, minimum_size
from cnnstudio.models.vgg import VGG
from tests.models.combinations import ARCHITECTURES, FAMILIES, switched

CLASSES = 5
TORCH_REFUSES = r"too small|Kernel size can't be greater|[Pp]adding size should be less|wrap|non-negative|must be"


@lru_cache(maxsize=1)
def _weights(model: ModelConfig) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return safetensors.torch.load(safetensors.torch.save(build(model, classes=CLASSES).state_dict()))


def _build(model: ModelConfig) -> Network:
    """Build on no device and load stored weights strictly, whatever padding and Dropout2d are: their round trip."""
    with torch.device("meta"):
        network = build(model, classes=CLASSES)
    plain = ModelConfig(arch=model.arch, batchnorm=model.batchnorm, head=model.head)
    network.load_state_dict(_weights(plain), strict=True, assign=True)
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.reset_running_stats()  # not those that another test has changed
    return network


def _light(arch: str, **switches: Any) -> ModelConfig:
    """Leave out the hundred million weights of a fully connected head where what is tested lies before it."""
    light = "global_average" in card(arch).heads
    return ModelConfig(arch=arch, head="global_average" if light else "auto", **switches)


def _images(size: int, count: int = 2) -> Tensor:
    return torch.rand(count, 3, size, size)


def _train_step(network: Network, images: Tensor) -> None:
    outputs = network.train()(images)
    answers = [outputs.logits, *outputs.aux.values()] if isinstance(outputs, Outputs) else [outputs]
    assert len(answers) == 1 + len(network.listening)
    for logits in answers:
        assert logits.shape == (len(images), CLASSES)
        assert logits.isfinite().all()
    labels = torch.arange(len(images)) % CLASSES
    torch.autograd.backward([torch.nn.functional.cross_entropy(logits, labels) for logits in answers])


def _check_gradients(network: Network) -> None:
    for name, parameter in network.named_parameters():
        if network.stage_of(name).name in network.frozen_stages:
            assert parameter.grad is None, name
        else:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def _learns(network: Network, images: Tensor) -> None:
    _train_step(network, images)
    _check_gradients(network)
    network.zero_grad(set_to_none=True)
    network.freeze(2)
    assert len(network.frozen_stages) == len(network.stages) - 2
    _train_step(network, images)
    _check_gradients(network)


@pytest.mark.parametrize("model", switched(native=False))
def test_learns_at_the_smallest_legal_size_and_refuses_one_pixel_less(model: ModelConfig) -> None:
    network = _build(model)
    smallest = minimum_size(network)
    check_image_size(network, smallest, "It")
    # Statistics of two pixels can be next to nothing, and a hundred BatchNorms divide by them one after the other.
    count = 1 if network.fully_convolutional else 8 if smallest < 32 else 2
    _learns(network, _images(smallest, count=count))
    with pytest.raises(InputError, match=f"set it to {smallest} or more") as caught:
        check_image_size(network, smallest - 1, "It")
    assert caught.value.where == "data.image_size"
    if smallest > 1:  # torch cannot go lower either: the sentence promises neither too much nor too little
        network.freeze(None)
        for norm in network.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.eval()
        with pytest.raises((RuntimeError, ValueError), match=TORCH_REFUSES):
            network(_images(smallest - 1, count=1))


@pytest.mark.parametrize("model", switched(native=True))
def test_learns_at_its_native_size_or_names_the_smallest(model: ModelConfig) -> None:
    arch = card(model.arch)
    with torch.device("meta"):
        smallest = minimum_size(build(model, classes=CLASSES))
    if smallest <= arch.image_size:
        _learns(_build(model), _images(arch.image_size, count=1 if smallest < arch.image_size else 2))
        return
    assert model.padding == "valid"
    with pytest.raises(InputError) as caught:
        check_image_size(_build(model), arch.image_size, arch.title)
    assert caught.value.what == f"{arch.image_size} pixels are too few for {arch.title} with these switches"
    assert caught.value.remedy == f"set it to {smallest} or more, or set model.padding=same"


@FAMILIES
@pytest.mark.parametrize("batchnorm", [True, False], ids=["batchnorm", "plain"])
def test_weights_survive_the_disk(arch: str, batchnorm: bool) -> None:
    torch.manual_seed(0)
    model = _light(arch, batchnorm=batchnorm)
    network, other = build(model, classes=CLASSES), _build(model)
    image = _images(minimum_size(network), count=1)
    with torch.inference_mode():
        assert torch.equal(network.eval()(image), other.eval()(image))


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"arch": "resnet18", "aux": 0.5}, "ResNet-18 refuses model.aux=0.5, because it has no auxiliary heads"),
        ({"arch": "nin", "head": "fully_connected"}, "Network in Network refuses model.head=fully_connected, because"),
        ({"arch": "fcn_vgg16", "head": "global_average"}, "a convolutional classifier is what makes it"),
        ({"arch": "vgg16", "kernel": 7}, "the compact CNN leaves them to you"),
        ({"arch": "googlenet", "depth": 2}, "refuses model.depth=2"),
    ],
)
def test_what_an_architecture_cannot_do_is_refused_in_a_sentence(switches: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        build(ModelConfig(**switches), classes=CLASSES)
    assert words in caught.value.what
    assert caught.value.where == f"model.{list(switches)[1]}"
    assert caught.value.remedy


@ARCHITECTURES
def test_its_own_head_may_be_named(arch: str) -> None:
    with torch.device("meta"):
        named = build(ModelConfig(arch=arch, head=card(arch).heads[0]), classes=CLASSES)
        silent = build(ModelConfig(arch=arch), classes=CLASSES)
    assert list(named.state_dict()) == list(silent.state_dict())


@FAMILIES
def test_every_head_learns(arch: str) -> None:
    for head in card(arch).heads if len(card(arch).heads) > 1 else ():
        with torch.device("meta"):
            network = build(ModelConfig(arch=arch, head=head), classes=CLASSES)
        network.to_empty(device="cpu")
        for name, value in network.state_dict().items():
            torch.nn.init.constant_(value, 1.0 if name.endswith("running_var") else 1e-3)
        _train_step(network, _images(max(64, minimum_size(network)), count=1))
        _check_gradients(network)


@pytest.mark.parametrize(("depth", "width", "kernel"), [(1, 4, 3), (3, 16, 5), (6, 8, 7)])
def test_depth_width_and_kernel_shape_the_compact_network(depth: int, width: int, kernel: Literal[3, 5, 7]) -> None:
    network = build(ModelConfig(arch="compact", depth=depth, width=width, kernel=kernel), classes=CLASSES)
    convolutions = [each for each in network.modules() if isinstance(each, torch.nn.Conv2d)]
    assert len(network.stages) == depth + 1
    assert {each.kernel_size for each in convolutions} == {(kernel, kernel)}
    assert (convolutions[0].out_channels, convolutions[-1].out_channels) == (width, width * min(2 ** (depth - 1), 8))
    assert minimum_size(network) == 2**depth
    _learns(network, _images(2**depth + kernel))


@ARCHITECTURES
@pytest.mark.parametrize("padding", [each for each in get_args(Padding) if each != "same"])
def test_padding_and_dropout_change_no_key_and_no_shape(arch: str, padding: Padding) -> None:
    with torch.device("meta"):
        plain = build(ModelConfig(arch=arch), classes=CLASSES).state_dict()
        padded = build(ModelConfig(arch=arch, padding=padding, dropout2d=0.3), classes=CLASSES).state_dict()
    assert {key: value.shape for key, value in plain.items()} == {key: value.shape for key, value in padded.items()}


@ARCHITECTURES
@pytest.mark.parametrize("batchnorm", [True, False], ids=["batchnorm", "plain"])
def test_a_convolution_has_no_bias_exactly_where_batchnorm_follows(arch: str, batchnorm: bool) -> None:
    """But in VGG, whose convolutions have one in any case: torchvision's weights hold it."""
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch, batchnorm=batchnorm), classes=CLASSES)
    layers = [each for each in network.modules() if isinstance(each, torch.nn.Conv2d | torch.nn.BatchNorm2d)]
    norms = sum(isinstance(each, torch.nn.BatchNorm2d) for each in layers)
    assert (norms > 0) == batchnorm
    for layer, behind in pairwise([*layers, torch.nn.Identity()]):
        if isinstance(layer, torch.nn.Conv2d):
            normalised = isinstance(behind, torch.nn.BatchNorm2d)
            assert (layer.bias is None) == (normalised and not isinstance(network, VGG))


@FAMILIES
def test_dropout2d_drops_whole_maps_in_training_only(arch: str) -> None:
    network = _build(_light(arch, dropout2d=0.5, batchnorm=card(arch).batchnorm))
    dropping = [each for each in network.modules() if isinstance(each, torch.nn.Dropout2d)]
    assert dropping
    assert {each.p for each in dropping} == {0.5}
    images = _images(max(64, minimum_size(network)))
    seen: list[Tensor] = []
    dropping[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        for mode in (True, False):
            network.train(mode)(images)
    empty = [(maps == 0).all(dim=(2, 3)).float().mean().item() for maps in seen]
    assert 0.2 < empty[0] < 0.9
    assert empty[1] < empty[0] - 0.15


def test_same_seed_same_weights() -> None:
    for arch in ("compact", "resnet18", "googlenet", "nin", "mobilenet_v3_small"):
        states = []
        for _ in range(2):
            torch.manual_seed(7)
            states.append(build(ModelConfig(arch=arch), classes=CLASSES).state_dict())
        assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
