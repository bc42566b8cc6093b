"""What the window asks of torch, in functions that run beside the GUI thread and import torch themselves."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import numpy as np
from numpy.typing import NDArray

from cnnstudio.core.config import Config, Padding
from cnnstudio.core.errors import InputError
from cnnstudio.core.findings import Finding, refusal
from cnnstudio.data.images import Pixels, UnreadableImageError, image_size, read_image, read_thumbnail
from cnnstudio.data.samples import draw_image, sample
from cnnstudio.data.survey import ClassCount
from cnnstudio.gui.tasks import Job
from cnnstudio.gui.weights_view import WeightsReport
from cnnstudio.gui.words import tuning
from cnnstudio.runtime.loading import load_engine

if TYPE_CHECKING:
    from cnnstudio.engine.consequence import Comparison, Consequences
    from cnnstudio.engine.evaluate import Prediction
    from cnnstudio.models.summary import Summary

_LARGEST: Final = 1024
_SETTLED: Final = 0.5  # seconds after which nobody is about to flip the next switch


@dataclass(frozen=True, slots=True)
class Described:
    """A network as its switches stand, without its weights.

    Attributes:
        summary: Its layers, for the smallest legal image where the chosen size is too small; None if there is no such
            network.
        findings: What is wrong, risky or worth knowing about a run with these switches, the worst first.
        device: What will compute, as the device chip shows it; empty if what was asked for does not exist here.
        reason: Why that.
        arithmetic: How its arithmetic was chosen, in lines; empty if simply by rule.
    """

    summary: "Summary | None"
    findings: tuple[Finding, ...]
    device: str
    reason: str
    arithmetic: str

    @property
    def problem(self) -> str:
        """Why a run with these switches cannot start, in one sentence; empty if it can."""
        return refusal(self.findings)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a trained network says of an image, and the image.

    Attributes:
        run: The run folder of the network.
        prediction: Its answer.
        pixels: The upright image, `(h, w, 3)` uint8, at most 1,024 pixels a side.
        heat_maps: `(classes, h, w)` float32, where in the image each class is; None unless the network is fully
            convolutional.
    """

    run: Path
    prediction: "Prediction"
    pixels: Pixels
    heat_maps: "NDArray[np.float32] | None" = None


