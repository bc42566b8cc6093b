"""ResNet (He et al., 2016) with torchvision's keys: `conv1`, `bn1`, `layer1.0.conv1` to `fc`."""

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import CentreCrop, activation, conv2d, initialise, norm2d
from cnnstudio.models.network import Network, Stage

WIDTHS = (64, 128, 256, 512)


def resnet18(model: ModelConfig, classes: int) -> Network:
    """Build ResNet-18 with random weights; the counterpart of `torchvision.models.resnet18`."""
    return ResNet(model, classes, blocks=(2, 2, 2, 2))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions whose result is added to the block's input.

    Dropout2d acts within the branch, so that what is skipped always arrives whole.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, model: ModelConfig) -> None:
        super().__init__()
        self.conv1 = conv2d(inputs, outputs, 3, model, stride=stride)
        self.bn1 = norm2d(outputs, model)
        self.act1 = activation(model)
        self.conv2 = conv2d(outputs, outputs, 3, model)
        self.bn2 = norm2d(outputs, model)
        self.dropout = nn.Dropout2d(model.dropout2d) if model.dropout2d else None
        self.downsample = (
            nn.Sequential(conv2d(inputs, outputs, 1, model, stride=stride), norm2d(outputs, model))
            if stride != 1 or inputs != outputs
            else None
        )
        self.crop = CentreCrop() if model.padding == "valid" else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, H / stride, W / stride), less the border without padding, of (N, inputs, H, W)."""
        branch = self.act1(self.bn1(self.conv1(x)))
        branch = self.bn2(self.conv2(branch))
        if self.dropout is not None:
            branch = self.dropout(branch)
        skip = x if self.downsample is None else self.downsample(x)
        if self.crop is not None:
            skip = self.crop(skip, branch)
        out: Tensor = self.relu(branch + skip)
        return out


class ResNet(Network):
    """A 7×7 stem, four stages of residual blocks at 1/4 to 1/32 of the image's size, and a linear classifier."""

    def __init__(self, model: ModelConfig, classes: int, *, blocks: tuple[int, int, int, int]) -> None:
        stem = Stage("stem", "7×7 stem", ("conv1", "bn1", "act1", "maxpool"))
        layers = (Stage(f"layer{n}", f"{width} maps", (f"layer{n}",)) for n, width in enumerate(WIDTHS, start=1))
        super().__init__((stem, *layers, Stage("head", "Average and classifier", ("avgpool", "fc"))), head="fc")
        self.conv1 = conv2d(3, 64, 7, model, stride=2)
        self.bn1 = norm2d(64, model)
        self.act1 = activation(model)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=0 if model.padding == "valid" else 1)
        self.layer1 = _layer(64, 64, blocks[0], 1, model)
        self.layer2 = _layer(64, 128, blocks[1], 2, model)
        self.layer3 = _layer(128, 256, blocks[2], 2, model)
        self.layer4 = _layer(256, 512, blocks[3], 2, model)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)
        initialise(self)
        if not model.batchnorm:
            self._keep_variance(sum(blocks))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W)."""
        x = self.maxpool(self.act1(self.bn1(self.conv1(x))))  # (N, 64, H / 4, W / 4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, 512, H / 32, W / 32)
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits

    def _keep_variance(self, blocks: int) -> None:
        # Without BatchNorm each sum would double the variance; so scaled, all blocks together triple it at most
        # (Hanin & Rolnick, How to Start Training, 2018).
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, BasicBlock):
                    module.conv2.weight.div_(blocks**0.5)


def _layer(inputs: int, outputs: int, blocks: int, stride: int, model: ModelConfig) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride, model)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1, model) for _ in range(blocks - 1)))
