"""How fast the network learns when: the phases of a run, its optimizer and its learning-rate schedule."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from cnnstudio.core.config import Config, TransferMode
from cnnstudio.core.config import Optimizer as OptimizerName
from cnnstudio.core.errors import InputError

# Peak learning rates for batches of 32, chosen by trying on small image folders.
_PEAK: Final[dict[OptimizerName, dict[TransferMode, float]]] = {
    "adamw": {"scratch": 3e-3, "freeze": 1e-2, "finetune": 1e-3, "freeze_then_finetune": 1e-2},
    "sgd": {"scratch": 5e-2, "freeze": 1e-1, "finetune": 1e-2, "freeze_then_finetune": 1e-1},
}
_FINETUNE_SHARE: Final = 0.1  # after the head has learnt, all stages together take smaller steps
_RISING: Final = 0.25  # of the steps of a cycle
_SHORTEST_CYCLE: Final = 5  # with fewer steps the rise is not even one long, and OneCycleLR divides by its length
_DECAY: Final[dict[OptimizerName, float]] = {"adamw": 1e-2, "sgd": 5e-4}


@dataclass(frozen=True, slots=True)
class TrainingPhase:
    """A stretch of epochs in which the same stages learn.

    Attributes:
        title: In words, for the status bar and the chart.
        epochs: How many.
        train_last: How many stages learn, counted from the head; None for all.
        lr: Peak learning rate.
    """

    title: str
    epochs: int
    train_last: int | None
    lr: float


def training_phases(config: Config) -> tuple[TrainingPhase, ...]:
    """Return the phases that `transfer.mode` asks for.

    Raises:
        InputError: Two phases do not fit into one epoch.
    """
    epochs, last = config.train.epochs, config.transfer.train_last
    lr = peak_lr(config)
    match config.transfer.mode:
        case "scratch" | "finetune":
            return (TrainingPhase("all layers", epochs, None, lr),)
        case "freeze":
            return (TrainingPhase(_frozen_title(last), epochs, last, lr),)
        case "freeze_then_finetune":
            if epochs < 2:
                raise InputError(
                    "freeze_then_finetune has two phases and there is one epoch",
                    where="train.epochs",
                    remedy="set at least 2",
                )
            first = max(1, epochs // 4)
            return (
                TrainingPhase(_frozen_title(last), first, last, lr),
                TrainingPhase("all layers", epochs - first, None, lr * _FINETUNE_SHARE),
            )


def peak_lr(config: Config) -> float:
    """Return the peak learning rate, resolving `auto`."""
    if config.train.lr != "auto":
        return config.train.lr
    return _PEAK[config.train.optimizer][config.transfer.mode]


def make_optimizer(network: nn.Module, name: OptimizerName, *, lr: float) -> Optimizer:
    """Return an optimizer over all that learns; biases and BatchNorm's γ and β are not decayed (He et al., 2019)."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in learning if each.ndim > 1], "weight_decay": _DECAY[name]},
        {"params": [each for each in learning if each.ndim <= 1], "weight_decay": 0.0},
    ]
    if name == "sgd":
        return SGD(groups, lr=lr, momentum=0.9, nesterov=True)
    return AdamW(groups, lr=lr)


def make_schedule(optimizer: Optimizer, config: Config, *, lr: float, steps: int) -> LRScheduler:
    """Return the schedule over `steps` optimizer steps; one-cycle as in Smith and Topin (2018)."""
    if config.train.schedule == "constant" or steps < _SHORTEST_CYCLE:
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)
    return OneCycleLR(optimizer, max_lr=lr, total_steps=steps, pct_start=_RISING)


def _frozen_title(train_last: int) -> str:
    return "head only" if train_last == 1 else f"last {train_last} stages"
