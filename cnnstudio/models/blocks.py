"""What architectures are built of, with the switches that they all understand."""

import math
from collections.abc import Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnstudio.core.config import ModelConfig, Padding

_FILLS: dict[Padding, Literal["zeros", "reflect", "replicate", "circular"]] = {
    "same": "zeros",
    "valid": "zeros",
    "reflect": "reflect",
    "replicate": "replicate",
    "circular": "circular",
}

_LEVELS: Final = 2**16  # of a random number of 16 bits


class Conv2d(nn.Conv2d):
    """torch's own, which draws no numbers where there are none: that takes most of the time on the meta device."""

    def reset_parameters(self) -> None:
        """Draw weight and bias."""
        if not self.weight.is_meta:
            super().reset_parameters()


class BatchNorm2d(nn.BatchNorm2d):
    """torch's own, which fills in no numbers where there are none."""

    def reset_running_stats(self) -> None:
        """Set running_mean to 0 and running_var to 1."""
        if not self.weight.is_meta:
            super().reset_running_stats()

    def reset_parameters(self) -> None:
        """Set γ and running_var to 1, β and running_mean to 0."""
        if not self.weight.is_meta:
            super().reset_parameters()


class Dropout(nn.Dropout):
    """torch's own (Srivastava et al., 2014), whose random numbers take most of a step of a small head on the CPU.

    There, the generator is asked once for four values, each of which gets 16 of its 64 bits: 32 × 1,280 features took
    70 instead of 420-600 µs (Intel Xeon, torch 2.14.1). So values are dropped with a probability of `p` rounded to
    1/65,536.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return values (N, ...) of which each is 0 with probability `p` in training mode, and else made up for it."""
        # Summaries send something else than tensors through.
        if not self.training or self.inplace or not isinstance(x, Tensor) or x.device.type != "cpu":
            return super().forward(x)
        kept = round((1 - self.p) * _LEVELS)
        if kept in {0, _LEVELS} or not x.is_contiguous():
            return super().forward(x)
        return x * _drawn(x, kept).div_(1 - self.p)


