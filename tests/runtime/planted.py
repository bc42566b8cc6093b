"""Real runs with a planted fault, and healthy ones, all on a few small drawn images."""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cnnstudio.core.config import load_config
from cnnstudio.core.control import Control
from cnnstudio.core.events import Event
from cnnstudio.data.samples import draw_image, sample

_KINDS = 4
_IMAGES = 48  # of each kind


@dataclass(frozen=True, slots=True)
class Planted:
    """A run.

    Attributes:
        name: In words.
        fault: The kind of finding that is right; empty for a healthy run.
        changes: Of the configuration, as `key=value`.
        images: `shapes`, or what is wrong with them: `random labels`, `twins`, `one class`.
        others: Kinds of findings that are right as well.
    """

    name: str
    fault: str
    changes: tuple[str, ...] = ()
    images: str = "shapes"
    others: tuple[str, ...] = ()


CASES: Sequence[Planted] = (
    Planted("defaults", ""),
    Planted("SGD", "", ("train.optimizer=sgd",)),
    Planted("cosine", "", ("train.schedule=cosine",)),
    Planted("constant rate", "", ("train.schedule=constant", "train.lr=0.001")),
    Planted("no BatchNorm", "", ("model.batchnorm=false", "train.lr=0.002")),
    Planted("Dropout2d", "", ("model.dropout2d=0.1",)),
    Planted("mixup", "", ("train.mix=mixup",)),
    Planted("no augmentation", "", ("data.augment=false",)),
    Planted("deeper", "", ("model.depth=4",)),
    Planted("label smoothing", "", ("train.label_smoothing=0.1",)),
    Planted(
        "AdamW at 30", "lr_high", ("train.lr=30", "train.schedule=constant"), others=("dead", "collapse", "exploding")
    ),
    Planted(
        "AdamW at 3 without BatchNorm",
        "lr_high",
        ("train.lr=3", "model.batchnorm=false"),
        others=("dead", "collapse", "exploding", "plateau", "vanishing"),
    ),
    Planted(
        "SGD at 20",
        "lr_high",
        ("train.lr=20", "train.optimizer=sgd"),
        others=("dead", "collapse", "exploding", "plateau"),
    ),
    Planted("AdamW at 1e-6", "lr_low", ("train.lr=0.000001",)),
    Planted("SGD at 1e-6", "lr_low", ("train.lr=0.000001", "train.optimizer=sgd")),
    Planted(
        "random labels",
        "overfitting",
        ("data.augment=false", "train.epochs=24", "model.width=16", "model.depth=4"),
        "random labels",
    ),
    Planted("batches of two", "tiny_batches", ("data.batch_size=2", "train.epochs=4")),
    Planted("twins", "leak", (), "twins"),
    Planted("one class", "collapse", ("train.epochs=6",), "one class"),
)


def draw(folder: Path, images: str) -> Path:
    """Draw the images of a run."""
    chance = random.Random(0)
    kinds = sample("shapes").classes[:_KINDS]
    for kind in kinds:
        for index in range(_IMAGES if images != "one class" or kind == kinds[0] else 3):
            label = chance.choice(kinds) if images == "random labels" else kind
            part = () if images != "twins" else ("train",)
            path = folder.joinpath(*part, label, f"{kind}-{index:03}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw_image("shapes", kind, index)).save(path)
    if images == "twins":
        for path in sorted((folder / "train").glob("*/*-00?.png")):
            (folder / "val" / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / "val" / path.parent.name / path.name)
    return folder


def train(case: Planted, images: Path, out: Path) -> list[Event]:
    """Return what the run of a case reports."""
    from cnnstudio.engine import trainer

    quick = (
        f"data.folder='{images}'",
        "data.image_size=24",
        "data.batch_size=16",
        "model.depth=3",
        "model.width=8",
        "train.epochs=10",
        "compute.precision=float32",
        "compute.device=cpu",
    )
    events: list[Event] = []
    trainer.train(load_config(None, (*quick, *case.changes)), events.append, Control(), out=out)
    return events
