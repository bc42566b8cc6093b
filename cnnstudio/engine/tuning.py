"""Autotune: the arithmetic and layout in which the user's own network is fastest, found out before its first step."""

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.core.events import Phase, Tried
from cnnstudio.data.row_store import key_of
from cnnstudio.engine.candidates import candidates
from cnnstudio.engine.device import Compute, arithmetic, compute_threads
from cnnstudio.engine.losses import losses
from cnnstudio.engine.race import WORTHWHILE, Ending, Result, race
from cnnstudio.engine.resume import random_numbers_kept
from cnnstudio.engine.schedule import training_phases
from cnnstudio.engine.tuning_memory import Finding, keep, recall
from cnnstudio.models import registry
from cnnstudio.models.network import Network

_FEWEST: Final = 15  # steps in a run, below which it is over as soon as a race would be
_LONG: Final = 300.0  # seconds of a run that has time to try again what has taken too long in an earlier one
_CLEARLY: Final = 0.97  # of the time of the choice by rule, which stays where no other way is faster than that
_EARLIER: Final = "Tried in an earlier run"
_WHY_NOT: Final[dict[Ending, str]] = {
    "too short": "the run is too short to gain by it",
    "too slow": "a step takes too long to try several ways",
    "failed": "a step could not be tried",
}


@dataclass(frozen=True, slots=True)
class Tuned:
    """Where and how a run computes, and why so.

    Attributes:
        compute: The choice.
        why: How it was made, in a sentence; empty if simply by rule.
        tried: What it was chosen from, the fastest first; empty where nothing was tried.
        deterministic_cost: Time of a deterministic step as a multiple of an ordinary one's; None where it was not
            measured.
    """

    compute: Compute
    why: str = ""
    tried: tuple[Tried, ...] = ()
    deterministic_cost: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The run that is to be fast.

    Attributes:
        config: Its configuration.
        network: With its first weights, on the CPU; it is only copied.
        depthwise: Whether it has depthwise convolutions.
        pixels: (B, S, S, 3) uint8, a batch of its images.
        labels: (B,) of them.
        mean: (3, 1, 1) on the device, subtracted from images in [0, 1].
        std: (3, 1, 1) on the device, divided by.
        train_images: How many there are in an epoch.
    """

    config: Config
    network: Network
    depthwise: bool
    pixels: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor
    train_images: int


@dataclass(frozen=True, slots=True)
class _Way:
    compute: Compute
    deterministic: bool


def tune(
    subject: Subject,
    report: Callable[[Phase], None],
    check: Callable[[], None],
    clock: Callable[[], float] = time.perf_counter,
) -> Tuned:
    """Choose arithmetic and layout where the configuration leaves them open.

    Copies of the network take a few real steps, frozen as in the last phase, in which most of it learns. The network,
    and torch's random numbers, are as before afterwards. What was found is kept in the user's cache, and later runs of
    the same network on the same device take no steps. Runs that are short, or have no time for it, go by rule; how
    long their steps take is kept too, so that the next one of that length needs none to know it.

    A deterministic run goes by rule too, since timing is chance; what being deterministic costs is measured instead.

    Args:
        subject: The run.
        report: Told what is being done.
        check: Called before each step; raises to give up.
        clock: Gives seconds.

    Raises:
        InputError: The device does not exist here, or cannot do the arithmetic.
    """
    config = subject.config
    ways = _ways(config, depthwise=subject.depthwise)
    if len(ways) == 1:
        return _only(config, ways[0])
    key = _key(config, subject.pixels.shape[1], ways)
    before = recall(key)
    known = _chosen(before, ways, _EARLIER)
    if known is not None:
        return known
    result = _foreseen(before, _run_images(subject)) or _raced(subject, ways, report, check, clock)
    if result.ending in {"too short", "too slow"} and math.isfinite(result.pace):
        keep(key, _without_race(ways[0].compute, result))
    if result.ending != "raced":
        return Tuned(ways[0].compute, f"{_untuned(config)}: {_WHY_NOT[result.ending]}.")
    finding = _finding(ways, result)
    keep(key, finding)
    return _chosen(finding, ways, "Tried before the run") or Tuned(ways[0].compute)


def remembered(config: Config, side: int, *, depthwise: bool) -> Tuned:
    """Return what `tune` would choose without a step: what an earlier run has found, else what is so by rule.

    Args:
        config: The run.
        side: Of its square images in pixels.
        depthwise: Whether its network has depthwise convolutions.

    Raises:
        InputError: The device does not exist here, or cannot do the arithmetic.
    """
    ways = _ways(config, depthwise=depthwise)
    if len(ways) == 1:
        return _only(config, ways[0])
    return _chosen(recall(_key(config, side, ways)), ways, _EARLIER) or Tuned(ways[0].compute)


def _ways(config: Config, *, depthwise: bool) -> tuple[_Way, ...]:
    """Return what there is to compare, what the run does by rule first."""
    possible = candidates(config.compute, depthwise=depthwise)
    if not config.compute.deterministic:
        return tuple(_Way(each, deterministic=False) for each in possible)
    measurable = possible[0].device.type in {"cpu", "cuda"}
    return tuple(_Way(possible[0], deterministic=each) for each in ((True, False) if measurable else (True,)))


def _only(config: Config, way: _Way) -> Tuned:
    chosen = "auto" not in {config.compute.precision, config.compute.memory_format}
    return Tuned(way.compute, "Precision and layout are as configured." if chosen else "")


def _untuned(config: Config) -> str:
    return "What deterministic algorithms cost is not known" if config.compute.deterministic else "Not tuned"


def _key(config: Config, side: int, ways: tuple[_Way, ...]) -> str:
    """Return a digest of everything that decides how fast a step is, and of what is compared."""
    device = ways[0].compute.device
    about = {
        "torch": torch.__version__,
        "device": (str(device), ways[0].compute.name),
        "cpu": (dict(torch.cpu.get_capabilities()), compute_threads()) if device.type == "cpu" else None,
        "model": registry.resolved(config.model).model_dump(exclude={"pretrained"}),
        "images": (config.data.batch_size, side),
        "learning": (training_phases(config)[-1].train_last, _still(config)),
        "ways": [(each.compute.precision, each.compute.layout, each.deterministic) for each in ways],
    }
    return key_of(json.dumps(about, sort_keys=True).encode()).hex()


def _still(config: Config) -> list[str]:
    """Return the stages that no optimizer touches."""
    return [name for name, factor in config.transfer.lr_multipliers.items() if not factor]


def _chosen(finding: Finding | None, ways: tuple[_Way, ...], when: str) -> Tuned | None:
    """Return the choice that a finding makes; None if there is none, or it makes no choice, or none of the ways."""
    if finding is None or finding.pace is not None:
        return None
    images = f"{finding.images} image" + "s" * (finding.images != 1)
    for compute in (each.compute for each in ways):
        if (compute.precision, compute.layout) == (finding.precision, finding.memory_format):
            why = f"{when}, with {images} a step."
            return Tuned(compute, why, finding.tried, finding.deterministic_cost)
    return None


def _raced(
    subject: Subject,
    ways: tuple[_Way, ...],
    report: Callable[[Phase], None],
    check: Callable[[], None],
    clock: Callable[[], float],
) -> Result:
    """Let the ways take steps, unless the run is over as soon."""
    batch, images = len(subject.pixels), _run_images(subject)
    if images < _FEWEST * batch:
        return Result("too short", batch, ())
    deterministic = subject.config.compute.deterministic
    what = "Measuring what deterministic algorithms cost" if deterministic else "Finding the fastest arithmetic"
    report(Phase(text=what))
    steps = _Steps(subject)
    with random_numbers_kept():
        return race(
            [partial(steps.take, way) for way in ways],
            batch_size=batch,
            run_images=images,
            whole_batches=ways[0].compute.device.type != "cpu",
            between=check,
            clock=clock,
        )


def _foreseen(before: Finding | None, run_images: int) -> Result | None:
    """Return how a race would end by what an earlier one has shown; None if that has to be tried."""
    if before is None or before.pace is None:
        return None
    if before.pace * run_images >= (_LONG if before.too_slow else WORTHWHILE):
        return None
    return Result("too slow" if before.too_slow else "too short", before.images, ())


def _run_images(subject: Subject) -> int:
    """Return how many images the whole network sees; while some of it is frozen, each goes through that but once."""
    stages = len(subject.network.stages)
    phases = training_phases(subject.config)
    passes = sum(1 if (each.train_last or stages) < stages else each.epochs for each in phases)
    return subject.train_images * passes


class _Steps:
    """Takes steps of the training, but for the optimizer's part, on copies of the network."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._copies: dict[torch.memory_format, Network] = {}

    def take(self, way: _Way, images: int) -> None:
        """Go forward and backward with the first images of the batch, and wait until that is done."""
        subject, compute = self._subject, way.compute
        with arithmetic(deterministic=way.deterministic, precision=compute.precision):
            network = self._copy(compute)
            inputs = compute.images(subject.pixels[:images], subject.mean, subject.std)
            labels = subject.labels[:images].to(compute.device)
            with compute.autocast():
                found = losses(network(inputs), labels, subject.config)
            found.total.backward()  # type: ignore[no-untyped-call]
            network.zero_grad(set_to_none=True)
            if compute.device.type != "cpu":
                torch.accelerator.synchronize(compute.device)

    def _copy(self, compute: Compute) -> Network:
        if compute.memory_format not in self._copies:
            config, network = self._subject.config, copy.deepcopy(self._subject.network)
            compute.place(network)
            network.freeze(training_phases(config)[-1].train_last, still=_still(config))
            self._copies[compute.memory_format] = network.train()
        return self._copies[compute.memory_format]


