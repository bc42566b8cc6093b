"""MobileNetV3 (Howard et al., 2019), found by search for phones, with torchvision's keys."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import Add, Dropout, Scale, activation, conv2d, initialise, keep_variance, norm2d
from cnnstudio.models.network import Network, Stage

STEM_WIDTH = 16
DROPOUT = 0.2


class Bneck(NamedTuple):
    """A row of tables 1 and 2 of the paper."""

    kernel: int
    wide: int
    outputs: int
    squeeze: bool
    hardswish: bool
    stride: int


_RE, _HS, _SE = False, True, True
BLOCKS = {
    "mobilenet_v3_large": (
        Bneck(3, 16, 16, False, _RE, 1),
        Bneck(3, 64, 24, False, _RE, 2),
        Bneck(3, 72, 24, False, _RE, 1),
        Bneck(5, 72, 40, _SE, _RE, 2),
        Bneck(5, 120, 40, _SE, _RE, 1),
        Bneck(5, 120, 40, _SE, _RE, 1),
        Bneck(3, 240, 80, False, _HS, 2),
        Bneck(3, 200, 80, False, _HS, 1),
        Bneck(3, 184, 80, False, _HS, 1),
        Bneck(3, 184, 80, False, _HS, 1),
        Bneck(3, 480, 112, _SE, _HS, 1),
        Bneck(3, 672, 112, _SE, _HS, 1),
        Bneck(5, 672, 160, _SE, _HS, 2),
        Bneck(5, 960, 160, _SE, _HS, 1),
        Bneck(5, 960, 160, _SE, _HS, 1),
    ),
    "mobilenet_v3_small": (
        Bneck(3, 16, 16, _SE, _RE, 2),
        Bneck(3, 72, 24, False, _RE, 2),
        Bneck(3, 88, 24, False, _RE, 1),
        Bneck(5, 96, 40, _SE, _HS, 2),
        Bneck(5, 240, 40, _SE, _HS, 1),
        Bneck(5, 240, 40, _SE, _HS, 1),
        Bneck(5, 120, 48, _SE, _HS, 1),
        Bneck(5, 144, 48, _SE, _HS, 1),
        Bneck(5, 288, 96, _SE, _HS, 2),
        Bneck(5, 576, 96, _SE, _HS, 1),
        Bneck(5, 576, 96, _SE, _HS, 1),
    ),
}
HIDDEN = {"mobilenet_v3_large": 1280, "mobilenet_v3_small": 1024}


def mobilenet_v3(model: ModelConfig, classes: int) -> Network:
    """Build MobileNetV3 with random weights; the counterpart of `torchvision.models.mobilenet_v3_large`."""
    return MobileNetV3(model, classes)


class SqueezeExcitation(nn.Module):
    """Weighs each map by what all maps together show: mean, two layers as 1×1 convolutions, a factor from 0 to 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = _divisible(channels / 4)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.activation = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.scale_activation = nn.Hardsigmoid(inplace=True)
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W) of (N, C, H, W)."""
        factors = self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x)))))  # (N, C, 1, 1)
        out: Tensor = self.scale(x, factors)
        return out


class InvertedResidual(nn.Module):
    """Widen with 1×1, filter each map on its own, weigh the maps, narrow again without an activation."""

    def __init__(self, inputs: int, block: Bneck, model: ModelConfig) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        if block.wide != inputs:
            steps.append(_conv_norm(inputs, block.wide, 1, model, act=_function(hardswish=block.hardswish)))
        function = _function(hardswish=block.hardswish)
        steps.append(
            _conv_norm(
                block.wide, block.wide, block.kernel, model, stride=block.stride, groups=block.wide, act=function
            )
        )
        if block.squeeze:
            steps.append(SqueezeExcitation(block.wide))
        steps.append(_conv_norm(block.wide, block.outputs, 1, model, act=None))
        self.block = nn.Sequential(*steps)
        self.add = Add() if block.stride == 1 and inputs == block.outputs else None

    @property
    def last(self) -> nn.Conv2d:
        """The convolution that ends the branch."""
        layer = self.block[-1].get_submodule("0")
        assert isinstance(layer, nn.Conv2d)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, H / stride, W / stride), less the border without padding, of (N, inputs, H, W)."""
        branch: Tensor = self.block(x)
        return branch if self.add is None else self.add(branch, x)


