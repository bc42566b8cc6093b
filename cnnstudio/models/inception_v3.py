"""Inception v3 (Szegedy et al., Rethinking the Inception Architecture, 2016), with torchvision's keys."""

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import BasicConv2d, Concat, Dropout, avg_pool2d, initialise
from cnnstudio.models.network import Network, Outputs, Stage

DROPOUT = 0.5
_TALL, _WIDE = (7, 1), (1, 7)


def inception_v3(model: ModelConfig, classes: int) -> Network:
    """Build Inception v3 with random weights; the counterpart of `torchvision.models.inception_v3`."""
    return InceptionV3(model, classes)


class InceptionA(nn.Module):
    """1×1, 5×5, two 3×3 in a row (which see as far as 5×5 for less) and average pooling, side by side."""

    def __init__(self, inputs: int, pooled: int, model: ModelConfig) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(inputs, 64, 1, model)
        self.branch5x5_1 = BasicConv2d(inputs, 48, 1, model)
        self.branch5x5_2 = BasicConv2d(48, 64, 5, model)
        self.branch3x3dbl_1 = BasicConv2d(inputs, 64, 1, model)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, 3, model)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, model)
        self.pool = avg_pool2d(model)
        self.branch_pool = BasicConv2d(inputs, pooled, 1, model)
        self.concat = Concat()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 224 + pooled, H, W), less the border without padding, of (N, inputs, H, W)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        branches = [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, self.branch_pool(self.pool(x))]
        maps: Tensor = self.concat(branches)
        return maps


class InceptionB(nn.Module):
    """Halves the size by convolutions and by pooling at once, so that nothing is lost in a bottleneck."""

    def __init__(self, inputs: int, model: ModelConfig) -> None:
        super().__init__()
        self.branch3x3 = BasicConv2d(inputs, 384, 3, model, stride=2, padded=False)
        self.branch3x3dbl_1 = BasicConv2d(inputs, 64, 1, model)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, 3, model)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, model, stride=2, padded=False)
        self.pool = nn.MaxPool2d(3, 2)
        self.concat = Concat()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 480 + inputs, H / 2, W / 2), less the border, of (N, inputs, H, W)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        maps: Tensor = self.concat([self.branch3x3(x), double, self.pool(x)])
        return maps


class InceptionC(nn.Module):
    """7×7 convolutions factorised into 1×7 and 7×1: the same reach for two sevenths of the work."""

    def __init__(self, inputs: int, narrow: int, model: ModelConfig) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(inputs, 192, 1, model)
        self.branch7x7_1 = BasicConv2d(inputs, narrow, 1, model)
        self.branch7x7_2 = BasicConv2d(narrow, narrow, _WIDE, model)
        self.branch7x7_3 = BasicConv2d(narrow, 192, _TALL, model)
        self.branch7x7dbl_1 = BasicConv2d(inputs, narrow, 1, model)
        self.branch7x7dbl_2 = BasicConv2d(narrow, narrow, _TALL, model)
        self.branch7x7dbl_3 = BasicConv2d(narrow, narrow, _WIDE, model)
        self.branch7x7dbl_4 = BasicConv2d(narrow, narrow, _TALL, model)
        self.branch7x7dbl_5 = BasicConv2d(narrow, 192, _WIDE, model)
        self.pool = avg_pool2d(model)
        self.branch_pool = BasicConv2d(inputs, 192, 1, model)
        self.concat = Concat()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 768, H, W), less the border without padding, of (N, inputs, H, W)."""
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        maps: Tensor = self.concat([self.branch1x1(x), single, double, self.branch_pool(self.pool(x))])
        return maps


class InceptionD(nn.Module):
    """Halves the size as `InceptionB` does, one branch with a factorised 7×7."""

    def __init__(self, inputs: int, model: ModelConfig) -> None:
        super().__init__()
        self.branch3x3_1 = BasicConv2d(inputs, 192, 1, model)
        self.branch3x3_2 = BasicConv2d(192, 320, 3, model, stride=2, padded=False)
        self.branch7x7x3_1 = BasicConv2d(inputs, 192, 1, model)
        self.branch7x7x3_2 = BasicConv2d(192, 192, _WIDE, model)
        self.branch7x7x3_3 = BasicConv2d(192, 192, _TALL, model)
        self.branch7x7x3_4 = BasicConv2d(192, 192, 3, model, stride=2, padded=False)
        self.pool = nn.MaxPool2d(3, 2)
        self.concat = Concat()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 512 + inputs, H / 2, W / 2), less the border, of (N, inputs, H, W)."""
        factorised = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        branches = [self.branch3x3_2(self.branch3x3_1(x)), self.branch7x7x3_4(factorised), self.pool(x)]
        maps: Tensor = self.concat(branches)
        return maps


