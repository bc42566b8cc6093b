"""What architectures are built of, with the switches that they all understand."""

from typing import Literal

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


def conv2d(
    inputs: int,
    outputs: int,
    kernel: int,
    model: ModelConfig,
    *,
    stride: int = 1,
    groups: int = 1,
    kind: type[nn.Conv2d] = nn.Conv2d,
) -> nn.Conv2d:
    """Return a square convolution that pads as `model.padding` says and has a bias only without BatchNorm.

    No padding changes the weight: its key and its shape (outputs, inputs / groups, kernel, kernel) stay the same.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Odd side of the kernel in pixels.
        model: The switches.
        stride: Distance between two outputs in input pixels.
        groups: `inputs` for a depthwise convolution.
        kind: A subclass where the architecture has its own idea of `same`.
    """
    padding = 0 if model.padding == "valid" else kernel // 2
    # Only where there is a border to fill: the other modes would copy the input for nothing.
    fill = _FILLS[model.padding] if padding else "zeros"
    return kind(inputs, outputs, kernel, stride, padding, groups=groups, bias=not model.batchnorm, padding_mode=fill)


def norm2d(channels: int, model: ModelConfig) -> nn.Module:
    """Return BatchNorm2d (Ioffe & Szegedy, 2015) with its weight γ and bias β, or a module that does nothing."""
    return nn.BatchNorm2d(channels) if model.batchnorm else nn.Identity()


def activation(model: ModelConfig, function: nn.Module | None = None) -> nn.Module:
    """Return ReLU or `function`, followed by Dropout2d (Tompson et al., 2015) where it is switched on.

    Both have no parameters and take one slot, so that keys that count positions, as VGG's do, are the same either way.
    """
    function = nn.ReLU(inplace=True) if function is None else function
    return nn.Sequential(function, nn.Dropout2d(model.dropout2d)) if model.dropout2d else function


def conv_norm_act(inputs: int, outputs: int, kernel: int, model: ModelConfig) -> list[nn.Module]:
    """Return a convolution, BatchNorm2d if it is switched on, and ReLU with Dropout2d: VGG's positional layout."""
    norm = [norm2d(outputs, model)] if model.batchnorm else []
    return [conv2d(inputs, outputs, kernel, model), *norm, activation(model)]


class CentreCrop(nn.Module):
    """Cuts the border off a skip connection where convolutions without padding have made the other branch smaller."""

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """Return the middle of `x` (N, C, H, W) in the height and width of `like`."""
        height, width = like.shape[-2:]
        top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
        return x[..., top : top + height, left : left + width]


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
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
