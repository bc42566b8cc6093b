"""The learning-rate range test: how large a learning rate may be, found out in a hundred steps (Smith, 2017)."""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ExponentialLR

from cnnstudio.engine.averaging import Average
from cnnstudio.engine.device import arithmetic
from cnnstudio.engine.feed import PixelFeed
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.losses import losses
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.resume import random_states, set_random_states
from cnnstudio.engine.schedule import make_optimizer, training_phases
from cnnstudio.models.network import Network

_LOWEST: Final = 1e-7
_HIGHEST: Final = 10.0
_STEPS: Final = 100
_SMOOTHING: Final = 0.98  # of the mean over the losses, corrected for its beginning
_DIVERGED: Final = 4.0  # times the best smoothed loss
_FEWEST: Final = 10  # steps in a valley, below which its slope is chance


@dataclass(frozen=True, slots=True)
class RateCurve:
    """The loss against the learning rate.

    Attributes:
        rates: Learning rates of the head, rising by the same factor from step to step.
        losses: Smoothed training loss at each.
        suggestion: Where the loss falls steadily; None where it never does.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float | None


def find_rate(prepared: Prepared, progress: Callable[[float], None] = lambda _: None) -> RateCurve:
    """Train a copy of the network for some steps with a learning rate that rises exponentially.

    The copy learns as in the first phase of the run, on its training images. It ends when the smoothed loss is more
    than four times its best, or is no number. The network, and torch's random numbers, are as before afterwards.

    Args:
        prepared: The run.
        progress: Told after each step how much is done, from 0 to 1; raises to give up.
    """
    rates: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    with _random_numbers_kept(), arithmetic(deterministic=prepared.config.compute.deterministic):
        network = copy.deepcopy(prepared.network)
        learning = _learning(prepared, network)
        feed = _batches(prepared)
        for step in range(1, _STEPS + 1):
            inputs, labels = next(feed)
            rates.append(float(learning.schedule.get_last_lr()[0]))
            with prepared.compute.autocast():
                found = losses(network(inputs), labels, prepared.config)
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * found.main.item()
            smoothed.append(mean / (1 - _SMOOTHING**step))
            if not math.isfinite(smoothed[-1]) or smoothed[-1] > _DIVERGED * min(smoothed):
                break
            learning.step(found.total)
            progress(step / _STEPS)
    if not math.isfinite(smoothed[-1]):
        rates.pop()
        smoothed.pop()
    return RateCurve(tuple(rates), tuple(smoothed), valley(rates, smoothed))


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


@contextmanager
def _random_numbers_kept() -> Iterator[None]:
    before = random_states()
    try:
        yield
    finally:
        set_random_states(before)


def _learning(prepared: Prepared, network: Network) -> Learning:
    """Return what lets the copy learn at rates that rise, each stage in proportion to the head."""
    config, compute = prepared.config, prepared.compute
    phase = replace(training_phases(config)[0], lr=_LOWEST)
    still = [name for name, factor in config.transfer.lr_multipliers.items() if not factor]
    network.freeze(phase.train_last, still=still)
    optimizer = make_optimizer(network.train(), config, phase)
    schedule = ExponentialLR(optimizer, gamma=(_HIGHEST / _LOWEST) ** (1 / (_STEPS - 1)))
    scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "float16")
    return Learning(0, phase, optimizer, schedule, scaler, Average(network, network, 0))


def _batches(prepared: Prepared) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images (B, 3, S, S) and labels (B,) of full batches, epoch after epoch, as a run would see them."""
    feed = PixelFeed(prepared)
    labels = torch.from_numpy(prepared.store.labels)
    images = torch.tensor(prepared.split.train)
    size = min(prepared.config.data.batch_size, len(images))
    for epoch in count(1):
        feed.begin(epoch)
        shuffle = torch.Generator().manual_seed(prepared.config.train.seed * 1_000_003 + epoch)
        order = images[torch.randperm(len(images), generator=shuffle)]
        for start in range(0, len(images) - size + 1, size):
            indices = order[start : start + size]
            yield feed.training(indices), labels[indices].to(prepared.compute.device)
