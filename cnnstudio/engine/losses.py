"""What a batch costs: the loss of the logits and, while they learn, of the auxiliary heads."""

from collections.abc import Mapping
from dataclasses import dataclass

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


def losses(answer: Tensor | Outputs, labels: Tensor, config: Config, mixture: Mixture | None = None) -> Losses:
    """Compare the answer of a network in training mode with the labels (N,).

    The loss of a mixture is that of both labels, each by its share.
    """
    outputs = answer if isinstance(answer, Outputs) else Outputs(answer, {})

    def cost(logits: Tensor) -> Tensor:
        smoothing = config.train.label_smoothing
        own = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        if mixture is None:
            return own
        other = functional.cross_entropy(logits, labels[mixture.partners], label_smoothing=smoothing)
        return torch.lerp(other, own, mixture.share)

    main = cost(outputs.logits)
    aux = {head: cost(logits) for head, logits in outputs.aux.items()}
    total = main
    for loss in aux.values():
        total = total + config.model.aux * loss
    return Losses(total, main, aux, outputs.logits)
