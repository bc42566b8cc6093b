"""Events as a run reports them, for tests that need no run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cnnstudio.core.config import Config
from cnnstudio.core.events import Changed, EndReason, EpochEnded, LayerPulse, Pulse, RunEnded, RunStarted, StepEnded
from cnnstudio.core.pictures import FeatureMaps
from tests.pictures import feature_maps

if TYPE_CHECKING:
    from cnnstudio.models.summary import Summary

# Four stages of seven layers; what can be watched are two convolutions and the pooling that ends the stage.
STAGES = {f"stage{number}": tuple(f"features.{7 * number + each}" for each in range(-7, 0)) for number in range(1, 5)}
LAYERS = tuple(layer for layers in STAGES.values() for layer in layers[::3])


def started(
    *, run: str = "/runs/birds-compact-1", epochs: int = 10, layers: tuple[str, ...] = LAYERS, images: int = 80
) -> RunStarted:
    config = Config().replace("data.folder", "/images/birds").replace("train.epochs", epochs)
    return RunStarted(
        run=run,
        config=config,
        device="CPU · fp32",
        precision="float32",
        classes=("robin", "wren"),
        train_images=images,
        val_images=images // 4,
        layers=layers,
        steps_per_epoch=images // 8,
        parameters=1000,
        trainable=1000,
        weights="random initial weights",
    )


def step(at: float, *, loss: float = 0.5, accuracy: float = 0.75, lr: float = 0.003, speed: float = 40.0) -> StepEnded:
    """Return what is reported after `at` epochs of ten steps each."""
    return StepEnded(step=round(10 * at), epoch=at, loss=loss, accuracy=accuracy, lr=lr, images_per_second=speed)


def epoch(number: int, *, val_accuracy: float = 0.8, best: bool = True, seconds: float = 2.0) -> EpochEnded:
    return EpochEnded(
        epoch=number,
        train_loss=0.6,
        train_accuracy=0.7,
        val_loss=0.55,
        val_accuracy=val_accuracy,
        images_per_second=40.0,
        seconds=seconds,
        best=best,
    )


def pulse(at: float, *layers: LayerPulse) -> Pulse:
    """Return how layers learn after `at` epochs of ten steps each; without any told, those of a small network."""
    usual = tuple(
        LayerPulse(path=path, gradient=0.02 * 2**number, weight=4.0, update=1e-3, dead=0.1)
        for number, path in enumerate(("features.0", "features.7", "features.14"))
    )
    head = LayerPulse(path="classifier", gradient=0.5, weight=1.0, update=2e-3)
    return Pulse(step=round(10 * at), epoch=at, layers=layers or (*usual, head))


def changed(at: float, key: str, old: float, new: float, label: str, *, text: str = "") -> Changed:
    """Return what is told when a run takes a change after `at` epochs of ten steps each."""
    return Changed(step=round(10 * at), epoch=at, key=key, old=old, new=new, label=label, text=text or label)


def ended(
    reason: EndReason = "finished",
    *,
    accuracy: float | None = 0.9,
    at: int | None = 3,
    run: str = "/runs/birds-compact-1",
    message: str = "",
) -> RunEnded:
    return RunEnded(reason=reason, best_val_accuracy=accuracy, best_epoch=at, seconds=75.0, run=run, message=message)


def maps(
    layer: str, *, channels: int = 32, image: str = "/images/birds/robin/1.png", second: float = 0.9
) -> FeatureMaps:
    """Return feature maps, and an answer that gives `second` to the second of two classes."""
    tiles = np.random.default_rng(channels).integers(0, 256, (channels, 8, 8), dtype=np.uint8)
    answer = np.array([1 - second, second], dtype=np.float32)
    return feature_maps(layer, tiles, image=image, probabilities=answer, step=10)


def summary(stages: Mapping[str, Sequence[str]] = STAGES) -> "Summary":
    """Return the table of a network with these layers and a head."""
    from cnnstudio.models.summary import LayerRow, StageRow, Summary

    rows = tuple(
        LayerRow(
            layer,
            "Conv2d",
            "3×3, same",
            stage,
            (2,) if stage == "head" else (8, 16, 16),
            72,
            1000,
            3,
            frozen=False,
            note="",
        )
        for stage, layers in {**stages, "head": ("classifier",)}.items()
        for layer in layers
    )
    titles = tuple(StageRow(stage, "8 maps", (8, 16, 16), 504, frozen=False) for stage in (*stages, "head"))
    return Summary(rows, image_size=32, parameters=2088, trainable=2088, flops=29_000, minimum_size=16, stages=titles)
