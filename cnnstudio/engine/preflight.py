"""What is wrong or risky about the run that would start now, told before anything is read or trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.findings import Finding, worst_first
from cnnstudio.data.survey import ClassCount
from cnnstudio.engine.depthwise import has_depthwise
from cnnstudio.engine.device import Compute, resolve
from cnnstudio.engine.plan import IMAGENET_CLASSES, Plan
from cnnstudio.engine.refusals import no_such_device, no_such_network, refusals, too_few_epochs, too_few_stages
from cnnstudio.engine.risks import risks
from cnnstudio.engine.schedule import training_phases
from cnnstudio.engine.tuning import Tuned, remembered
from cnnstudio.models import registry
from cnnstudio.models.create import outline
from cnnstudio.models.flow import Flow
from cnnstudio.models.network import Network
from cnnstudio.models.summary import Summary, smallest, summarise


@dataclass(frozen=True, slots=True)
class Examined:
    """A run before it starts.

    Attributes:
        summary: Its layers, for the smallest legal image where the chosen size is too small; None if there is no such
            network.
        tuned: Where and how it computes, as an earlier run has found out or else by rule; None if what was asked for
            does not exist here.
        no_compute: Why that is so, and what to do; empty unless it is.
        findings: What is wrong, risky or worth knowing, the worst first.
    """

    summary: Summary | None
    tuned: Tuned | None
    no_compute: str
    findings: tuple[Finding, ...]

    @property
    def compute(self) -> Compute | None:
        """Where and how it computes."""
        return self.tuned.compute if self.tuned else None


def examine(config: Config, counts: Sequence[ClassCount] = ()) -> Examined:
    """Look at a run as it would be; no image and none of its own weights is read.

    Args:
        config: Its settings.
        counts: The images of each class; empty while no folder is open.
    """
    found: list[Finding] = []
    try:
        training_phases(config)
    except InputError:
        found.append(too_few_epochs())
    network = _network(config, len(counts) or IMAGENET_CLASSES, found)
    tuned, no_compute = None, ""
    depthwise = network is not None and has_depthwise(network)
    try:
        tuned = Tuned(resolve(config.compute, depthwise=depthwise))
    except InputError as error:
        no_compute = error.one_line()
        found.append(no_such_device(error))
    if network is None:
        return Examined(None, tuned, no_compute, worst_first(found))
    card = registry.card(config.model.arch)
    side = card.image_size if config.data.image_size == "auto" else config.data.image_size
    flow = Flow(network)
    summary = summarise(network, image_size=max(side, smallest(flow, side)), flow=flow)
    for finding in found:  # so that what else is wrong shows at once
        config = finding.remedies[0].applied(config)
    phases = training_phases(config)
    network.freeze(phases[-1].train_last)
    tuned = remembered(config, side, depthwise=depthwise) if tuned else None
    compute = tuned.compute if tuned else None
    plan = Plan(config, tuple(counts), card, side, summary.minimum_size, network, flow, phases, compute)
    return Examined(summary, tuned, no_compute, worst_first((*found, *refusals(plan), *risks(plan))))


def _network(config: Config, classes: int, found: list[Finding]) -> Network | None:
    """Build the network without its numbers, and tell what stands against it."""
    try:
        return outline(config, classes)
    except InputError as error:
        if error.where != "transfer.train_last":
            found.append(no_such_network(error))
            return None
        network = outline(config.replace("transfer.train_last", 1), classes)
        network.freeze(None)
        found.append(too_few_stages(error, network))
        return network
