"""The rows of those stages of a step that are no passes through the network: its loss and its update."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from cnnstudio.engine.losses import Losses
from cnnstudio.engine.mixing import Mixture
from cnnstudio.engine.tensor_rows import Kept, Row, figures, keep, of_parameter

_LARGEST: Final = 2**22  # values of a parameter of which a copy is kept during the update
_EACH: Final = "one row an image, one column a class"


def plain_row(name: str, kind: str, tensor: Tensor, kept: Kept) -> Row:
    """Return the row of a tensor that belongs to no block."""
    return Row(name, "", kind, "", "", tuple(tensor.shape), figures(tensor), kept)


def targets(logits: Tensor, labels: Tensor, mixture: Mixture | None, *, rows: slice, smoothing: float) -> Tensor:
    """Return the probabilities (N, classes) that the cross-entropy compares with.

    Args:
        logits: (N, classes), of the images in `rows`.
        labels: (B,), of the whole batch.
        mixture: How the whole batch was mixed.
        rows: Which of its images were answered.
        smoothing: How much of each label is spread evenly over all classes.
    """
    classes = logits.shape[1]
    own = functional.one_hot(labels[rows], classes).float()
    if mixture is not None:
        other = functional.one_hot(labels[mixture.partners[rows]], classes).float()
        own = torch.lerp(other, own, mixture.share)
    return own * (1 - smoothing) + smoothing / classes


@torch.no_grad()
def loss_rows(found: Losses, wanted: Tensor) -> Iterator[Row]:
    """Yield logits, probabilities, targets and losses.

    Args:
        found: The losses of a batch, or of a part of it.
        wanted: (N, classes), what the probabilities should be.
    """
    logits = found.logits.detach().float()
    each = -(wanted * logits.log_softmax(1)).sum(1)
    matrices = {"logits": ("logits", logits), "probabilities": ("softmax of the logits", logits.softmax(1))}
    matrices["targets"] = ("labels as probabilities", wanted)
    for name, (kind, matrix) in matrices.items():
        yield plain_row(name, kind, matrix, keep(matrix, _EACH))
    yield plain_row("loss of each image", "cross-entropy", each, keep(each, ""))
    scalars = {"loss": ("mean over the images", found.main)}
    scalars |= {f"loss of {head}": ("auxiliary head", loss) for head, loss in found.aux.items()}
    if found.aux:
        scalars["total loss"] = ("with the weighted auxiliary losses", found.total)
    for name, (kind, scalar) in scalars.items():
        value = scalar.detach().reshape(1)
        yield plain_row(name, kind, value, keep(value, ""))


def copy_of(parameter: Tensor) -> Tensor:
    """Return a copy of a parameter; of a very large one, of its first rows."""
    return _first(parameter.detach()).clone()


@torch.no_grad()
def change_rows(name: str, before: Tensor, parameter: Tensor) -> Iterator[Row]:
    """Yield a parameter before and after an update, and what the update has added.

    Args:
        name: Of the parameter.
        before: What `copy_of` has returned.
        parameter: As it is now.
    """
    after = _first(parameter.detach())
    part = "" if len(after) == len(parameter) else f", its first {len(after):,} rows"
    for when, values in (("before", before), ("after", after), ("change", after - before)):
        layer = name.rpartition(".")[0]
        row = plain_row(f"{name} {when}", f"{when}{part}", values, of_parameter(values))
        yield replace(row, block=layer, formula="after = before + change")


def _first(parameter: Tensor) -> Tensor:
    if parameter.numel() <= _LARGEST:
        return parameter
    return parameter[: max(1, _LARGEST // parameter[0].numel())]
