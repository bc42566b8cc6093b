"""The parts that all architectures share."""

import pytest
import torch
from torch import nn

from cnnstudio.core.config import ModelConfig, Padding
from cnnstudio.models.blocks import (
    Add,
    BasicConv2d,
    Concat,
    Dropout,
    Scale,
    StochasticDepth,
    activation,
    avg_pool2d,
    conv2d,
    conv_norm_act,
    grid_means,
    initialise,
    keep_variance,
    max_pool2d,
    norm2d,
)


@pytest.mark.parametrize(("size", "side"), [((14, 14), 4), ((7, 7), 7), ((5, 9), 7), ((3, 3), 6), ((12, 10), 6)])
def test_means_over_a_grid_are_those_of_adaptive_pooling(size: tuple[int, int], side: int) -> None:
    x = torch.randn(2, 3, *size, requires_grad=True)
    found, expected = grid_means(x, side), nn.functional.adaptive_avg_pool2d(x, side)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    (mine,), (theirs,) = (torch.autograd.grad((each * weights).sum(), x) for each in (found, expected))
    torch.testing.assert_close(mine, theirs)
    with torch.autocast("cpu", torch.bfloat16):
        assert grid_means(x.bfloat16(), side).dtype == torch.bfloat16


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


def test_a_kernel_that_is_not_square_pads_each_side_by_its_own_half() -> None:
    image = torch.rand(1, 2, 9, 10)
    assert conv2d(2, 3, (1, 7), ModelConfig())(image).shape == (1, 3, 9, 10)
    assert conv2d(2, 3, (7, 1), ModelConfig(padding="valid"))(image).shape == (1, 3, 3, 10)
    assert conv2d(2, 3, (1, 7), ModelConfig(), padded=False)(image).shape == (1, 3, 9, 4)


@pytest.mark.parametrize(("batchnorm", "biased"), [(True, False), (False, True)])
def test_batchnorm_takes_the_place_of_the_bias(batchnorm: bool, biased: bool) -> None:
    model = ModelConfig(batchnorm=batchnorm)
    assert (conv2d(3, 4, 3, model).bias is not None) == biased
    assert conv2d(3, 4, 3, model, bias=True).bias is not None
    assert [type(each).__name__ for each in conv_norm_act(3, 4, 3, model)] == (
        ["Conv2d", "BatchNorm2d", "ReLU"] if batchnorm else ["Conv2d", "ReLU"]
    )
    block = BasicConv2d(3, 4, 3, model)
    assert {key.rpartition(".")[0] for key in block.state_dict()} == ({"conv", "bn"} if batchnorm else {"conv"})


def test_batchnorm_is_by_the_formula() -> None:
    norm = norm2d(3, ModelConfig(batchnorm=True), eps=1e-3, momentum=1.0)
    maps = torch.randn(4, 3, 5, 6) * 3 + 1
    mean, var = maps.mean((0, 2, 3), keepdim=True), maps.var((0, 2, 3), keepdim=True, unbiased=False)
    torch.testing.assert_close(norm.train()(maps), (maps - mean) / (var + 1e-3).sqrt())
    torch.testing.assert_close(norm.get_buffer("running_mean"), mean.flatten())
    torch.testing.assert_close(norm.get_buffer("running_var"), maps.transpose(0, 1).flatten(1).var(1))
    assert isinstance(norm2d(3, ModelConfig(batchnorm=False)), nn.Identity)


def test_pooling_keeps_the_border_unless_padding_is_off() -> None:
    maps = torch.rand(1, 2, 8, 8)
    same, valid = ModelConfig(), ModelConfig(padding="valid")
    assert max_pool2d(same, stride=2)(maps).shape == (1, 2, 4, 4)
    assert max_pool2d(valid, stride=2)(maps).shape == (1, 2, 3, 3)
    assert max_pool2d(valid, stride=2, ceil_mode=True)(maps).shape == (1, 2, 4, 4)
    assert avg_pool2d(same)(maps).shape == (1, 2, 8, 8)
    assert avg_pool2d(valid)(maps).shape == (1, 2, 6, 6)


@pytest.mark.parametrize(("size", "cropped", "first"), [(9, 5, 2), (9, 4, 2), (8, 5, 1), (5, 5, 0)])
def test_a_sum_takes_the_middle_of_what_was_skipped(size: int, cropped: int, first: int) -> None:
    skipped = torch.arange(float(size)).expand(2, 3, size, size)
    total = Add()(torch.full((2, 3, cropped, cropped), 100.0), skipped)
    assert total.shape == (2, 3, cropped, cropped)
    assert total[0, 0, 0].tolist() == [100.0 + column for column in range(first, first + cropped)]
    assert torch.equal(total.transpose(2, 3)[0, 0, 0], torch.full((cropped,), 100.0 + first))


