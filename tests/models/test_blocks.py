"""The parts that all architectures share."""

import pytest
import torch
from torch import nn

from cnnstudio.core.config import ModelConfig, Padding
from cnnstudio.models.blocks import CentreCrop, StochasticDepth, activation, conv2d, conv_norm_act


@pytest.mark.parametrize(
    ("padding", "border"),
    [
        ("same", [0.0, 0.0, 1.0, 2.0, 3.0, 0.0, 0.0]),
        ("reflect", [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]),
        ("replicate", [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0]),
        ("circular", [2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0]),
    ],
)
def test_padding_fills_the_border_as_its_name_says(padding: Padding, border: list[float]) -> None:
    """A kernel that picks its leftmost pixel, then its rightmost, shows what lies around the image."""
    convolution = conv2d(1, 2, 5, ModelConfig(padding=padding))
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[0, 0, 2, 0] = convolution.weight[1, 0, 2, 4] = 1
    row = torch.tensor([1.0, 2.0, 3.0])
    left, right = convolution(row.expand(1, 1, 3, 3))[0, :, 1]
    assert [*left.tolist()[:2], *row.tolist(), *right.tolist()[1:]] == border


def test_valid_loses_the_border() -> None:
    convolution = conv2d(1, 2, 5, ModelConfig(padding="valid"))
    assert convolution(torch.rand(1, 1, 9, 8)).shape == (1, 2, 5, 4)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_keeps_the_size_but_for_the_stride(kernel: int, stride: int) -> None:
    for padding in ("same", "reflect", "replicate", "circular"):
        convolution = conv2d(3, 4, kernel, ModelConfig(padding=padding), stride=stride)
        assert convolution(torch.rand(1, 3, 15, 16)).shape == (1, 4, -(-15 // stride), 16 // stride)


def test_dropout_shares_the_slot_of_the_activation() -> None:
    plain = nn.Sequential(*conv_norm_act(3, 4, 3, ModelConfig()), *conv_norm_act(4, 4, 3, ModelConfig()))
    model = ModelConfig(dropout2d=0.5)
    dropping = nn.Sequential(*conv_norm_act(3, 4, 3, model), *conv_norm_act(4, 4, 3, model))
    assert list(plain.state_dict()) == list(dropping.state_dict())
    assert isinstance(activation(ModelConfig()), nn.ReLU)


@pytest.mark.parametrize(("size", "cropped", "first"), [(9, 5, 2), (9, 4, 2), (5, 5, 0)])
def test_crop_keeps_the_middle(size: int, cropped: int, first: int) -> None:
    image = torch.arange(size).expand(2, 3, size, size)
    result = CentreCrop()(image, torch.empty(2, 7, cropped, cropped))
    assert result.shape == (2, 3, cropped, cropped)
    assert result[0, 0, 0].tolist() == list(range(first, first + cropped))


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean() -> None:
    layer = StochasticDepth(0.25).train()
    out = layer(torch.ones(4000, 2, 3, 3))
    assert set(out.unique().tolist()) == {0.0, torch.tensor(4 / 3).item()}
    assert (out == out[:, :1, :1, :1]).all()
    assert out.mean().item() == pytest.approx(1, abs=0.05)
    image = torch.rand(2, 2, 3, 3)
    assert layer.eval()(image) is image
