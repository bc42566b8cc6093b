"""Training with fastai, where it is installed, as its own pages do it.

https://docs.fast.ai/quick_start.html and https://docs.fast.ai/tutorial.vision.html: `ImageDataLoaders.from_folder` with
`Resize` and `aug_transforms`, `vision_learner`, and then, by the task,

* all layers in a one-cycle schedule, block by block, where only speed is asked for;
* `fit_one_cycle` on a frozen body (mode `freeze`);
* `fine_tune`: one epoch with the body frozen, then all layers with discriminative rates (mode `finetune`).

2 workers, as for everybody here.
"""

import importlib
import mimetypes
from typing import Any, Final

from torch import nn

from tests.bench.gate import Listener
from tests.bench.peers.networks import network, normalisation
from tests.bench.task import Task

_WORKERS: Final = 2
_ENDLESS: Final = 10_000


def run(task: Task, listener: Listener) -> None:
    """Train with a fastai learner whose callback tells the listener of every step."""
    mimetypes.add_type("image/webp", ".webp")  # fastai goes by this table, which lacks it before Python 3.13
    vision: Any = importlib.import_module("fastai.vision.all")
    vision.set_seed(task.seed)
    data = vision.ImageDataLoaders.from_folder(
        task.tree[0],
        train="train",
        valid="val",
        item_tfms=vision.Resize(task.image_size),
        batch_tfms=[
            *vision.aug_transforms(size=task.image_size),
            vision.Normalize.from_stats(*normalisation(task)),
        ],
        bs=task.batch,
        num_workers=_WORKERS,
    )

    def after_batch(self: Any) -> None:
        if self.training:
            listener.step(len(self.learn.yb[0]))

    def after_epoch(self: Any) -> None:
        listener.epoch(val_accuracy=float(self.learn.recorder.metrics[0].value))

    told = type("Told", (vision.Callback,), {"order": 60, "after_batch": after_batch, "after_epoch": after_epoch})
    # normalize=False: the statistics of the weights stand above already. `pretrained` freezes the body.
    learner = vision.vision_learner(
        data,
        _architecture(task, data.c),
        cut=_body,
        normalize=False,
        pretrained=not task.by_blocks,
        metrics=vision.accuracy,
        cbs=told(),
    )
    with learner.no_bar(), learner.no_logging():
        if task.by_blocks:
            learner.unfreeze()
            learner.fit_one_cycle(_ENDLESS)
        elif task.mode == "freeze":
            learner.fit_one_cycle(task.epochs)
        else:
            learner.fine_tune(task.epochs)


def _architecture(task: Task, classes: int) -> Any:
    def make(**_weights: object) -> nn.Module:
        return network(task, classes)[0]

    return make


def _body(made: nn.Module) -> nn.Module:
    """Return what comes before pooling and head, which fastai replaces by its own."""
    if hasattr(made, "features"):
        return nn.Sequential(*made.get_submodule("features").children())
    return nn.Sequential(*list(made.children())[:-2])
