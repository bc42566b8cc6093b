"""What the window says of a BatchNorm."""

from pathlib import Path
from typing import Final

import numpy as np

from cnnstudio.core.config import ModelConfig
from cnnstudio.core.pictures import BatchNormScope
from cnnstudio.gui.words import counted

HINT: Final = "γ and β of each BatchNorm appear here once training starts"
ELSEWHERE: Final = "BatchNorm can be seen where the run trains"
UNSEEN: Final = "The first batch is on its way"


def absent(model: ModelConfig) -> str:
    """Return why a run shows no BatchNorm, and how to have one."""
    folded = model.pretrained and model.batchnorm is False
    why = "Its pretrained γ and β are folded into the convolutions. " if folded else ""
    return (
        f"This network has no BatchNorm. {why}"
        "Switch BatchNorm2d on on the Model page (model.batchnorm) and start another run."
    )


def heading(scope: BatchNormScope) -> str:
    """Return which layer it is, and when that was."""
    return f"{scope.layer} · {counted(len(scope.weight), 'channel')} · step {scope.step:,}"


def batch_words(scope: BatchNormScope) -> str:
    """Return what batch it is and what that means, in a sentence or two."""
    if not scope.image:
        return f"Fixed batch of {counted(scope.images, 'training image')}, not augmented: {agreement(scope)}"
    name = Path(scope.image).name
    if scope.values == 0:
        return (
            f"{name} alone never gets here: a BatchNorm before this one has a single value a channel, whose variance "
            "is undefined, and torch refuses it."
        )
    if scope.values == 1:
        return (
            f"{name} alone gives a single value a channel (1 × 1 maps): the variance is 0, torch refuses that, and "
            "only β would be left."
        )
    return f"{name} alone: the variance is over its {scope.values:,} pixels, no longer over images; {agreement(scope)}"


def agreement(scope: BatchNormScope) -> str:
    """Return how far the statistics of the batch and the running ones are apart, over all channels."""
    shift = float(np.median(np.abs(scope.shift)))
    with np.errstate(divide="ignore"):
        factor = float(np.exp(np.median(np.abs(np.log((scope.var + scope.eps) / (scope.running_var + scope.eps))))))
    return f"means {shift:.2g} σ, variances × {factor:.3g} off the running ones (medians)."


def drift(scope: BatchNormScope) -> str:
    """Return what training mode would do to a frozen layer; empty where there is nothing to say."""
    if not scope.frozen:
        return ""
    stands = "Frozen: its buffers stand still"
    if not scope.values:
        return f"{stands}."
    in_all = float(np.median(np.abs(scope.shift)))
    return (
        f"{stands}; in training mode they would drift by {in_all:.2g} σ (median), "
        f"{scope.momentum * in_all:.2g} σ of it with this batch."
    )


def channel_words(scope: BatchNormScope, channel: int) -> str:
    """Return the figures of a channel, or what all of them have in common for -1."""
    settings = f"ε {scope.eps:g} · momentum {scope.momentum:g}"
    if channel < 0:
        spread = " · ".join(
            f"{name} {_figure(float(values.min()))} to {_figure(float(values.max()))}"
            for name, values in (("γ", scope.weight), ("β", scope.bias))
        )
        return f"All channels: {spread} · {scope.values:,} values each · {settings}. Point at one, or click it."
    weight, bias, mean, var, running_mean, running_var = (
        _figure(float(values[channel]))
        for values in (scope.weight, scope.bias, scope.mean, scope.var, scope.running_mean, scope.running_var)
    )
    return (
        f"Channel {channel}: γ {weight} · β {bias} · batch mean {mean}, var {var} · "
        f"running_mean {running_mean}, running_var {running_var} · {settings}"
    )


def _figure(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.4g}".replace("-", "−")
