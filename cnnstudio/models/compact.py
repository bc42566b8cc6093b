"""A small network after VGG's recipe, quick enough to learn from scratch on a CPU."""

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import conv_norm_act, initialise
from cnnstudio.models.network import Network, Stage

STAGES = ((1, 32), (1, 64), (2, 128), (2, 256))
"""Convolutions and feature maps of each stage: VGG-11's, at half its width and without its fifth stage."""


def compact(model: ModelConfig, classes: int) -> Network:
    """Build the compact network with random weights."""
    return Compact(model, classes)


class Compact(Network):
    """Four stages of 3×3 convolutions, each followed by max-pooling, then global average pooling.

    The early stages, whose maps are large, have one convolution and the late ones two: as in VGG-11 (Simonyan and
    Zisserman, 2015, configuration A), and twice as quick on a CPU as pairs throughout.

    Keys count positions in `features`, as torchvision's VGG does. Instead of VGG's three fully connected layers, which
    hold nine tenths of its weights, each map is averaged (Lin et al., Network in Network, 2014).
    """

    def __init__(self, model: ModelConfig, classes: int) -> None:
        layers: list[nn.Module] = []
        stages: list[Stage] = []
        channels = 3
        for number, (depth, width) in enumerate(STAGES, start=1):
            start = len(layers)
            for _ in range(depth):
                layers += conv_norm_act(channels, width, 3, model)
                channels = width
            layers.append(nn.MaxPool2d(2))
            paths = tuple(f"features.{position}" for position in range(start, len(layers)))
            stages.append(Stage(f"stage{number}", f"{width} maps", paths))
        stages.append(Stage("head", "Average and classifier", ("avgpool", "classifier")))
        super().__init__(tuple(stages), head="classifier")
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W)."""
        x = self.avgpool(self.features(x))  # (N, 256, 1, 1)
        logits: Tensor = self.classifier(torch.flatten(x, 1))
        return logits