def _without_race(rule: Compute, result: Result) -> Finding:
    """Return what is known where nothing was compared."""
    return Finding(
        precision=rule.precision,
        memory_format=rule.layout,
        images=result.images,
        pace=result.pace,
        too_slow=result.ending == "too slow",
    )


def _finding(ways: tuple[_Way, ...], result: Result) -> Finding:
    """Return what a race has shown; a deterministic run keeps to the rule, the first way."""
    seconds, first = result.seconds, ways[0]
    if first.deterministic:
        cost = seconds[0] / seconds[1] if all(map(math.isfinite, seconds)) else None
        return Finding(
            precision=first.compute.precision,
            memory_format=first.compute.layout,
            images=result.images,
            deterministic_cost=cost,
        )
    best = min(range(len(ways)), key=seconds.__getitem__)
    choice = ways[best if seconds[best] < _CLEARLY * seconds[0] else 0].compute
    speeds = sorted(zip(seconds, ways, strict=True), key=lambda pair: pair[0])
    tried = tuple(
        Tried(precision=way.compute.precision, memory_format=way.compute.layout, images_per_second=result.images / each)
        for each, way in speeds
        if math.isfinite(each)
    )
    return Finding(precision=choice.precision, memory_format=choice.layout, images=result.images, tried=tried)
