"""GoogLeNet, the first Inception network (Szegedy et al., Going Deeper with Convolutions, 2015).

Keys are torchvision's: `conv1.conv` to `fc`.
"""

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import AdaptiveAvgPool2d, BasicConv2d, Concat, Dropout, initialise, max_pool2d
from cnnstudio.models.network import Network, Outputs, Stage

# Table 1 of the paper: maps of the 1×1 branch, 3×3 (narrowed to, maps), 5×5 (narrowed to, maps), pooling branch.
BLOCKS = {
    "inception3a": (64, (96, 128), (16, 32), 32),
    "inception3b": (128, (128, 192), (32, 96), 64),
    "inception4a": (192, (96, 208), (16, 48), 64),
    "inception4b": (160, (112, 224), (24, 64), 64),
    "inception4c": (128, (128, 256), (24, 64), 64),
    "inception4d": (112, (144, 288), (32, 64), 64),
    "inception4e": (256, (160, 320), (32, 128), 128),
    "inception5a": (256, (160, 320), (32, 128), 128),
    "inception5b": (384, (192, 384), (48, 128), 128),
}
AUX_BEHIND = {"inception4a": "aux1", "inception4d": "aux2"}
DROPOUT = 0.2
DROPOUT_AUX = 0.7


def googlenet(model: ModelConfig, classes: int) -> Network:
    """Build GoogLeNet with random weights; the counterpart of `torchvision.models.googlenet`."""
    return GoogLeNet(model, classes)


class Inception(nn.Module):
    """Four ways to look at the same maps side by side: 1×1, 3×3, 5×5 and pooling, each narrowed by 1×1 convolutions.

    The "5×5" branch has a 3×3 kernel, as torchvision's weights have (vision#906).
    """

    def __init__(
        self, inputs: int, direct: int, middle: tuple[int, int], large: tuple[int, int], pooled: int, model: ModelConfig
    ) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(inputs, direct, 1, model)
        self.branch2 = nn.Sequential(BasicConv2d(inputs, middle[0], 1, model), BasicConv2d(*middle, 3, model))
        self.branch3 = nn.Sequential(BasicConv2d(inputs, large[0], 1, model), BasicConv2d(*large, 3, model))
        self.branch4 = nn.Sequential(max_pool2d(model, stride=1, ceil_mode=True), BasicConv2d(inputs, pooled, 1, model))
        self.concat = Concat()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, sum of the branches' maps, H, W), less the border without padding, of (N, inputs, H, W)."""
        maps: Tensor = self.concat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)])
        return maps


class AuxiliaryHead(nn.Module):
    """A second classifier half-way, whose loss brings gradients to the early stages; it is left out after training."""

    def __init__(self, inputs: int, classes: int, model: ModelConfig) -> None:
        super().__init__()
        self.avgpool = AdaptiveAvgPool2d(4)
        self.conv = BasicConv2d(inputs, 128, 1, model)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = Dropout(DROPOUT_AUX)
        self.fc2 = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of maps (N, inputs, H, W)."""
        x = torch.flatten(self.conv(self.avgpool(x)), 1)  # (N, 2048)
        logits: Tensor = self.fc2(self.dropout(self.relu(self.fc1(x))))
        return logits


class GoogLeNet(Network):
    """A stem at 1/8 of the image's size, nine inception modules, and the mean of each of the last 1,024 maps."""

    def __init__(self, model: ModelConfig, classes: int) -> None:
        aux = {head: f"{head}.fc2" for head in AUX_BEHIND.values()} if model.aux else {}
        stem = Stage("stem", "7×7 stem", ("conv1", "maxpool1"))
        second = Stage("conv2", "1×1 and 3×3", ("conv2", "conv3", "maxpool2"))
        groups = [_stage(number, aux) for number in (3, 4, 5)]
        head = Stage("head", "Classifier", ("avgpool", "dropout", "fc"))
        super().__init__(model, (stem, second, *groups, head), head="fc", aux=aux)
        self.conv1 = BasicConv2d(3, 64, 7, model, stride=2)
        self.maxpool1 = _halve(3)
        self.conv2 = BasicConv2d(64, 64, 1, model)
        self.conv3 = BasicConv2d(64, 192, 3, model)
        self.maxpool2 = _halve(3)
        channels = 192
        for name, (direct, middle, large, pooled) in BLOCKS.items():
            self.add_module(name, Inception(channels, direct, middle, large, pooled, model))
            channels = direct + middle[1] + large[1] + pooled
            if AUX_BEHIND.get(name) in aux:
                self.add_module(AUX_BEHIND[name], AuxiliaryHead(channels, classes, model))
            if name == "inception3b":
                self.maxpool3 = _halve(3)
            if name == "inception4e":
                self.maxpool4 = _halve(2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = Dropout(DROPOUT)
        self.fc = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor | Outputs:
        """Return the logits (N, classes) of images (N, 3, H, W), and those of auxiliary heads while they learn."""
        x = self.maxpool1(self.conv1(x))  # (N, 64, H / 4, W / 4)
        x = self.maxpool2(self.conv3(self.conv2(x)))  # (N, 192, H / 8, W / 8)
        aux: dict[str, Tensor] = {}
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
            side = AUX_BEHIND.get(name, "")
            if self.listens_to(side):
                aux[side] = self.get_submodule(side)(x)
            if name == "inception3b":
                x = self.maxpool3(x)  # (N, 480, H / 16, W / 16)
            if name == "inception4e":
                x = self.maxpool4(x)  # (N, 832, H / 32, W / 32)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 1024)
        logits: Tensor = self.fc(self.dropout(x))
        return Outputs(logits, aux) if aux else logits


def _halve(kernel: int) -> nn.MaxPool2d:
    return nn.MaxPool2d(kernel, 2, ceil_mode=True)


def _stage(number: int, aux: dict[str, str]) -> Stage:
    paths: list[str] = []
    for name in BLOCKS:
        if name.startswith(f"inception{number}"):
            paths.append(name)
            paths += [head for head in aux if AUX_BEHIND.get(name) == head]
    pool = () if number == 5 else (f"maxpool{number}",)
    modules = len([path for path in paths if path in BLOCKS])
    return Stage(f"inception{number}", f"{modules} inception modules", (*paths, *pool))
