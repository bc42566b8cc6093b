"""What a run would refuse, found out before it starts."""

from collections.abc import Iterator
from itertools import count
from typing import Final

from cnnstudio.core.config import Config, config_keys
from cnnstudio.core.errors import InputError
from cnnstudio.core.findings import Finding, Remedy
from cnnstudio.data.room import room
from cnnstudio.engine.plan import Plan
from cnnstudio.engine.prepare import check_deterministic
from cnnstudio.engine.progressive import check_progressive
from cnnstudio.engine.remedies import IMAGENET, NO_BATCHNORM, NO_HEADS, SCRATCH, ZEROS, batches, bundled, pixels
from cnnstudio.engine.schedule import parameter_groups
from cnnstudio.models.create import outline, rehearse
from cnnstudio.models.flow import Flow
from cnnstudio.models.network import Network
from cnnstudio.models.summary import smallest_for
from cnnstudio.models.weights import wanted

_LARGEST: Final = 2048  # as the configuration allows


def no_such_network(error: InputError) -> Finding:
    """Return the finding for switches that do not make a network."""
    match error.where:
        case "model.arch":
            return _stop(error, bundled())
        case "transfer.mode":
            return _stop(error, SCRATCH, bundled())
        case "model.head":
            return _stop(error, Remedy("Use its own head", (("model.head", "auto"),)))
        case str(key) if key.startswith("model."):
            value = getattr(Config().model, key.removeprefix("model."))
            return _stop(error, Remedy("Back to the default", ((key, value),)))
    return _stop(error)


def too_few_stages(error: InputError, network: Network) -> Finding:
    """Return the finding for more stages that are to learn than the network has."""
    stages = len(network.stages)
    return _stop(
        error,
        Remedy(f"Let all {stages} learn", (("transfer.train_last", stages),)),
        Remedy("Only the last", (("transfer.train_last", 1),)),
    )


def too_few_epochs() -> Finding:
    """Return the finding for two phases in one epoch."""
    text = "Freeze, then fine-tune takes one epoch at least for each of its two phases, and there is one in all."
    return Finding("stop", text, (Remedy("Train for 2 epochs", (("train.epochs", 2),)),))


def no_such_device(error: InputError) -> Finding:
    """Return the finding for a device that does not exist here or cannot do the arithmetic."""
    return _stop(error, Remedy("Choose automatically", ((error.where, "auto"),)))


def refusals(plan: Plan) -> Iterator[Finding]:
    """Yield why a run would end before its first step, although there are such a network and such a device."""
    for rule in (_too_small, _nothing_learns, _weights, _deterministic, _lone_images, _progressive, _disk):
        yield from rule(plan)


def _too_small(plan: Plan) -> Iterator[Finding]:
    if plan.side >= plan.minimum:
        return
    sizes = dict.fromkeys(side for side in (plan.minimum, plan.card.image_size) if plan.minimum <= side <= _LARGEST)
    remedies = [pixels(side, plan.card) for side in sizes]
    if plan.config.model.padding != "same" and plan.side >= _smallest_with_zeros(plan):
        remedies.append(ZEROS)
    if plan.network.aux and plan.flow.accepts_without_auxiliary(plan.side):
        remedies.append(NO_HEADS)
    text = f"{plan.side:,} pixels are too few for {plan.card.title} with these switches"
    yield Finding("stop", f"{text}, which need at least {plan.minimum:,}.", tuple(remedies))


def _smallest_with_zeros(plan: Plan) -> int:
    config = ZEROS.applied(plan.config)
    return smallest_for(config.model, lambda: Flow(outline(config, plan.classes)))


def _nothing_learns(plan: Plan) -> Iterator[Finding]:
    network, chosen = plan.network, plan.config.transfer.lr_multipliers
    if not chosen:
        return
    try:
        for phase in plan.phases:
            network.freeze(phase.train_last)
            parameter_groups(network, plan.config, phase)
    except InputError as error:
        kept = {stage.name: chosen[stage.name] for stage in network.stages if chosen.get(stage.name)}
        yield _stop(error, Remedy("Reset these learning rates", (("transfer.lr_multipliers", kept),)))
        network.freeze(plan.phases[-1].train_last)


def _weights(plan: Plan) -> Iterator[Finding]:
    """Look into a file of the user's; those of the architectures are known by their size."""
    if not isinstance(plan.config.model.pretrained, str) or not wanted(plan.config):
        return
    try:
        rehearse(plan.config, plan.classes)
    except InputError as error:
        yield _stop(error, IMAGENET if plan.card.pretrained else SCRATCH)


def _deterministic(plan: Plan) -> Iterator[Finding]:
    if plan.compute is None:
        return
    try:
        check_deterministic(plan.config, plan.compute)
    except InputError as error:
        yield _stop(error, ZEROS, Remedy("Turn Deterministic off", (("compute.deterministic", False),)))


def _lone_images(plan: Plan) -> Iterator[Finding]:
    if plan.batch_size > 1 or not plan.normalises:
        return
    if plan.train_images == 1:
        text = "BatchNorm compares the images of a batch, and a single training image leaves it nothing to compare."
        yield Finding("stop", text, (NO_BATCHNORM,))
    else:
        size = next(each for each in count(2) if not plan.leaves_one(each))
        text = "BatchNorm compares the images of a batch, and batches of one image leave it nothing to compare."
        yield Finding("stop", text, (batches(size), NO_BATCHNORM))


def _progressive(plan: Plan) -> Iterator[Finding]:
    if plan.side < plan.minimum:
        return
    try:
        check_progressive(plan.config, full=plan.side, minimum=plan.minimum)
    except InputError as error:
        yield _stop(error, Remedy("Train at full size throughout", (("train.progressive", False),)))


def _disk(plan: Plan) -> Iterator[Finding]:
    own = plan.card.image_size
    error = _no_room(plan, plan.side)
    if error is not None:
        text = f"{error.what} in {error.where}: choose a smaller image size or make room."
        fits = plan.minimum <= own < plan.side and _no_room(plan, own) is None
        yield Finding("stop", text, (pixels(own, plan.card),) if fits else ())


def _no_room(plan: Plan, side: int) -> InputError | None:
    try:
        room(plan.images, side)
    except InputError as error:
        return error
    return None


def _stop(error: InputError, *remedies: Remedy) -> Finding:
    what = error.what[:1].upper() + error.what[1:]
    if error.where and error.where not in config_keys():
        what += f" ({error.where})" if ":" in what else f": {error.where}"
    if remedies:
        return Finding("stop", f"{what}.", remedies)
    return Finding("stop", f"{what}: {error.remedy}" + "." * (not error.remedy.endswith("?")))
