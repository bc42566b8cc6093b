"""Fine-tuning with fastai, where it is installed, as its quick start does it.

https://docs.fast.ai/quick_start.html: `ImageDataLoaders.from_folder` with `Resize`, `vision_learner`, and all layers
learning in a one-cycle schedule. 2 workers, as for everybody here; random weights, since only its speed is asked for.
"""

import importlib
from typing import Any, Final

from tests.bench.gate import Listener
from tests.bench.task import Task

_WORKERS: Final = 2
_ENDLESS: Final = 10_000


def run(task: Task, listener: Listener) -> None:
    """Train with a fastai learner whose callback tells the listener of every step."""
    vision: Any = importlib.import_module("fastai.vision.all")
    models: Any = importlib.import_module("torchvision.models")
    data = vision.ImageDataLoaders.from_folder(
        task.tree[0],
        train="train",
        valid="val",
        item_tfms=vision.Resize(task.image_size),
        batch_tfms=vision.aug_transforms(size=task.image_size),
        bs=task.batch,
        num_workers=_WORKERS,
    )

    def after_batch(self: Any) -> None:
        if self.training:
            listener.step(len(self.learn.yb[0]))

    def after_epoch(_self: Any) -> None:
        listener.epoch()

    callback = type("Told", (vision.Callback,), {"after_batch": after_batch, "after_epoch": after_epoch})
    learner = vision.vision_learner(
        data, getattr(models, task.arch), pretrained=False, metrics=vision.accuracy, cbs=callback()
    )
    learner.unfreeze()
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(_ENDLESS if task.by_blocks else task.epochs)
