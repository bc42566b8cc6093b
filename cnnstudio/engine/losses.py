"""What a batch costs: the loss of the logits and, while they learn, of the auxiliary heads."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from cnnstudio.core.config import Config
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


def losses(answer: Tensor | Outputs, labels: Tensor, config: Config) -> Losses:
    """Compare the answer of a network in training mode with the labels (N,)."""
    outputs = answer if isinstance(answer, Outputs) else Outputs(answer, {})
    smoothing = config.train.label_smoothing
    main = functional.cross_entropy(outputs.logits, labels, label_smoothing=smoothing)
    aux = {
        head: functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        for head, logits in outputs.aux.items()
    }
    total = main
    for loss in aux.values():
        total = total + config.model.aux * loss
    return Losses(total, main, aux, outputs.logits)