class MobileNetV3(Network):
    """A stem at half the image's size, inverted residuals down to 1/32, a 1×1 convolution, and two linear layers."""

    def __init__(self, model: ModelConfig, classes: int) -> None:
        blocks = BLOCKS[model.arch]
        super().__init__(model, _stages(blocks), head="classifier.3")
        features: list[nn.Module] = [_conv_norm(3, STEM_WIDTH, 3, model, stride=2, act=nn.Hardswish(inplace=True))]
        channels = STEM_WIDTH
        for each in blocks:
            features.append(InvertedResidual(channels, each, model))
            channels = each.outputs
        features.append(_conv_norm(channels, 6 * channels, 1, model, act=nn.Hardswish(inplace=True)))
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        hidden = HIDDEN[model.arch]
        self.classifier = nn.Sequential(
            nn.Linear(6 * channels, hidden), nn.Hardswish(inplace=True), Dropout(DROPOUT), nn.Linear(hidden, classes)
        )
        initialise(self)
        if not model.batchnorm:
            sums = [each for each in features if isinstance(each, InvertedResidual) and each.add is not None]
            keep_variance([each.last for each in sums])

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W)."""
        x = self.avgpool(self.features(x))  # (N, 960 or 576, 1, 1)
        logits: Tensor = self.classifier(torch.flatten(x, 1))
        return logits


def _stages(blocks: tuple[Bneck, ...]) -> tuple[Stage, ...]:
    """Begin a stage at each block that halves the size or changes the width."""
    groups: list[list[int]] = []
    before = STEM_WIDTH
    for index, block in enumerate(blocks):
        if not groups or block.stride == 2 or block.outputs != before:
            groups.append([])
        groups[-1].append(index)
        before = block.outputs
    stages = [Stage("stem", "3×3 stem", ("features.0",))]
    for number, group in enumerate(groups, start=1):
        paths = tuple(f"features.{index + 1}" for index in group)
        first = blocks[group[0]]
        stages.append(Stage(f"blocks{number}", f"{first.outputs} maps, {first.kernel}×{first.kernel}", paths))
    top = f"features.{len(blocks) + 1}"
    width = 6 * blocks[-1].outputs
    hidden = tuple(f"classifier.{index}" for index in range(3))
    return (
        *stages,
        Stage("top", f"1×1 to {width} maps", (top,)),
        Stage("hidden", "Features", ("avgpool", *hidden)),
        Stage("head", "Classifier", ("classifier.3",)),
    )


def _function(*, hardswish: bool) -> nn.Module:
    return nn.Hardswish(inplace=True) if hardswish else nn.ReLU(inplace=True)


def _conv_norm(
    inputs: int,
    outputs: int,
    kernel: int,
    model: ModelConfig,
    *,
    stride: int = 1,
    groups: int = 1,
    act: nn.Module | None,
) -> nn.Sequential:
    layers: list[nn.Module] = [conv2d(inputs, outputs, kernel, model, stride=stride, groups=groups)]
    if model.batchnorm:
        layers.append(norm2d(outputs, model, eps=1e-3, momentum=0.01))
    if act is not None:
        layers.append(activation(model, act))
    elif model.dropout2d:
        layers.append(nn.Dropout2d(model.dropout2d))
    return nn.Sequential(*layers)


def _divisible(channels: float, by: int = 8) -> int:
    """Round to a multiple of 8, but not down by more than a tenth."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded
