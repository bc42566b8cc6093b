"""A small network after VGG's recipe, quick enough to learn from scratch on a CPU."""

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import AdaptiveAvgPool2d, Dropout, initialise
from cnnstudio.models.network import Network, Stage
from cnnstudio.models.vgg import recipe

DEPTHS = (1, 1, 2, 2, 2, 2)
"""Convolutions of each stage, as in VGG-11; a sixth stage follows where it is asked for."""
LARGEST_WIDTH = 8
"""Times the first stage's width, beyond which stages get no wider: VGG's 64 to 512."""
GRID = 6
HIDDEN = 256


def compact(model: ModelConfig, classes: int) -> Network:
    """Build the compact network with random weights."""
    return Compact(model, classes)


class Compact(Network):
    """`model.depth` stages of equal convolutions, each closed by max-pooling that halves the size, and a small head.

    The early stages, whose maps are large, have one convolution and the late ones two: as in VGG-11 (Simonyan and
    Zisserman, 2015, configuration A), and twice as quick on a CPU as pairs throughout. `model.width` is the number of
    feature maps of the first stage, which doubles from stage to stage; `model.kernel` the side of the kernels.

    Keys count positions in `features`, as torchvision's VGG does. `model.head` is `global_average` (the mean of each
    map, then one layer; Lin et al., Network in Network, 2014), `convolutional` (the same in the other order: a map for
    each class, then its mean) or `fully_connected` (6×6 maps, 256 features, then the last layer).
    """

    def __init__(self, model: ModelConfig, classes: int) -> None:
        widths = tuple(model.width * min(2**number, LARGEST_WIDTH) for number in range(model.depth))
        features, stages = recipe(DEPTHS[: model.depth], widths, model.kernel, model)
        convolutional, connected = model.head == "convolutional", model.head == "fully_connected"
        paths = ("classifier", "avgpool") if convolutional else ("avgpool", "classifier")
        head = Stage("head", "Classifier", paths)
        super().__init__(model, (*stages, head), head="classifier.3" if connected else "classifier")
        self.features = features
        if convolutional:
            self.classifier: nn.Module = nn.Conv2d(widths[-1], classes, 1)
        self.avgpool = AdaptiveAvgPool2d(GRID if connected else 1)
        if connected:
            hidden = nn.Linear(widths[-1] * GRID**2, HIDDEN)
            self.classifier = nn.Sequential(hidden, nn.ReLU(True), Dropout(), nn.Linear(HIDDEN, classes))
        elif not convolutional:
            self.classifier = nn.Linear(widths[-1], classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W)."""
        if self.fully_convolutional:
            return torch.flatten(self.avgpool(self.heat_map(x)), 1)
        x = self.features(x)  # (N, 256, H / 16, W / 16) with four stages
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(x), 1))
        return logits

    def heat_map(self, x: Tensor) -> Tensor:
        """Return one map a class (N, classes, H / 16, W / 16), with four stages, of images (N, 3, H, W)."""
        assert self.fully_convolutional, "only the convolutional head gives maps"
        maps: Tensor = self.classifier(self.features(x))
        return maps