def test_branches_are_put_one_behind_the_other_and_cut_to_the_smallest() -> None:
    wide, high = torch.rand(2, 1, 5, 7), torch.rand(2, 2, 7, 5)
    maps = Concat()([wide, high])
    assert maps.shape == (2, 3, 5, 5)
    assert torch.equal(maps[:, :1], wide[..., 1:6])
    assert torch.equal(maps[:, 1:], high[..., 1:6, :])


def test_scaling_gives_each_map_a_factor_of_its_own() -> None:
    maps, factors = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 1, 1)
    scaled = Scale()(maps, factors)
    assert torch.equal(scaled[1, 2], maps[1, 2] * factors[1, 2].item())


def test_initial_weights_keep_the_variance_of_gradients_through_relu() -> None:
    """He et al. (2015): a standard deviation of √(2 / fan-out)."""
    layer = nn.Conv2d(16, 64, 3)
    initialise(nn.Sequential(layer))
    assert layer.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert layer.bias is not None
    assert not layer.bias.any()


def test_without_batchnorm_a_long_sum_does_not_grow_by_a_factor_a_block() -> None:
    layers = [nn.Conv2d(8, 8, 1, bias=False) for _ in range(16)]
    for layer in layers:
        nn.init.orthogonal_(layer.weight)  # keeps the variance
    keep_variance(layers)
    maps = start = torch.randn(1, 8, 16, 16)
    for layer in layers:
        maps = maps + layer(maps)
    assert 1 < (maps.var() / start.var()).item() < 4  # (1 + 1/16)¹⁶ is less than e; unscaled it would be 2¹⁶


def test_what_has_no_numbers_is_left_alone() -> None:
    layer = nn.Conv2d(3, 4, 3, device="meta")
    initialise(nn.Sequential(layer))
    keep_variance([layer])
    assert layer.weight.is_meta


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean() -> None:
    layer = StochasticDepth(0.25).train()
    out = layer(torch.ones(4000, 2, 3, 3))
    assert set(out.unique().tolist()) == {0.0, torch.tensor(4 / 3).item()}
    assert (out == out[:, :1, :1, :1]).all()
    assert out.mean().item() == pytest.approx(1, abs=0.05)
    image = torch.rand(2, 2, 3, 3)
    assert layer.eval()(image) is image


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_and_makes_up_for_it_as_torch_does(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.full((64, 3001), 2.0, dtype=dtype, requires_grad=True)
    found, theirs = Dropout(p)(x), nn.Dropout(p)(x)
    assert found.dtype == dtype
    assert found.unique().tolist() == theirs.unique().tolist()  # 0 and 2 / (1 - p)
    count = x.numel()
    spread = (p * (1 - p) / count) ** 0.5
    assert (found == 0).sum().item() / count == pytest.approx(p, abs=5 * spread)
    (gradient,) = torch.autograd.grad(found.float().sum(), x)
    assert torch.equal(gradient * 2, found)


def test_dropout_drops_each_value_by_itself() -> None:
    """As often as the binomial distribution says, in each image, at each place, and beside a neighbour that is gone."""
    torch.manual_seed(0)
    gone = Dropout(0.2)(torch.ones(4000, 250)) == 0
    for dim, trials in ((0, 4000), (1, 250)):
        share = gone.double().mean(dim)
        assert share.std().item() == pytest.approx((0.16 / trials) ** 0.5, rel=0.15)
    for lag in (1, 2, 3, 4, 8):
        both = (gone[:, lag:] & gone[:, :-lag]).double().mean().item()
        assert both == pytest.approx(0.04, abs=0.001)


def test_dropout_is_decided_by_the_seed_and_goes_on_with_the_state() -> None:
    layer, x = Dropout(0.3), torch.ones(5, 7)
    torch.manual_seed(3)
    first, state, second = layer(x), torch.get_rng_state(), layer(x)
    torch.manual_seed(3)
    assert torch.equal(layer(x), first)
    torch.set_rng_state(state)
    assert torch.equal(layer(x), second)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("p", [0.0, 1e-9, 1.0])
def test_dropout_of_nothing_and_of_all(p: float) -> None:
    x = torch.ones(3, 5)
    assert torch.equal(Dropout(p)(x), nn.Dropout(p)(x))


def test_dropout_leaves_evaluation_other_layouts_and_what_is_in_place_to_torch() -> None:
    x = torch.randn(2, 8, 4, 4)
    assert Dropout(0.5).eval()(x) is x
    for layer, inputs in ((nn.Dropout, x.clone(memory_format=torch.channels_last)), (nn.Dropout, x.transpose(0, 1))):
        torch.manual_seed(1)
        theirs = layer(0.5)(inputs)
        torch.manual_seed(1)
        assert torch.equal(Dropout(0.5)(inputs), theirs)
    changed = x.clone()
    assert Dropout(0.5, inplace=True)(changed) is changed
    assert (changed == 0).any()
