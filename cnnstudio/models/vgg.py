"""VGG (Simonyan & Zisserman, 2015) with torchvision's keys, and its fully convolutional form (Long et al., 2015)."""

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.blocks import AdaptiveAvgPool2d, Dropout, conv_norm_act, initialise
from cnnstudio.models.network import Network, Stage

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
    "fcn_vgg16": (2, 2, 3, 3, 3),
}
"""Convolutions of each stage: configurations A, B, D and E of the paper."""
HIDDEN = 4096
GRID = 7
"""Side of the maps of a 224-pixel image after the last pooling."""


def vgg(model: ModelConfig, classes: int) -> Network:
    """Build the VGG of `model.arch` with random weights; the counterpart of `torchvision.models.vgg16` and others."""
    return VGG(model, classes)


def recipe(
    depths: tuple[int, ...], widths: tuple[int, ...], kernel: int, model: ModelConfig, *, bias: bool | None = None
) -> tuple[nn.Sequential, tuple[Stage, ...]]:
    """Return VGG's recipe: stages of equal convolutions, each closed by max-pooling that halves the size.

    Args:
        depths: Convolutions of each stage.
        widths: Feature maps of each stage.
        kernel: Side of the kernels.
        model: The switches.
        bias: Whether the convolutions have biases; None leaves that to BatchNorm.

    Returns:
        The layers, whose keys count positions, and the stages with paths below `features`.
    """
    layers: list[nn.Module] = []
    stages: list[Stage] = []
    channels = 3
    for number, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
        start = len(layers)
        for _ in range(depth):
            layers += conv_norm_act(channels, width, kernel, model, bias=bias)
            channels = width
        layers.append(nn.MaxPool2d(2))
        paths = tuple(f"features.{position}" for position in range(start, len(layers)))
        stages.append(Stage(f"stage{number}", f"{width} maps", paths))
    return nn.Sequential(*layers), tuple(stages)


class VGG(Network):
    """Five stages of 3×3 convolutions, then a classifier in one of three forms (`model.head`).

    `fully_connected` is the paper's: 7×7 maps, two layers of 4,096 features and the last layer, nine tenths of all
    weights. `convolutional` computes the same with a 7×7 kernel and two of 1×1: at 224 pixels one answer, at any other
    size a map of answers for each class, whose mean is the logit. `global_average` has one layer on the mean of each
    map (Lin et al., 2014).

    As in torchvision's weights, convolutions have a bias even where BatchNorm follows and makes it superfluous.
    """

    def __init__(self, model: ModelConfig, classes: int) -> None:
        features, stages = recipe(DEPTHS[model.arch], WIDTHS, 3, model, bias=True)
        convolutional, averaged = model.head == "convolutional", model.head == "global_average"
        tail = _averaged_stage() if averaged else _classifier_stages(convolutional)
        super().__init__(model, (*stages, *tail), head="classifier.0" if averaged else "classifier.6")
        self.features = features
        if convolutional:
            self.classifier = _convolutional(classes)
            self.avgpool = nn.AdaptiveAvgPool2d(1)
        else:
            self.avgpool = AdaptiveAvgPool2d(1 if averaged else GRID)
            self.classifier = nn.Sequential(nn.Linear(WIDTHS[-1], classes)) if averaged else _fully_connected(classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W)."""
        if self.fully_convolutional:
            return torch.flatten(self.avgpool(self.heat_map(x)), 1)
        x = self.avgpool(self.features(x))  # (N, 512, 7, 7)
        logits: Tensor = self.classifier(torch.flatten(x, 1))
        return logits

    def heat_map(self, x: Tensor) -> Tensor:
        """Return one map a class (N, classes, H / 32 - 6, W / 32 - 6) of images (N, 3, H, W) of any size.

        Each pixel holds the logits of one 224-pixel window of the image; windows lie 32 pixels apart.
        """
        assert self.fully_convolutional, "only the convolutional head gives maps"
        maps: Tensor = self.classifier(self.features(x))
        return maps


def _fully_connected(classes: int) -> nn.Sequential:
    first, last = nn.Linear(WIDTHS[-1] * GRID**2, HIDDEN), nn.Linear(HIDDEN, classes)
    return nn.Sequential(first, nn.ReLU(True), Dropout(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(True), Dropout(), last)


def _convolutional(classes: int) -> nn.Sequential:
    first, last = nn.Conv2d(WIDTHS[-1], HIDDEN, GRID), nn.Conv2d(HIDDEN, classes, 1)
    return nn.Sequential(first, nn.ReLU(True), Dropout(), nn.Conv2d(HIDDEN, HIDDEN, 1), nn.ReLU(True), Dropout(), last)


def _averaged_stage() -> tuple[Stage, ...]:
    return (Stage("head", "Classifier", ("avgpool", "classifier")),)


def _classifier_stages(convolutional: bool) -> tuple[Stage, ...]:
    first = ("classifier.0", "classifier.1", "classifier.2")
    last = ("classifier.6", "avgpool") if convolutional else ("classifier.6",)
    return (
        Stage("fc6", "4,096 features, 7×7", first if convolutional else ("avgpool", *first)),
        Stage("fc7", "4,096 features", ("classifier.3", "classifier.4", "classifier.5")),
        Stage("head", "Classifier", last),
    )
