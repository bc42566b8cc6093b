"""EfficientNet-Lite0 (Tan & Le, 2019; Liu, 2020): MobileNetV2's blocks, without squeeze-and-excitation, with ReLU6.

Keys follow torchvision's EfficientNet: `features.0.0` to `classifier.1`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import (
    Add,
    Conv2d,
    Dropout,
    StochasticDepth,
    activation,
    conv2d,
    initialise,
    keep_variance,
    norm2d,
)
from cnnstudio.models.network import Network, Stage

HEAD_WIDTH = 1280


@dataclass(frozen=True, slots=True)
class _Blocks:
    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int


STEM_WIDTH = 32
# Table 1 of the EfficientNet paper; Lite0 leaves out its squeeze-and-excitation.
BLOCKS = (
    _Blocks(1, 3, 1, 1, 16),
    _Blocks(2, 3, 2, 6, 24),
    _Blocks(2, 5, 2, 6, 40),
    _Blocks(3, 3, 2, 6, 80),
    _Blocks(3, 5, 1, 6, 112),
    _Blocks(4, 5, 2, 6, 192),
    _Blocks(1, 3, 1, 6, 320),
)
DROPOUT = 0.2
DROP_PATH = 0.2


def efficientnet_lite0(model: ModelConfig, classes: int) -> Network:
    """Build EfficientNet-Lite0 with random weights."""
    return EfficientNetLite(model, classes)


class SameConv2d(Conv2d):
    """A convolution that pads as TensorFlow's SAME, which the weights were trained with.

    The output has ⌈size / stride⌉ pixels. Where the number of border pixels is odd, the right and the bottom get one
    more: with stride 2 and an even size, the result lies half a stride beside torch's symmetric padding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉) of (N, in_channels, H, W)."""
        border: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            border += [total // 2, total - total // 2]
        x = functional.pad(x, border, "constant" if self.padding_mode == "zeros" else self.padding_mode)
        return functional.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class InvertedResidual(nn.Module):
    """Widen with 1×1, filter each map on its own, narrow again without an activation (Sandler et al., 2018).

    The input is added where size and width stay; whole branches are dropped at random then (Huang et al., 2016).
    """

    def __init__(self, inputs: int, blocks: _Blocks, stride: int, drop_path: float, model: ModelConfig) -> None:
        super().__init__()
        wide = inputs * blocks.expansion
        steps: list[nn.Module] = []
        if blocks.expansion != 1:
            steps.append(_conv_norm(inputs, wide, 1, model, act=True))
        steps.append(_conv_norm(wide, wide, blocks.kernel, model, stride=stride, groups=wide, act=True))
        steps.append(_conv_norm(wide, blocks.width, 1, model, act=False))
        self.block = nn.Sequential(*steps)
        residual = stride == 1 and inputs == blocks.width
        self.stochastic_depth = StochasticDepth(drop_path) if residual and drop_path else None
        self.add = Add() if residual else None

    @property
    def last(self) -> nn.Conv2d:
        """The convolution that ends the branch."""
        layer = self.block[-1].get_submodule("0")
        assert isinstance(layer, nn.Conv2d)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, width, H / stride, W / stride), less the border without padding, of (N, inputs, H, W)."""
        branch: Tensor = self.block(x)
        if self.stochastic_depth is not None:
            branch = self.stochastic_depth(branch)
        return branch if self.add is None else self.add(branch, x)


class EfficientNetLite(Network):
    """A stem at half the image's size, seven groups of inverted residuals down to 1/32, 1,280 maps, a classifier."""

    def __init__(self, model: ModelConfig, classes: int) -> None:
        titles = (
            "3×3 stem",
            *(f"{each.width} maps, {each.kernel}×{each.kernel}" for each in BLOCKS),
            "1×1 to 1,280 maps",
        )
        stages = [Stage(_stage_name(i), title, (f"features.{i}",)) for i, title in enumerate(titles)]
        stages.append(Stage("head", "Classifier", ("avgpool", "classifier")))
        super().__init__(model, tuple(stages), head="classifier.1")
        groups: list[nn.Module] = [_conv_norm(3, STEM_WIDTH, 3, model, stride=2, act=True)]
        channels, count, total = STEM_WIDTH, 0, sum(each.repeats for each in BLOCKS)
        for each in BLOCKS:
            group: list[nn.Module] = []
            for repeat in range(each.repeats):
                stride = each.stride if repeat == 0 else 1
                group.append(InvertedResidual(channels, each, stride, DROP_PATH * count / total, model))
                channels, count = each.width, count + 1
            groups.append(nn.Sequential(*group))
        groups.append(_conv_norm(channels, HEAD_WIDTH, 1, model, act=True))
        self.features = nn.Sequential(*groups)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(Dropout(DROPOUT), nn.Linear(HEAD_WIDTH, classes))
        initialise(self)
        if not model.batchnorm:
            keep_variance([each.last for each in self.modules() if isinstance(each, InvertedResidual) and each.add])

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W)."""
        x = self.avgpool(self.features(x))  # (N, 1280, 1, 1)
        logits: Tensor = self.classifier(torch.flatten(x, 1))
        return logits


def from_reference_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the keys of the reference weights (`_conv_stem.weight`, `_blocks.3._bn1.bias` …) to ours.

    Raises:
        KeyError: A key is none of theirs.
    """
    outer = {"_conv_stem": "features.0.0", "_bn0": "features.0.1", "_fc": "classifier.1"}
    outer |= {"_conv_head": f"features.{len(BLOCKS) + 1}.0", "_bn1": f"features.{len(BLOCKS) + 1}.1"}
    places = [(stage, n, each.expansion) for stage, each in enumerate(BLOCKS, start=1) for n in range(each.repeats)]
    inner = {"_expand_conv": "0.0", "_bn0": "0.1", "_depthwise_conv": "1.0", "_bn1": "1.1", "_project_conv": "2.0"}
    inner["_bn2"] = "2.1"
    renamed: dict[str, Tensor] = {}
    for key, tensor in state.items():
        layer, _, kind = key.rpartition(".")
        if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)", layer):
            stage, block, expansion = places[int(match[1])]
            step, position = inner[match[2]].split(".")
            step = step if expansion != 1 else str(int(step) - 1)
            renamed[f"features.{stage}.{block}.block.{step}.{position}.{kind}"] = tensor
        else:
            renamed[f"{outer[layer]}.{kind}"] = tensor
    return renamed


def _conv_norm(
    inputs: int, outputs: int, kernel: int, model: ModelConfig, *, stride: int = 1, groups: int = 1, act: bool
) -> nn.Sequential:
    kind = SameConv2d if stride > 1 and model.padding != "valid" else Conv2d
    layers: list[nn.Module] = [conv2d(inputs, outputs, kernel, model, stride=stride, groups=groups, kind=kind)]
    if model.batchnorm:
        layers.append(norm2d(outputs, model, eps=1e-3, momentum=0.01))
    if act:
        layers.append(activation(model, nn.ReLU6(inplace=True)))
    elif model.dropout2d:
        layers.append(nn.Dropout2d(model.dropout2d))
    return nn.Sequential(*layers)


def _stage_name(index: int) -> str:
    return {0: "stem", len(BLOCKS) + 1: "top"}.get(index, f"blocks{index}")
