"""What the window asks of torch, in functions that run beside the GUI thread and import torch themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.data.images import Pixels, UnreadableImageError, image_size, read_thumbnail

if TYPE_CHECKING:
    from cnnstudio.engine.evaluate import Prediction
    from cnnstudio.models.summary import Summary

_LARGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class Described:
    """A network as its switches stand, without its weights.

    Attributes:
        summary: Its layers, for the smallest legal image where the chosen size is too small; None if there is no such
            network.
        problem: Why a run with these switches cannot start; empty if it can.
        device: What will compute, as the device chip shows it; empty if what was asked for does not exist here.
        reason: Why that.
    """

    summary: "Summary | None"
    problem: str
    device: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a trained network says of an image, and the image.

    Attributes:
        run: The run folder of the network.
        prediction: Its answer.
        pixels: The upright image, `(h, w, 3)` uint8, at most 1,024 pixels a side.
    """

    run: Path
    prediction: "Prediction"
    pixels: Pixels


def load_torch(_job: object) -> None:
    """Import what a run needs, so that Start answers at once."""
    import cnnstudio.engine.trainer  # noqa: F401 - imported for its effect


def describe(config: Config, classes: int) -> Described:
    """Summarise the network that a run with this configuration would train.

    Args:
        config: The configuration.
        classes: Number of classes; 0 while no folder is open.
    """
    from cnnstudio.engine.device import resolve
    from cnnstudio.engine.prepare import has_depthwise
    from cnnstudio.models import registry
    from cnnstudio.models.create import outline
    from cnnstudio.models.summary import check_image_size, minimum_size, summarise

    summary, depthwise, device, problems = None, False, "", list[str]()
    try:
        card = registry.card(config.model.arch)
        side = card.image_size if config.data.image_size == "auto" else config.data.image_size
        network = outline(config, classes or 1000)
        depthwise = has_depthwise(network)
        summary = summarise(network, image_size=max(side, minimum_size(network)))
        check_image_size(network, side, card.title)
    except InputError as error:
        problems.append(error.one_line())
    try:
        compute = resolve(config.compute, depthwise=depthwise)
        device, reason = compute.label, _reason(config, compute.name, compute.device.type)
    except InputError as error:
        reason = error.one_line()
        problems.append(reason)
    return Described(summary, next(iter(problems), ""), device, reason)


def predict(run: Path, image: Path) -> Answer:
    """Ask the best weights of a run about an image.

    Raises:
        InputError: The run or the image cannot be used.
    """
    from cnnstudio.engine.evaluate import load_model

    try:
        pixels = read_thumbnail(image, min(_LARGEST, max(image_size(image))))
        return Answer(run, load_model(run, device="cpu").predict(image), pixels)
    except UnreadableImageError as error:
        raise InputError(f"the image cannot be read: {error}", where=image, remedy="choose another one") from None


def _reason(config: Config, name: str, kind: str) -> str:
    if config.compute.device != "auto":
        return f"{name}, as chosen in compute.device."
    if kind == "cpu":
        return f"{name}. PyTorch finds no GPU that it can use, so the CPU computes."
    return f"{name}, the GPU that PyTorch finds."
