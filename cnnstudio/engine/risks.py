"""What may disappoint about a run that can start, and what is worth knowing about it."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count
from typing import Final

from cnnstudio.core.errors import InputError
from cnnstudio.core.findings import Finding, Remedy
from cnnstudio.data.room import room
from cnnstudio.engine.device import Compute, free_memory
from cnnstudio.engine.footprint import footprint
from cnnstudio.engine.plan import Plan
from cnnstudio.engine.remedies import IMAGENET, SCRATCH, batches, bundled, freeze, pixels
from cnnstudio.models.weights import download

_FILLED: Final = 0.8  # the share of the free memory beyond which a run may run out of it
_FEW: Final = 40  # training images of a class, below which networks learn them by heart
_PARAMETERS: Final = 100  # an image; with fewer a network is too small for that
_MANY_DROPPED: Final = 0.5
_NAMED: Final = 3  # classes in a sentence


def risks(plan: Plan) -> Iterator[Finding]:
    """Yield what is risky or worth knowing."""
    for rule in (
        _memory,
        _few_images,
        _random_frozen,
        _lone_classes,
        _unjudged_classes,
        _left_over,
        _dropout,
        _download,
    ):
        yield from rule(plan)


def _memory(plan: Plan) -> Iterator[Finding]:
    if plan.compute is None or plan.side < plan.minimum:
        return
    free, needs = free_memory(plan.compute.device), _needs(plan, plan.compute, plan.side)
    limit = math.inf if free is None else _FILLED * free
    if free is None or needs(plan.batch_size) <= limit:
        return
    smaller = (2**power for power in range(plan.batch_size.bit_length(), -1, -1))
    least = 2 if plan.normalises else 1
    fitting = (size for size in smaller if least <= size < plan.batch_size and needs(size) <= limit)
    remedies = [batches(size) for size in fitting][:1]
    own = plan.card.image_size
    if plan.minimum <= own < plan.side and _needs(plan, plan.compute, own)(plan.batch_size) <= limit:
        remedies.append(pixels(own, plan.card))
    kind = "memory" if _shared(plan.compute) else "GPU memory"
    text = (
        f"With batches of {plan.batch_size:,} the run needs about {needs(plan.batch_size) / 1e9:,.1f} GB of {kind}, "
        f"and {free / 1e9:,.1f} GB are free."
    )
    yield Finding("warn", text, tuple(remedies))


def _needs(plan: Plan, compute: Compute, side: int) -> Callable[[int], int]:
    """Return the bytes that a run needs on its device, for images of that side, by the size of its batches."""
    optimizer = plan.config.train.optimizer
    found = footprint(plan.network, image_size=side, optimizer=optimizer, compute=compute, flow=plan.flow)
    images = 0
    if _shared(compute):
        with contextlib.suppress(InputError):  # no room on the disk either, which is told elsewhere
            images = room(plan.images, side)
    return lambda batch_size: images + found.of(batch_size)


def _shared(compute: Compute) -> bool:
    """Whether the device has no memory of its own."""
    return compute.device.type in {"cpu", "mps"}


def _few_images(plan: Plan) -> Iterator[Finding]:
    images, learning = plan.train_images, plan.parameters
    if not plan.counts or plan.frozen_at_first:
        return
    if images >= _FEW * len(plan.counts) or learning < _PARAMETERS * images:
        return
    has_weights = bool(plan.card.pretrained) or isinstance(plan.config.model.pretrained, str)
    remedy = freeze(plan.config) if has_weights else bundled()
    amount = f"{learning / 1e6:,.1f} million" if learning >= 1e6 else f"{learning:,}"
    noun = "training image" if images == 1 else "training images"
    text = f"{images:,} {noun} cannot teach {amount} parameters: the network would learn them by heart."
    yield Finding("warn", text, (remedy,))


def _random_frozen(plan: Plan) -> Iterator[Finding]:
    if plan.config.model.pretrained or not plan.frozen_at_first:
        return
    remedies = (IMAGENET, SCRATCH) if plan.card.pretrained else (SCRATCH,)
    text = "The frozen stages keep random weights, because the pretrained ones are switched off."
    yield Finding("warn", text, remedies)


def _lone_classes(plan: Plan) -> Iterator[Finding]:
    lone = [each.name for each in plan.counts if each.train < 2]
    why = "too few to learn what they have in common"
    if len(lone) == 1:
        yield Finding("warn", f"The class {lone[0]} has fewer than two training images, {why}.")
    elif lone:
        yield Finding("warn", f"{len(lone):,} classes have fewer than two training images, {why}: {_some(lone)}.")


def _unjudged_classes(plan: Plan) -> Iterator[Finding]:
    unjudged = [each.name for each in plan.counts if not each.val]
    if len(unjudged) == 1:
        yield Finding("warn", f"The class {unjudged[0]} has no validation image, so its accuracy stays unknown.")
    elif unjudged:
        text = f"{len(unjudged):,} classes have no validation image, so their accuracy stays unknown"
        yield Finding("warn", f"{text}: {_some(unjudged)}.")


def _left_over(plan: Plan) -> Iterator[Finding]:
    size = plan.config.data.batch_size
    if not plan.leaves_one(size) or not plan.normalises:
        return
    other = next(each for each in chain(range(size - 1, 1, -1), count(size + 1)) if not plan.leaves_one(each))
    text = (
        f"Batches of {size:,} leave one of the {plan.train_images:,} training images out of each epoch, "
        "as BatchNorm cannot learn from one image alone."
    )
    yield Finding("info", text, (batches(other),))


def _dropout(plan: Plan) -> Iterator[Finding]:
    share = plan.config.model.dropout2d
    if share > _MANY_DROPPED:
        text = f"Dropout2d drops {100 * share:.0f} % of all feature maps, which leaves little to learn from."
        yield Finding("info", text, (Remedy("Drop 20 %", (("model.dropout2d", 0.2),)),))


def _download(plan: Plan) -> Iterator[Finding]:
    source = download(plan.config)
    if source is not None:
        size = f"{source.megabytes:,.1f} MB"
        yield Finding("info", f"{plan.card.title}'s weights ({size}) are downloaded when the run starts.")


def _some(names: Sequence[str]) -> str:
    """Return a few names of a list and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
