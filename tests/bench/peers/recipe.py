"""torchvision's reference recipe for classification, reduced to one process.

https://github.com/pytorch/vision/tree/main/references/classification (train.py, presets.py, utils.py) with its default
arguments: RandomResizedCrop and a mirror, SGD 0.1 with momentum 0.9 and weight decay 1e-4, StepLR(30, 0.1); in every
step loss, top-1 and top-5 are read and averaged over a window. Left out: distributed training, mixed precision,
averaged weights and the stronger augmentation, all of which are off by default. 2 workers instead of 16, as for
everybody here; where there is no accelerator, memory is not pinned, which would only warn.
"""

import math
import warnings
from collections import deque
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler
from torchvision import datasets, transforms

from tests.bench.gate import Listener
from tests.bench.peers.networks import best_device, network, normalisation
from tests.bench.task import Task

_WORKERS: Final = 2
_WINDOW: Final = 20  # values that a meter smooths over
_ENDLESS: Final = 10_000


def run(task: Task, listener: Listener) -> None:
    """Train and evaluate by the recipe, and tell the listener of every step and epoch."""
    warnings.filterwarnings("ignore", message="Palette images", module="PIL")
    training, testing = (_images(task, part) for part in ("train", "val"))
    pinned = torch.accelerator.is_available()
    loader: DataLoader[Any] = DataLoader(
        training, batch_size=task.batch, sampler=RandomSampler(training), num_workers=_WORKERS, pin_memory=pinned
    )
    judge: DataLoader[Any] = DataLoader(
        testing, batch_size=task.batch, sampler=SequentialSampler(testing), num_workers=_WORKERS, pin_memory=pinned
    )
    device = best_device()
    model, head = network(task, len(training.classes))
    model.to(device)
    learning = head if task.mode == "freeze" else model
    model.requires_grad_(task.mode != "freeze")
    head.requires_grad_(True)
    optimizer = SGD(learning.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.0)
    for _ in range(_ENDLESS if task.by_blocks else task.epochs):
        model.train()
        meters = [_Meter() for _ in range(3)]
        for images, labels in loader:
            image, target = images.to(device), labels.to(device)
            output = model(image)
            loss = criterion(output, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for meter, value in zip(meters, (loss, *hits(output, target)), strict=True):
                meter.update(value.item(), len(target))
            listener.step(len(target))
        scheduler.step()
        listener.epoch(val_accuracy=_evaluate(model, judge, device))


def hits(output: Tensor, target: Tensor, top: tuple[int, ...] = (1, 5)) -> list[Tensor]:
    """Return the percentage of targets (B,) among the highest `k` logits (B, classes), for each `k`."""
    with torch.inference_mode():
        most = min(max(top), output.size(1))
        _, predicted = output.topk(most, 1)
        right = predicted.t() == target[None]  # (most, B)
        return [right[:k].flatten().sum(dtype=torch.float32) * (100.0 / len(target)) for k in top]


class _Meter:
    """A series of values, smoothed over the latest ones."""

    def __init__(self) -> None:
        self.recent: deque[float] = deque(maxlen=_WINDOW)
        self.total, self.count = 0.0, 0

    def update(self, value: float, count: int) -> None:
        """Add a value that stands for `count` images."""
        self.recent.append(value)
        self.total += value * count
        self.count += count

    @property
    def mean(self) -> float:
        """Over all images; not a number where there was none."""
        return self.total / self.count if self.count else math.nan


def _evaluate(model: nn.Module, loader: "DataLoader[Any]", device: torch.device) -> float:
    model.eval()
    meter = _Meter()
    with torch.inference_mode():
        for images, labels in loader:
            top1 = hits(model(images.to(device)), labels.to(device), (1,))[0]
            meter.update(top1.item(), len(labels))
    return meter.mean / 100


def _images(task: Task, part: str) -> datasets.ImageFolder:
    normalise = transforms.Normalize(*normalisation(task))
    to_tensor = [transforms.PILToTensor(), transforms.ConvertImageDtype(torch.float)]
    side = task.image_size
    first: list[Any] = (
        [transforms.RandomResizedCrop(side, antialias=True), transforms.RandomHorizontalFlip(0.5)]
        if part == "train"
        else [transforms.Resize(side * 256 // 224, antialias=True), transforms.CenterCrop(side)]
    )
    return datasets.ImageFolder(str(task.tree[0] / part), transforms.Compose([*first, *to_tensor, normalise]))
