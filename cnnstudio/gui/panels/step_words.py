"""What happened in one stage of a training step, in sentences with its figures."""

import math
from collections.abc import Callable

import numpy as np

from cnnstudio.core.pictures import StepStage
from cnnstudio.gui.widgets.step_table import short
from cnnstudio.gui.words import counted

_NORM, _ZEROS = 4, 3


def sentences(stage: StepStage) -> str:
    """Return what the stage has done, and what is special about it."""
    words = {"forward": _forward, "loss": _loss, "backward": _backward, "update": _update}[stage.stage](stage)
    return " ".join(filter(None, (words, stage.note)))


def _forward(stage: StepStage) -> str:
    layers = sum(not name.partition(":")[2] for name in stage.names) - 1
    rectified = [at for at, kind in enumerate(stage.kinds) if kind.startswith("ReLU")]
    words = f"{counted(stage.images, 'image')} went through {counted(layers, 'layer')}; no weight has changed."
    if rectified:
        sizes = np.array([math.prod(stage.shapes[at]) for at in rectified], float)
        zeros = float(np.average(stage.figures[rectified, _ZEROS], weights=sizes))
        words += f" {100 * zeros:.0f} % of the values behind a ReLU are 0."
    return words


def _loss(stage: StepStage) -> str:
    whose = "this image" if stage.images == 1 else f"these {stage.images} images"
    words = f"The loss of {whose} is {stage.loss:.3f}; the network gave the right class {stage.right:.2f} on average."
    heads = [at for at, name in enumerate(stage.names) if name.startswith("loss of ") and name != "loss of each image"]
    if heads:
        main = float(stage.figures[stage.names.index("loss"), 2])
        parts = ", ".join(f"{stage.names[at].removeprefix('loss of ')} {stage.figures[at, 2]:.3f}" for at in heads)
        words += f" Its own head has {main:.3f}; auxiliary heads: {parts}."
    return words


def _backward(stage: StepStage) -> str:
    weights = [at for at, name in enumerate(stage.names) if name.endswith(".weight") and len(stage.shapes[at]) > 1]
    words = "The gradient went back through the network: it says how the loss would change with each value."
    if len(weights) > 1:
        last, first = weights[0], weights[-1]
        norms = short(float(stage.figures[first, _NORM])), short(float(stage.figures[last, _NORM]))
        words += (
            f" The gradient has a norm of {norms[0]} at {stage.names[first]}, the first, and of {norms[1]} at "
            f"{stage.names[last]}, the last."
        )
    return words


def _update(stage: StepStage) -> str:
    before = _norm(stage, lambda name: name.endswith(" before"))
    change = _norm(stage, lambda name: name.endswith(" change"))
    tensors = sum(name.endswith(" change") for name in stage.names)
    low, high = stage.rates
    rate = f"{low:.1e}" if low == high else f"{low:.1e} to {high:.1e}"
    share = f": they moved by {100 * change / before:.2g} % of their length" if before else ""
    if not change:
        return f"No weight has changed in step {stage.step:,}: the optimizer has left it out."
    return f"The optimizer changed {counted(tensors, 'parameter tensor')} with a learning rate of {rate}{share}."


def _norm(stage: StepStage, wanted: Callable[[str], bool]) -> float:
    """Return the norm of some tensors together."""
    chosen = [at for at, name in enumerate(stage.names) if wanted(name)]
    return float(np.linalg.norm(stage.figures[chosen, _NORM]))
