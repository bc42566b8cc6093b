"""Rows that compare images a second while training, block by block in turn."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from tests.bench.lab import Lab
from tests.bench.result import Result, Target
from tests.bench.side import Block
from tests.bench.statistics import Estimate, paired_ratio
from tests.bench.task import Kind

FASTER: Final = Target(low=2.8)
OF_THE_LIMIT: Final = Target(low=85.0)
THAN_TIMM: Final = Target(low=1.15)
WATCHED: Final = Target(low=0.97)
_DATA_ONCE: Final = "ours is the mean of ten epochs, in the first of which the images are read"


def finetune(lab: Lab) -> Result:
    """Fine-tuning ResNet-18 against the tutorial's loop."""
    return _against(lab, "finetune-resnet18", "tutorial", "the tutorial's loop", FASTER)


def finetune_recipe(lab: Lab) -> Result:
    """The same against torchvision's recipe."""
    return _against(lab, "finetune-recipe", "recipe", "torchvision's reference recipe", None)


def finetune_fastai(lab: Lab) -> Result:
    """The same against fastai."""
    return _against(lab, "finetune-fastai", "fastai", "a fastai learner", None)


def finetune_timm(lab: Lab) -> Result:
    """The same against timm."""
    words = "timm's loop, channels last, in bfloat16 where the device multiplies in it"
    return _against(lab, "finetune-timm", "timm", words, THAN_TIMM)


def of_the_limit(lab: Lab) -> Result:
    """Fine-tuning ResNet-18 against the same steps without any data."""
    ours, limit, control = lab.blocks(lab.task("finetune").but(kind="limit"))
    found = _faster(ours, limit).map(lambda ratio: 100 * ratio)
    return Result(
        row="of-the-limit",
        what="images a second, of those on one resident batch in the same arithmetic",
        unit=" %",
        found=found,
        target=OF_THE_LIMIT,
        reached=OF_THE_LIMIT.reached(found.value),
        control=_faster(ours, control) if control else None,
        cpu=_less_cpu(ours, limit).map(lambda ratio: 100 * ratio),
        notes=(_rates(ours, limit), _DATA_ONCE),
    )


def live_views(lab: Lab) -> Result:
    """Fine-tuning ResNet-18 while somebody watches all that can be watched at once, against nobody watching."""
    ours, watched, control = lab.blocks(lab.task("finetune").but(watch=True))
    found = _faster(watched, ours)
    return Result(
        row="live-views",
        what="images a second while all live views are watched at once, of those without",
        found=found,
        target=WATCHED,
        reached=WATCHED.reached(found.value),
        control=_faster(control, ours) if control else None,
        cpu=_less_cpu(watched, ours),
        notes=(_rates(watched, ours),),
    )


def _against(lab: Lab, row: str, kind: Kind, words: str, target: Target | None) -> Result:
    what = f"images a second with data, of {words}"
    if kind in {"fastai", "timm"} and find_spec(kind) is None:
        return Result(row=row, what=what, notes=(f"skipped: {kind} is not installed",))
    ours, peer, control = lab.blocks(lab.task("finetune").but(kind=kind))
    found = _faster(ours, peer)
    weights = "" if lab.weights else "both from random weights, as torchvision's are not on this machine"
    return Result(
        row=row,
        what=what,
        found=found,
        target=target,
        reached=target.reached(found.value) if target else None,
        control=_faster(ours, control) if control else None,
        cpu=_less_cpu(ours, peer),
        notes=tuple(filter(None, (_rates(ours, peer), _DATA_ONCE, weights))),
    )


def _faster(one: Sequence[Block], other: Sequence[Block]) -> Estimate:
    return paired_ratio(*([each.images / each.seconds for each in blocks] for blocks in (one, other)))


def _less_cpu(one: Sequence[Block], other: Sequence[Block]) -> Estimate:
    return paired_ratio(*([each.images / max(each.cpu, 1e-3) for each in blocks] for blocks in (one, other)))


def _rates(one: Sequence[Block], other: Sequence[Block]) -> str:
    rates = [sum(each.images for each in blocks) / sum(each.seconds for each in blocks) for blocks in (one, other)]
    return f"{rates[0]:.1f} against {rates[1]:.1f} images/s"
