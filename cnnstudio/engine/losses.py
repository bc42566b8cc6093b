"""What a batch costs: the loss of the logits and, while they learn, of the auxiliary heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from cnnstudio.core.config import Config
from cnnstudio.engine.mixing import Mixture
from cnnstudio.models.network import Outputs


@dataclass(frozen=True, slots=True)
class Losses:
    """The losses of one batch, each a scalar on the device.

    Attributes:
        total: What is minimised: the main loss and the auxiliary ones times `model.aux` (Szegedy et al., 2015).
        main: Cross-entropy of the logits.
        aux: Cross-entropy of each auxiliary head that learns, by its path.
        logits: (N, classes), of the head.
    """

    total: Tensor
    main: Tensor
    aux: Mapping[str, Tensor]
    logits: Tensor


_ALL: Final = slice(None)


def losses(
    answer: Tensor | Outputs, labels: Tensor, config: Config, mixture: Mixture | None = None, rows: slice = _ALL
) -> Losses:
    """Compare the answer of a network in training mode with the labels.

    The loss of a mixture is that of both labels, each by its share.

    Args:
        answer: To images of a batch.
        labels: (B,), of the whole batch.
        config: Says how to compare.
        mixture: How the whole batch was mixed.
        rows: Which of its images were answered.
    """
    outputs = answer if isinstance(answer, Outputs) else Outputs(answer, {})

    def cost(logits: Tensor) -> Tensor:
        smoothing = config.train.label_smoothing
        own = functional.cross_entropy(logits, labels[rows], label_smoothing=smoothing)
        if mixture is None:
            return own
        other = functional.cross_entropy(logits, labels[mixture.partners[rows]], label_smoothing=smoothing)
        return torch.lerp(other, own, mixture.share)

    main = cost(outputs.logits)
    aux = {head: cost(logits) for head, logits in outputs.aux.items()}
    total = main
    for loss in aux.values():
        total = total + config.model.aux * loss
    return Losses(total, main, aux, outputs.logits)


def first(answer: Tensor | Outputs, count: int) -> Tensor | Outputs:
    """Return what was answered to the first images of a batch."""
    if isinstance(answer, Outputs):
        return Outputs(answer.logits[:count], {head: logits[:count] for head, logits in answer.aux.items()})
    return answer[:count]


def joined(parts: Sequence[tuple[Losses, float]]) -> Losses:
    """Return the losses of a batch from those of its parts, each with its share of the images, without gradients."""
    if len(parts) == 1:
        part, _ = parts[0]
        aux = {head: loss.detach() for head, loss in part.aux.items()}
        return Losses(part.total.detach(), part.main.detach(), aux, part.logits.detach())
    return Losses(
        total=_mean([(part.total, share) for part, share in parts]),
        main=_mean([(part.main, share) for part, share in parts]),
        aux={head: _mean([(part.aux[head], share) for part, share in parts]) for head in parts[0][0].aux},
        logits=torch.cat([part.logits.detach() for part, _ in parts]),
    )


def _mean(parts: Sequence[tuple[Tensor, float]]) -> Tensor:
    return torch.stack([value.detach() * share for value, share in parts]).sum(0)