@dataclass(frozen=True, slots=True)
class Question:
    """What a layer makes of an image, now and before.

    Attributes:
        before: The settings as they were; None if there is nothing to compare with.
        after: The settings as they are.
        classes: Number of classes; 0 while no folder is open.
        layer: Name of the layer.
        image: The image file; empty for a picture of a sample.
        picture: The sample that it is taken from.
    """

    before: Config | None
    after: Config
    classes: int
    layer: str
    image: str
    picture: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The answer to a `Question`.

    Attributes:
        question: The question.
        comparison: The maps of both sides.
        pixels: The image as the network takes it, `(S, S, 3)` uint8.
    """

    question: Question
    comparison: "Comparison"
    pixels: Pixels


def load_torch(_job: object) -> None:
    """Import what a run needs, so that Start answers at once."""
    load_engine()


def describe(config: Config, counts: Sequence[ClassCount]) -> Described:
    """Summarise the network that a run with this configuration would train, and examine that run.

    Args:
        config: The configuration.
        counts: The images of each class; empty while no folder is open.
    """
    from cnnstudio.engine.preflight import examine

    found = examine(config, counts)
    device, reason, arithmetic = "", found.no_compute, ""
    if found.tuned is not None:
        compute = found.tuned.compute
        device, reason = compute.label, _reason(config, compute.name, compute.device.type)
        arithmetic = tuning(found.tuned.why, found.tuned.tried, found.tuned.deterministic_cost)
    return Described(found.summary, found.findings, device, reason, arithmetic)


def layers_of(config: Config, classes: int) -> "Summary":
    """Summarise the network of a run.

    Args:
        config: As the run goes on.
        classes: Number of its classes.

    Raises:
        InputError: There is no such network here.
    """
    from cnnstudio.models import registry
    from cnnstudio.models.create import outline
    from cnnstudio.models.summary import summarise

    side = config.data.image_size
    side = registry.card(config.model.arch).image_size if side == "auto" else side
    return summarise(outline(config, classes), image_size=side)


def foresee(config: Config, job: Job[None]) -> None:
    """Find out the smallest images for the other borders of a network, so that each is there when it is chosen.

    Raises:
        CancelledError: There is something else to do.
    """
    from cnnstudio.models.create import outline
    from cnnstudio.models.flow import Flow
    from cnnstudio.models.summary import smallest_for

    def flow(settings: Config) -> Flow:
        return Flow(outline(settings, 1000))

    job.rest(_SETTLED)
    for padding in get_args(Padding):
        for aux in dict.fromkeys((config.model.aux, 0.0)):
            job.report(None)
            other = config.replace("model.padding", padding).replace("model.aux", aux)
            with contextlib.suppress(InputError):  # it has no such switches
                smallest_for(other.model, partial(flow, other))


def weights_report(config: Config, classes: int) -> WeightsReport:
    """Find out what pretrained weights do in the network of a configuration; their numbers stay on the disk.

    Args:
        config: The configuration, which starts from weights that are on this computer.
        classes: Number of classes; 0 while no folder is open.

    Raises:
        InputError: The switches do not go together, or the weights cannot be read or do not fit.
    """
    from cnnstudio.models.create import rehearse

    network, report = rehearse(config, classes or 1000)
    return WeightsReport(
        load=report,
        new_layers=network.last_layers,
        outputs=network.notes[network.head].removeprefix("new, ") if classes else "one output for each class",
        folded=not network.model.batchnorm and any(key.endswith(".running_mean") for key in report.loaded),
    )


def predict(run: Path, image: Path, epoch: int | None = None) -> Answer:
    """Ask the best weights of a run about an image, or those of one of its epochs.

    Raises:
        InputError: The run or the image cannot be used.
    """
    from cnnstudio.engine.evaluate import load_model

    try:
        pixels = read_thumbnail(image, min(_LARGEST, max(image_size(image))))
        model = load_model(run, device="cpu", epoch=epoch)
        return Answer(run, model.predict(image), pixels, model.heat_maps(image))
    except UnreadableImageError as error:
        raise InputError(f"the image cannot be read: {error}", where=image, remedy="choose another one") from None


def compare(question: Question, job: Job[Compared]) -> Compared:
    """Compute the feature maps of a layer with two settings of the switches, on the CPU.

    Raises:
        InputError: There is no such network as the settings ask for, or the image cannot be used.
        CancelledError: Nobody waits any longer.
    """
    from cnnstudio.models import registry

    config = question.after
    card = registry.card(config.model.arch)
    side = card.image_size if config.data.image_size == "auto" else config.data.image_size
    try:
        pixels = _square(question.image, question.picture, side)
    except UnreadableImageError as error:
        where, remedy = question.image, "choose another one"
        raise InputError(f"the image cannot be read: {error}", where=where, remedy=remedy) from None
    found = _consequences().compare(
        question.before, config, question.classes or 1000, question.layer, pixels, lambda: job.report(None)
    )
    return Compared(question, found, pixels)


@cache
def _consequences() -> "Consequences":
    from cnnstudio.engine.consequence import Consequences

    return Consequences()


@lru_cache(maxsize=2)
def _square(image: str, picture: str, side: int) -> Pixels:
    """Read an image, or draw the first one of a sample, `(side, side, 3)` uint8."""
    if image:
        return read_image(Path(image), side)
    from PIL import Image

    drawn = Image.fromarray(draw_image(picture, sample(picture).classes[0], 0))
    return np.array(drawn.resize((side, side), Image.Resampling.BICUBIC))


def _reason(config: Config, name: str, kind: str) -> str:
    if config.compute.device != "auto":
        return f"{name}, as chosen in compute.device."
    if kind == "cpu":
        return f"{name}. PyTorch finds no GPU that it can use, so the CPU computes."
    return f"{name}, the GPU that PyTorch finds."
