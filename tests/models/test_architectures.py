"""Every architecture under every combination of switches: runs, learns, is stored, says how small is too small."""

from itertools import product
from typing import get_args

import pytest
import safetensors.torch
import torch
from torch import Tensor

from cnnstudio.core.config import ModelConfig, Padding
from cnnstudio.core.errors import InputError
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build, card, cards
from cnnstudio.models.summary import check_image_size, minimum_size

CLASSES = 5
SWITCHES = [
    ModelConfig(arch=arch.name, padding=padding, batchnorm=batchnorm, dropout2d=dropout2d)
    for arch, padding, batchnorm, dropout2d in product(cards(), get_args(Padding), (True, False), (0.0, 0.3))
]


def _id(model: ModelConfig) -> str:
    norm = "batchnorm" if model.batchnorm else "plain"
    return f"{model.arch}-{model.padding}-{norm}-{model.dropout2d:g}"


def _refused(model: ModelConfig) -> set[str]:
    changed = {f"model.{key}" for key, value in model if value != getattr(ModelConfig(), key)}
    return changed & set(card(model.arch).refuses)


ARCHITECTURES = pytest.mark.parametrize("arch", [each.name for each in cards()])
ALL_SWITCHES = pytest.mark.parametrize("model", [each for each in SWITCHES if not _refused(each)], ids=_id)


def _build(model: ModelConfig) -> Network:
    return build(model, classes=CLASSES)


def _images(size: int, count: int = 2) -> Tensor:
    return torch.rand(count, 3, size, size)


def _train_step(network: Network, images: Tensor) -> None:
    logits = network.train()(images)
    assert logits.shape == (len(images), CLASSES)
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(len(images)) % CLASSES)
    torch.autograd.backward(loss)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("model", [each for each in SWITCHES if _refused(each)], ids=_id)
def test_what_an_architecture_cannot_do_is_refused_in_a_sentence(model: ModelConfig) -> None:
    with pytest.raises(InputError, match="because") as caught:
        _build(model)
    assert caught.value.where in _refused(model)


@ALL_SWITCHES
def test_learns_at_the_smallest_legal_size_and_refuses_one_pixel_less(model: ModelConfig) -> None:
    network = _build(model)
    smallest = minimum_size(network)
    check_image_size(network, smallest, "It")
    _train_step(network, _images(smallest))
    with pytest.raises(InputError, match=f"set it to {smallest} or more") as caught:
        check_image_size(network, smallest - 1, "It")
    assert caught.value.where == "data.image_size"
    if smallest > 1:  # torch cannot go lower either: the sentence promises neither too much nor too little
        with pytest.raises(RuntimeError):
            network.eval()(_images(smallest - 1, count=1))


@ALL_SWITCHES
def test_learns_at_its_native_size_or_names_the_smallest(model: ModelConfig) -> None:
    network = _build(model)
    arch = card(model.arch)
    smallest = minimum_size(network)
    if smallest <= arch.image_size:
        _train_step(network, _images(arch.image_size))
        return
    assert model.padding == "valid"
    with pytest.raises(InputError) as caught:
        check_image_size(network, arch.image_size, arch.title)
    assert caught.value.what == f"{arch.image_size} pixels are too few for {arch.title} with these switches"
    assert caught.value.remedy == f"set it to {smallest} or more, or set model.padding=same"


@ALL_SWITCHES
def test_weights_survive_the_disk(model: ModelConfig) -> None:
    network = _build(model)
    with torch.device("meta"):
        other = _build(model)
    stored = safetensors.torch.load(safetensors.torch.save(network.state_dict()))
    other.load_state_dict(stored, strict=True, assign=True)
    image = _images(minimum_size(network), count=1)
    with torch.inference_mode():
        assert torch.equal(network.eval()(image), other.eval()(image))


@ARCHITECTURES
@pytest.mark.parametrize("padding", [each for each in get_args(Padding) if each != "same"])
def test_padding_and_dropout_change_no_key_and_no_shape(arch: str, padding: Padding) -> None:
    plain = build(ModelConfig(arch=arch), classes=CLASSES).state_dict()
    padded = build(ModelConfig(arch=arch, padding=padding, dropout2d=0.3), classes=CLASSES).state_dict()
    assert {key: value.shape for key, value in plain.items()} == {key: value.shape for key, value in padded.items()}


@ALL_SWITCHES
def test_a_convolution_has_a_bias_exactly_where_batchnorm_is_off(model: ModelConfig) -> None:
    for module in _build(model).modules():
        if isinstance(module, torch.nn.Conv2d):
            assert (module.bias is None) == model.batchnorm


@ARCHITECTURES
def test_dropout2d_drops_whole_maps_in_training_only(arch: str) -> None:
    network = build(ModelConfig(arch=arch, dropout2d=0.5), classes=CLASSES)
    dropping = [each for each in network.modules() if isinstance(each, torch.nn.Dropout2d)]
    assert dropping
    assert {each.p for each in dropping} == {0.5}
    seen: list[Tensor] = []
    dropping[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    network.train()(_images(64))
    network.eval()(_images(64))
    empty = [(maps == 0).all(dim=(2, 3)).float().mean().item() for maps in seen]
    assert 0.2 < empty[0] < 0.8
    assert empty[1] < 0.1


@ARCHITECTURES
def test_same_seed_same_weights(arch: str) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        states.append(build(ModelConfig(arch=arch), classes=CLASSES).state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