def _drawn(like: Tensor, kept: int) -> Tensor:
    """Return as many values as a tensor has, each 1 with probability `kept` / 65,536 and else 0."""
    words = torch.empty(math.ceil(like.numel() / 4), dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    levels = words.view(torch.int16)[: like.numel()].view(like.shape)
    return torch.lt(levels, kept - _LEVELS // 2, out=torch.empty_like(levels, dtype=like.dtype))


class AdaptiveAvgPool2d(nn.AdaptiveAvgPool2d):
    """torch's own, whose backward pass on CUDA is not deterministic; where it has to be, means are matrix products."""

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (N, C, rows, columns) of the output size of maps (N, C, H, W)."""
        # Summaries send something else than tensors through; a single mean of each map is deterministic anyway.
        if isinstance(x, Tensor) and x.is_cuda and torch.are_deterministic_algorithms_enabled():
            assert isinstance(self.output_size, int)
            return super().forward(x) if self.output_size == 1 else grid_means(x, self.output_size)
        return super().forward(x)


def grid_means(x: Tensor, side: int) -> Tensor:
    """Return what adaptive average pooling to (N, C, side, side) does, of maps (N, C, H, W), by matrix products."""
    with torch.autocast(x.device.type, enabled=False):
        down, right = (_means(size, side, x.device) for size in x.shape[2:])
        return (down @ x.float() @ right.T).to(x.dtype)


def _means(size: int, parts: int, device: torch.device) -> Tensor:
    """Return the matrix (parts, size) that takes means over parts, which overlap where their number does not divide."""
    number = torch.arange(parts, device=device)[:, None]
    begin, end = number * size // parts, ((number + 1) * size + parts - 1) // parts
    place = torch.arange(size, device=device)
    return ((place >= begin) & (place < end)) / (end - begin)


def conv2d(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    model: ModelConfig,
    *,
    stride: int = 1,
    groups: int = 1,
    padded: bool = True,
    bias: bool | None = None,
    kind: type[Conv2d] = Conv2d,
) -> nn.Conv2d:
    """Return a convolution that pads as `model.padding` says and has a bias only without BatchNorm.

    No padding changes the weight: its key and its shape (outputs, inputs / groups, height, width) stay the same.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Odd side of the kernel in pixels, or height and width.
        model: The switches.
        stride: Distance between two outputs in input pixels.
        groups: `inputs` for a depthwise convolution.
        padded: False where the architecture itself does without padding.
        bias: Whether it has a bias; None leaves that to BatchNorm.
        kind: A subclass where the architecture has its own idea of `same`.
    """
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (height // 2, width // 2) if padded and model.padding != "valid" else (0, 0)
    # Only where there is a border to fill: the other modes would copy the input for nothing.
    fill = _FILLS[model.padding] if any(padding) else "zeros"
    bias = not model.batchnorm if bias is None else bias
    return kind(inputs, outputs, (height, width), stride, padding, groups=groups, bias=bias, padding_mode=fill)


def max_pool2d(model: ModelConfig, *, stride: int, ceil_mode: bool = False) -> nn.MaxPool2d:
    """Return 3×3 max-pooling that keeps the border, without padding where `model.padding` is `valid`."""
    return nn.MaxPool2d(3, stride, 0 if model.padding == "valid" else 1, ceil_mode=ceil_mode)


def avg_pool2d(model: ModelConfig) -> nn.AvgPool2d:
    """Return 3×3 average pooling with stride 1, without padding where `model.padding` is `valid`."""
    return nn.AvgPool2d(3, 1, 0 if model.padding == "valid" else 1)


def norm2d(channels: int, model: ModelConfig, *, eps: float = 1e-5, momentum: float = 0.1) -> nn.Module:
    """Return BatchNorm2d (Ioffe & Szegedy, 2015) with its weight γ and bias β, or a module that does nothing."""
    return BatchNorm2d(channels, eps, momentum) if model.batchnorm else nn.Identity()


def activation(model: ModelConfig, function: nn.Module | None = None) -> nn.Module:
    """Return ReLU or `function`, followed by Dropout2d (Tompson et al., 2015) where it is switched on.

    Both have no parameters and take one slot, so that keys that count positions, as VGG's do, are the same either way.
    """
    function = nn.ReLU(inplace=True) if function is None else function
    return nn.Sequential(function, nn.Dropout2d(model.dropout2d)) if model.dropout2d else function


def conv_norm_act(
    inputs: int, outputs: int, kernel: int, model: ModelConfig, *, stride: int = 1, bias: bool | None = None
) -> list[nn.Module]:
    """Return a convolution, BatchNorm2d if it is switched on, and ReLU with Dropout2d: VGG's positional layout."""
    norm = [norm2d(outputs, model)] if model.batchnorm else []
    return [conv2d(inputs, outputs, kernel, model, stride=stride, bias=bias), *norm, activation(model)]


class BasicConv2d(nn.Module):
    """A convolution, BatchNorm2d with ε = 0.001 if it is switched on, and ReLU: the brick of the Inception networks."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        model: ModelConfig,
        *,
        stride: int = 1,
        padded: bool = True,
    ) -> None:
        super().__init__()
        self.conv = conv2d(inputs, outputs, kernel, model, stride=stride, padded=padded)
        self.bn = norm2d(outputs, model, eps=1e-3)
        self.act = activation(model)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, H / stride, W / stride) of (N, inputs, H, W), less the border without padding."""
        out: Tensor = self.act(self.bn(self.conv(x)))
        return out


class Add(nn.Module):
    """Adds a skip connection: a(l+2) = σ(z(l+2) + a(l)), where σ is left to the layer behind (He et al., 2016).

    Where convolutions without padding have made the branch smaller, the border of what was skipped is cut off.
    """

    def forward(self, branch: Tensor, skipped: Tensor) -> Tensor:
        """Return the sum of (N, C, h, w) and the middle of (N, C, H, W)."""
        return branch + _middle(skipped, branch.shape[-2:])


class Concat(nn.Module):
    """Puts the maps of parallel branches one behind the other (Szegedy et al., 2015), cut to the smallest of them."""

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        """Return (N, C₁ + C₂ + …, h, w) of several (N, Cᵢ, Hᵢ, Wᵢ)."""
        smallest = tuple(min(each.shape[axis] for each in branches) for axis in (-2, -1))
        return torch.cat([_middle(each, smallest) for each in branches], 1)


class Scale(nn.Module):
    """Multiplies each map with a number of its own (Hu et al., Squeeze-and-Excitation, 2018)."""

    def forward(self, maps: Tensor, factors: Tensor) -> Tensor:
        """Return (N, C, H, W) of maps (N, C, H, W) and factors (N, C, 1, 1)."""
        return maps * factors


class StochasticDepth(nn.Module):
    """Drops the whole residual branch of some images while training (Huang et al., 2016).

    Attributes:
        p: Probability that an image's branch is dropped; the others are scaled by 1 / (1 - p).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (N, C, H, W) with the branches of some images set to zero."""
        if not self.training:
            return x
        return x * functional.dropout(torch.ones_like(x[:, :1, :1, :1]), self.p)


def initialise(network: nn.Module) -> None:
    """Draw convolution weights as He et al. (2015) for ReLU, by fan-out as torchvision does; biases start at 0.

    Linear and BatchNorm2d layers keep torch's own start. Nothing is drawn on the meta device, where there is nothing
    to fill and torch would load its compiler (seconds) to find out.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            draw(module)


def draw(layer: nn.Conv2d, generator: torch.Generator | None = None) -> None:
    """Draw the weights of one convolution as `initialise` does; from torch's current random state unless told."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def keep_variance(last_layers: Sequence[nn.Conv2d]) -> None:
    """Scale the last convolution of each residual branch down, for networks without BatchNorm.

    Each sum would double the variance; so scaled, all together triple it at most (Hanin & Rolnick, How to Start
    Training, 2018).
    """
    with torch.no_grad():
        for layer in last_layers:
            if not layer.weight.is_meta:
                layer.weight.div_(len(last_layers) ** 0.5)


def _middle(maps: Tensor, size: Sequence[int]) -> Tensor:
    height, width = size
    top, left = (maps.shape[-2] - height) // 2, (maps.shape[-1] - width) // 2
    if not top and not left and tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return maps[..., top : top + height, left : left + width]