class InceptionE(nn.Module):
    """1×3 and 3×1 side by side instead of in a row: the widest modules, for the smallest maps."""

    def __init__(self, inputs: int, model: ModelConfig) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(inputs, 320, 1, model)
        self.branch3x3_1 = BasicConv2d(inputs, 384, 1, model)
        self.branch3x3_2a = BasicConv2d(384, 384, (1, 3), model)
        self.branch3x3_2b = BasicConv2d(384, 384, (3, 1), model)
        self.branch3x3_concat = Concat()
        self.branch3x3dbl_1 = BasicConv2d(inputs, 448, 1, model)
        self.branch3x3dbl_2 = BasicConv2d(448, 384, 3, model)
        self.branch3x3dbl_3a = BasicConv2d(384, 384, (1, 3), model)
        self.branch3x3dbl_3b = BasicConv2d(384, 384, (3, 1), model)
        self.branch3x3dbl_concat = Concat()
        self.pool = avg_pool2d(model)
        self.branch_pool = BasicConv2d(inputs, 192, 1, model)
        self.concat = Concat()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 2048, H, W), less the border without padding, of (N, inputs, H, W)."""
        single = self.branch3x3_1(x)
        single = self.branch3x3_concat([self.branch3x3_2a(single), self.branch3x3_2b(single)])
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        double = self.branch3x3dbl_concat([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)])
        maps: Tensor = self.concat([self.branch1x1(x), single, double, self.branch_pool(self.pool(x))])
        return maps


class AuxiliaryHead(nn.Module):
    """A second classifier behind the 17×17 maps; in this paper it counts as a regulariser."""

    def __init__(self, inputs: int, classes: int, model: ModelConfig) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, 3)
        self.conv0 = BasicConv2d(inputs, 128, 1, model)
        self.conv1 = BasicConv2d(128, 768, 5, model, padded=False)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of maps (N, inputs, H, W)."""
        x = self.avgpool(self.conv1(self.conv0(self.pool(x))))  # (N, 768, 1, 1)
        logits: Tensor = self.fc(torch.flatten(x, 1))
        return logits


class InceptionV3(Network):
    """A stem of six convolutions at 1/8 of the image's size, eleven modules of five kinds, and 2,048 averaged maps."""

    def __init__(self, model: ModelConfig, classes: int) -> None:
        aux = {"AuxLogits": "AuxLogits.fc"} if model.aux else {}
        stem = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1")
        sixth = tuple(f"Mixed_6{letter}" for letter in "abcde")
        stages = (
            Stage("stem", "3×3 stem", stem),
            Stage("conv4", "1×1 and 3×3", ("Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2")),
            Stage("mixed5", "3 modules, 5×5", ("Mixed_5b", "Mixed_5c", "Mixed_5d")),
            Stage("mixed6", "5 modules, 1×7 and 7×1", (*sixth[:-1], *_before(sixth[-1], aux))),
            Stage("mixed7", "3 modules, 1×3 and 3×1", ("Mixed_7a", "Mixed_7b", "Mixed_7c")),
            Stage("head", "Classifier", ("avgpool", "dropout", "fc")),
        )
        super().__init__(model, stages, head="fc", aux=aux)
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, 3, model, stride=2, padded=False)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, 3, model, padded=False)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, 3, model)
        self.maxpool1 = nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, 1, model)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, 3, model, padded=False)
        self.maxpool2 = nn.MaxPool2d(3, 2)
        self.Mixed_5b = InceptionA(192, 32, model)
        self.Mixed_5c = InceptionA(256, 64, model)
        self.Mixed_5d = InceptionA(288, 64, model)
        self.Mixed_6a = InceptionB(288, model)
        self.Mixed_6b = InceptionC(768, 128, model)
        self.Mixed_6c = InceptionC(768, 160, model)
        self.Mixed_6d = InceptionC(768, 160, model)
        self.Mixed_6e = InceptionC(768, 192, model)
        if aux:
            self.AuxLogits = AuxiliaryHead(768, classes, model)
        self.Mixed_7a = InceptionD(768, model)
        self.Mixed_7b = InceptionE(1280, model)
        self.Mixed_7c = InceptionE(2048, model)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = Dropout(DROPOUT)
        self.fc = nn.Linear(2048, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor | Outputs:
        """Return the logits (N, classes) of images (N, 3, H, W), and those of the auxiliary head while it learns."""
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))  # (N, 64, 73, 73) of 299
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))  # (N, 192, 35, 35)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # (N, 288, 35, 35)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))  # (N, 768, 17, 17)
        aux = {"AuxLogits": self.AuxLogits(x)} if self.listens_to("AuxLogits") else {}
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (N, 2048, 8, 8)
        x = torch.flatten(self.dropout(self.avgpool(x)), 1)  # (N, 2048)
        logits: Tensor = self.fc(x)
        return Outputs(logits, aux) if aux else logits


def _before(last: str, aux: dict[str, str]) -> tuple[str, ...]:
    # What hands the stage's result on comes last; nothing follows the auxiliary head.
    return (*aux, last)
