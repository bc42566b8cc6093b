"""Network in Network (Lin, Chen & Yan, 2014): 1×1 convolutions as small networks, and an average for a classifier."""

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import Dropout, conv_norm_act, initialise
from cnnstudio.models.network import Network, Stage

# Maps, kernel and stride of the first convolution of each mlpconv block, in the network for ImageNet.
BLOCKS = ((96, 11, 4), (256, 5, 1), (384, 3, 1), (1024, 3, 1))
DROPOUT = 0.5


def nin(model: ModelConfig, classes: int) -> Network:
    """Build Network in Network with random weights."""
    return NiN(model, classes)


class NiN(Network):
    """Four mlpconv blocks, of which the last ends in one map a class; the mean of each map is the logit.

    An mlpconv block is a convolution followed by two of 1×1: the same small fully connected network at every position.
    There is no fully connected layer. Deviations from the authors' network: the first convolution is padded, BatchNorm
    follows each convolution where it is on (the paper is older), and no ReLU cuts off negative logits.
    """

    def __init__(self, model: ModelConfig, classes: int) -> None:
        features: list[nn.Module] = []
        stages: list[Stage] = []
        channels = 3
        for number, (width, kernel, stride) in enumerate(BLOCKS, start=1):
            start = len(features)
            features += conv_norm_act(channels, width, kernel, model, stride=stride)
            features += conv_norm_act(width, width, 1, model)
            if number < len(BLOCKS):
                features += [*conv_norm_act(width, width, 1, model), nn.MaxPool2d(3, 2, ceil_mode=True)]
            paths = tuple(f"features.{position}" for position in range(start, len(features)))
            stages.append(Stage(f"mlpconv{number}", f"{width} maps, {kernel}×{kernel}", paths))
            channels = width
        stages.append(Stage("head", "Classifier", ("dropout", "classifier", "avgpool")))
        super().__init__(model, tuple(stages), head="classifier")
        self.features = nn.Sequential(*features)
        self.dropout = Dropout(DROPOUT)
        self.classifier = nn.Conv2d(channels, classes, 1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W)."""
        maps = self.classifier(self.dropout(self.features(x)))  # (N, classes, H / 32, W / 32)
        return torch.flatten(self.avgpool(maps), 1)
