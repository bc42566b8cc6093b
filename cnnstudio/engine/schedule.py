"""How fast the network learns when: the phases of a run, its optimizer and its learning-rate schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from torch.optim import Optimizer

from cnnstudio.core.changes import EPOCHS, STAGES, config_after
from cnnstudio.core.config import Config, TransferMode
from cnnstudio.core.config import Optimizer as OptimizerName
from cnnstudio.core.errors import InputError, did_you_mean
from cnnstudio.core.events import Changed
from cnnstudio.engine.course import Constant, Cosine, Course, OneCycle
from cnnstudio.engine.optimizers import PlainAdamW, PlainSGD
from cnnstudio.models.network import Network

FUSED: Final = frozenset({"cpu", "cuda"})
"""Types of devices on which an optimizer takes a step in one pass over all weights, without copies in passing."""

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
        lr: Peak learning rate of the head.
        lr_decay: Learning rate of a stage as a share of the next one's, from the head to the input.
    """

    title: str
    epochs: int
    train_last: int | None
    lr: float
    lr_decay: float = 1.0


def training_phases(config: Config) -> tuple[TrainingPhase, ...]:
    """Return the phases that `transfer.mode` asks for.

    Raises:
        InputError: Two phases do not fit into one epoch.
    """
    epochs, last = config.train.epochs, config.transfer.train_last
    lr, decay = peak_lr(config), config.transfer.lr_decay_resolved
    match config.transfer.mode:
        case "scratch" | "finetune":
            return (TrainingPhase("all layers", epochs, None, lr, decay),)
        case "freeze":
            return (TrainingPhase(_frozen_title(last), epochs, last, lr, decay),)
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
                TrainingPhase("all layers", epochs - first, None, lr * _FINETUNE_SHARE, decay),
            )


def phases_after(config: Config, changes: Sequence[Changed], *, epoch: int) -> tuple[TrainingPhase, ...]:
    """Return the phases of a run that has taken some changes.

    Another number of epochs is that of the last phase, whose beginning stays.

    Args:
        config: As it was started.
        changes: What it has taken.
        epoch: Which one is under way, counted from 1: of the stages that learn later on, none counts yet.
    """
    more = sum(int(each.new - each.old) for each in changes if each.key == EPOCHS)
    held = [each for each in changes if each.key != EPOCHS and (each.key != STAGES or each.epoch < epoch)]
    *others, last = training_phases(config_after(config, held))
    return (*others, replace(last, epochs=last.epochs + more))


def peak_lr(config: Config) -> float:
    """Return the peak learning rate, resolving `auto`."""
    if config.train.lr != "auto":
        return config.train.lr
    return _PEAK[config.train.optimizer][config.transfer.mode]


def lr_multipliers(stages: Sequence[str], decay: float, chosen: Mapping[str, float]) -> dict[str, float]:
    """Return what the peak learning rate is multiplied with for each stage.

    Args:
        stages: Names from the input to the head.
        decay: From a stage to the one before it; the head has 1.
        chosen: Values that hold instead.

    Raises:
        InputError: There is no stage of a name that was chosen.
    """
    for name in chosen:
        if name not in stages:
            remedy = did_you_mean(name, stages)
            raise InputError(f"there is no stage {name}", where="transfer.lr_multipliers", remedy=remedy)
    last = len(stages) - 1
    return {name: chosen.get(name, decay ** (last - index)) for index, name in enumerate(stages)}


def parameter_groups(network: Network, config: Config, phase: TrainingPhase) -> list[dict[str, Any]]:
    """Return all that learns in groups with their learning rates and weight decay, the head's parameters first.

    Biases and BatchNorm's γ and β are not decayed (He et al., 2019); each stage has its own learning rate.

    Raises:
        InputError: Nothing learns, or a multiplier is for a stage that does not exist.
    """
    name = config.train.optimizer
    names = [stage.name for stage in network.stages]
    multipliers = lr_multipliers(names, phase.lr_decay, config.transfer.lr_multipliers)
    groups: list[dict[str, Any]] = []
    for stage in reversed(network.stages):
        paths = [network.get_submodule(path) for path in stage.modules]
        learning = [each for module in paths for each in module.parameters() if each.requires_grad]
        for decayed in (True, False):
            group = [each for each in learning if (each.ndim > 1) == decayed]
            if group and multipliers[stage.name]:
                lr = phase.lr * multipliers[stage.name]
                groups.append({"params": group, "lr": lr, "weight_decay": _DECAY[name] if decayed else 0.0})
    if not groups:
        raise InputError(
            "nothing learns: the learning rate of every stage that is not frozen is multiplied with 0",
            where="transfer.lr_multipliers",
            remedy="give a stage more than 0, or let more stages learn with transfer.train_last",
        )
    return groups


def make_optimizer(network: Network, config: Config, phase: TrainingPhase) -> Optimizer:
    """Return an optimizer over all that learns, grouped as `parameter_groups` does.

    On a GPU a step is one kernel a group, which matters where launching kernels takes longer than running them: a small
    network learns from a tenth more images a second (ResNet-18, batches of 32, H200).

    Raises:
        InputError: As `parameter_groups`.
    """
    groups = parameter_groups(network, config, phase)
    # Torch does not choose it by itself: AdamW took 16 instead of 77 ms a step for ResNet-18 on two cores. None is as
    # torch likes it.
    fused = all(each.device.type in FUSED for group in groups for each in group["params"]) or None
    if config.train.optimizer == "sgd":
        return PlainSGD(groups, momentum=0.9, nesterov=True, fused=fused)
    return PlainAdamW(groups, fused=fused)


def make_schedule(optimizer: Optimizer, config: Config, *, steps: int) -> Course:
    """Return the schedule over `steps` optimizer steps.

    The learning rates that the optimizer has are the highest of the schedule. One-cycle (Smith and Topin, 2018) takes
    a quarter of the steps to rise, and falls to nearly nothing. Cosine warms up in a line over the first 5 % (Goyal et
    al., 2017) and falls with half a cosine to 0 (Loshchilov and Hutter, 2017).
    """
    match config.train.schedule:
        case "cosine":
            return Cosine(optimizer, steps)
        case "onecycle" if steps >= _SHORTEST_CYCLE:
            peaks = [group["lr"] for group in optimizer.param_groups]
            return OneCycle(optimizer, max_lr=peaks, total_steps=steps, pct_start=_RISING)
    return Constant(optimizer, steps)


def _frozen_title(train_last: int) -> str:
    return "head only" if train_last == 1 else f"last {train_last} stages"
