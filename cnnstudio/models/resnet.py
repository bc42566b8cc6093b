"""ResNet (He et al., 2016) with torchvision's keys: `conv1`, `bn1`, `layer1.0.conv1` to `fc`."""

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import Add, activation, conv2d, initialise, keep_variance, max_pool2d, norm2d
from cnnstudio.models.network import Network, Stage

WIDTHS = (64, 128, 256, 512)
DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
"""Blocks of each stage."""
BOTTLENECKED = frozenset({"resnet50", "resnet101"})


def resnet(model: ModelConfig, classes: int) -> Network:
    """Build the ResNet of `model.arch` with random weights; the counterpart of `torchvision.models.resnet18` etc."""
    return ResNet(model, classes)


class Residual(nn.Module):
    """What all residual blocks share: the shortcut, which is a 1×1 convolution where size or width change.

    Dropout2d acts within the branch, so that what is skipped always arrives whole.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, model: ModelConfig) -> None:
        super().__init__()
        self._make_branch(inputs, outputs, stride, model)
        self.dropout = nn.Dropout2d(model.dropout2d) if model.dropout2d else None
        self.downsample = (
            nn.Sequential(conv2d(inputs, outputs, 1, model, stride=stride), norm2d(outputs, model))
            if stride != 1 or inputs != outputs
            else None
        )
        self.add = Add()
        self.relu = nn.ReLU(inplace=True)

    def _make_branch(self, inputs: int, outputs: int, stride: int, model: ModelConfig) -> None:
        raise NotImplementedError

    def branch(self, x: Tensor) -> Tensor:
        """Return what is to be added to the shortcut."""
        raise NotImplementedError

    @property
    def last(self) -> nn.Conv2d:
        """The convolution that ends the branch."""
        return [each for each in self.children() if isinstance(each, nn.Conv2d)][-1]

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, H / stride, W / stride), less the border without padding, of (N, inputs, H, W)."""
        branch = self.branch(x)
        if self.dropout is not None:
            branch = self.dropout(branch)
        skipped = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.relu(self.add(branch, skipped))
        return out


class BasicBlock(Residual):
    """Two 3×3 convolutions whose result is added to the block's input."""

    def _make_branch(self, inputs: int, outputs: int, stride: int, model: ModelConfig) -> None:
        self.conv1 = conv2d(inputs, outputs, 3, model, stride=stride)
        self.bn1 = norm2d(outputs, model)
        self.act1 = activation(model)
        self.conv2 = conv2d(outputs, outputs, 3, model)
        self.bn2 = norm2d(outputs, model)

    def branch(self, x: Tensor) -> Tensor:
        """Return what is to be added to the shortcut."""
        out: Tensor = self.bn2(self.conv2(self.act1(self.bn1(self.conv1(x)))))
        return out


class Bottleneck(Residual):
    """A 3×3 convolution on a quarter of the maps, between two of 1×1 that narrow and widen.

    The stride lies in the 3×3 convolution, as in torchvision ("ResNet v1.5").
    """

    def _make_branch(self, inputs: int, outputs: int, stride: int, model: ModelConfig) -> None:
        width = outputs // 4
        self.conv1 = conv2d(inputs, width, 1, model)
        self.bn1 = norm2d(width, model)
        self.act1 = activation(model)
        self.conv2 = conv2d(width, width, 3, model, stride=stride)
        self.bn2 = norm2d(width, model)
        self.act2 = activation(model)
        self.conv3 = conv2d(width, outputs, 1, model)
        self.bn3 = norm2d(outputs, model)

    def branch(self, x: Tensor) -> Tensor:
        """Return what is to be added to the shortcut."""
        x = self.act2(self.bn2(self.conv2(self.act1(self.bn1(self.conv1(x))))))
        out: Tensor = self.bn3(self.conv3(x))
        return out


class ResNet(Network):
    """A 7×7 stem, four stages of residual blocks at 1/4 to 1/32 of the image's size, and a linear classifier."""

    def __init__(self, model: ModelConfig, classes: int) -> None:
        block, growth = (Bottleneck, 4) if model.arch in BOTTLENECKED else (BasicBlock, 1)
        widths = tuple(growth * width for width in WIDTHS)
        depths = DEPTHS[model.arch]
        stem = Stage("stem", "7×7 stem", ("conv1", "bn1", "act1", "maxpool"))
        layers = (Stage(f"layer{n}", f"{width} maps", (f"layer{n}",)) for n, width in enumerate(widths, start=1))
        super().__init__(model, (stem, *layers, Stage("head", "Classifier", ("avgpool", "fc"))), head="fc")
        self.conv1 = conv2d(3, 64, 7, model, stride=2)
        self.bn1 = norm2d(64, model)
        self.act1 = activation(model)
        self.maxpool = max_pool2d(model, stride=2)
        inputs = 64
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            first = block(inputs, width, 1 if number == 1 else 2, model)
            others = (block(width, width, 1, model) for _ in range(depth - 1))
            self.add_module(f"layer{number}", nn.Sequential(first, *others))
            inputs = width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)
        initialise(self)
        if not model.batchnorm:
            keep_variance([each.last for each in self.modules() if isinstance(each, Residual)])

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W)."""
        x = self.maxpool(self.act1(self.bn1(self.conv1(x))))  # (N, 64, H / 4, W / 4)
        for number in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)  # at last (N, 512 or 2048, H / 32, W / 32)
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits
