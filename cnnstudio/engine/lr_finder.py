"""The learning-rate range test: how large a learning rate may be, found out in a hundred steps (Smith, 2017)."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ExponentialLR

from cnnstudio.core.config import Config, Optimizer
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Phase, Warned
from cnnstudio.engine.allocator import kept_memory
from cnnstudio.engine.averaging import Average
from cnnstudio.engine.batches import shuffled
from cnnstudio.engine.device import arithmetic
from cnnstudio.engine.feed import Feed
from cnnstudio.engine.frozen import make_feed
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.losses import losses
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.resume import random_numbers_kept
from cnnstudio.engine.schedule import make_optimizer, training_phases
from cnnstudio.engine.telling import Telling

_RANGE: Final[dict[Optimizer, tuple[float, float]]] = {"adamw": (1e-6, 1.0), "sgd": (1e-5, 10.0)}
_STEPS: Final = 100
_SMOOTHING: Final = 0.9  # of the mean over the losses, corrected for its beginning; more would shift the curve
_DIVERGED: Final = 4.0  # times the best smoothed loss
_FEWEST: Final = 10  # steps in a valley, below which its slope is chance
_LOST: Final = 0.5  # of what the loss has fallen, lost again where it rises
# How far the peak may be, on a logarithmic scale, from where the loss falls steadily to where it rises again. Measured
# with short runs of frozen EfficientNet-Lite0 on clip art and of two compact networks on shapes.
_TOWARDS: Final[dict[Optimizer, float]] = {"adamw": 0.5, "sgd": 0.75}
_RISEN: Final = 0.05  # of the loss at the beginning, below which a rise is chance


@dataclass(frozen=True, slots=True)
class RateCurve:
    """The loss against the learning rate.

    Attributes:
        rates: Learning rates of the head, rising by the same factor from step to step.
        losses: Smoothed training loss at each.
        steady: Where the loss falls steadily; None where it never does.
        limit: Where it rises again, or the last of the rates.
        share: How far the suggestion is from `steady` to `limit`, on a logarithmic scale.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    steady: float | None
    limit: float
    share: float

    @property
    def suggestion(self) -> float | None:
        """The peak rate to train with; None where the loss never falls."""
        return None if self.steady is None else self.steady * (self.limit / self.steady) ** self.share


def search(config: Config, report: Callable[[Phase | Warned], None], control: Control) -> RateCurve:
    """Read the images and build the network of a run, and try learning rates on a copy of it.

    Args:
        config: The run.
        report: Told what is being done.
        control: May stop it, within a step.

    Raises:
        InputError: Something the user gave cannot be used.
        StopRun: Asked to stop.
    """
    with kept_memory(), arithmetic(deterministic=config.compute.deterministic):
        return find_rate(prepare(config, report, control), Telling(report, control.check))


def find_rate(prepared: Prepared, telling: Telling) -> RateCurve:
    """Train a copy of the network for some steps with a learning rate that rises exponentially.

    The copy learns as in the first phase of the run, on its training images as they are at full size; what is frozen
    is computed once, and kept for the run. It ends when the smoothed loss is more than four times its best, or is no
    number. The network, and torch's random numbers, are as before afterwards.

    A rate that is kept throughout had better be the one where the loss falls steadily. Schedules that rise to a peak
    and leave it can go further towards where the loss rises again (Smith and Topin, 2018): about half of the way, on a
    logarithmic scale, with AdamW, and three quarters with SGD.

    Args:
        prepared: The run.
        telling: Told how much is done, and asked between two steps whether to go on.

    Raises:
        InputError: The loss is no number from the beginning.
    """
    rates: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    compute, deterministic = prepared.compute, prepared.config.compute.deterministic
    with random_numbers_kept(), arithmetic(deterministic=deterministic, precision=compute.precision):
        copied = _copied(prepared)
        learning = _learning(copied)
        feed = make_feed(copied, telling, epochs=1)
        torch.set_num_threads(feed.threads)
        feed.module.train()
        batches = _batches(copied, feed)
        for step in range(1, _STEPS + 1):
            telling.check()
            inputs, labels = next(batches)
            rates.append(float(learning.schedule.get_last_lr()[0]))
            with compute.autocast():
                found = losses(feed.module(inputs), labels, copied.config)
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * found.main.item()
            smoothed.append(mean / (1 - _SMOOTHING**step))
            if not math.isfinite(smoothed[-1]) or smoothed[-1] > _DIVERGED * min(smoothed):
                break
            learning.step(found.total)
            telling.report(Phase(text="Trying learning rates", done=step / _STEPS))
    if not math.isfinite(smoothed[-1]):
        rates.pop()
        smoothed.pop()
    if not rates:
        what = "the loss is no number at any learning rate"
        raise InputError(what, where="compute.precision", remedy="set it to float32, and look at the weights")
    share = 0.0 if prepared.config.train.schedule == "constant" else _TOWARDS[prepared.config.train.optimizer]
    steady = valley(rates, smoothed)
    return RateCurve(tuple(rates), tuple(smoothed), steady, rise(rates, smoothed, after=steady), share)


def valley(rates: list[float], losses: list[float]) -> float | None:
    """Return the learning rate in the middle of the longest valley of a curve, where the loss falls steadily.

    A valley is the longest run of ever lower losses, others between them left out. This is the default rule of fastai
    (Howard and Gugger, 2020), which is sturdier than the steepest point alone.

    Args:
        rates: Rising.
        losses: One for each.

    Returns:
        One of the rates; None where the loss does not fall for long enough.
    """
    longest = [1] * len(losses)  # valleys that end at each point
    for end, loss in enumerate(losses):
        longest[end] = 1 + max((longest[before] for before in range(end) if losses[before] > loss), default=0)
    end = max(range(len(losses)), key=longest.__getitem__, default=-1)
    if end < 0 or longest[end] < _FEWEST:
        return None
    begin, third = max(0, end - longest[end]), longest[end] / 3
    return rates[begin + int(third) + int(third / 2)]


def rise(rates: list[float], losses: list[float], *, after: float | None) -> float:
    """Return the first learning rate at which the loss has lost half of what it had fallen, or the last rate.

    Args:
        rates: Rising, at least one.
        losses: One for each.
        after: A rate at which the loss falls; what comes before is chance. None for none.
    """
    lowest = math.inf
    for rate, loss in zip(rates, losses, strict=True):
        lowest = min(lowest, loss)
        risen = loss - lowest > max(_LOST * (losses[0] - lowest), _RISEN * losses[0])
        if risen and after is not None and rate > after:
            return rate
    return rates[-1]


def _copied(prepared: Prepared) -> Prepared:
    """Return the run with a copy of its network, frozen as in the first phase, whose images keep their size."""
    config = prepared.config.replace("train.progressive", False)
    network = copy.deepcopy(prepared.network)
    still = [name for name, factor in config.transfer.lr_multipliers.items() if not factor]
    network.freeze(training_phases(config)[0].train_last, still=still)
    return replace(prepared, config=config, network=network)


def _learning(prepared: Prepared) -> Learning:
    """Return what lets the network learn at rates that rise, each stage in proportion to the head."""
    config, compute, network = prepared.config, prepared.compute, prepared.network
    lowest, highest = _RANGE[config.train.optimizer]
    phase = replace(training_phases(config)[0], lr=lowest)
    optimizer = make_optimizer(network.train(), config, phase)
    schedule = ExponentialLR(optimizer, gamma=(highest / lowest) ** (1 / (_STEPS - 1)))
    scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "float16")
    return Learning(0, phase, optimizer, schedule, scaler, Average(network, network, 0))


def _batches(prepared: Prepared, feed: Feed) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs (B, ...) and labels (B,) of full batches, epoch after epoch, as a run would see them."""
    labels = torch.from_numpy(prepared.store.labels)
    images = torch.tensor(prepared.split.train)
    size = min(prepared.config.data.batch_size, len(images))
    for epoch in count(1):
        feed.begin(epoch)
        order = shuffled(images, seed=prepared.config.train.seed, epoch=epoch)
        for start in range(0, len(images) - size + 1, size):
            indices = order[start : start + size]
            yield feed.training(indices), labels[indices].to(prepared.compute.device)
