"""Loss and accuracy that add up on the device and cross to the CPU only when asked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Averages:
    """Means over some images.

    Attributes:
        loss: Mean loss.
        accuracy: Share of images whose largest logit is that of their class.
        images: How many.
        aux: Mean loss of each auxiliary head.
    """

    loss: float
    accuracy: float
    images: int
    aux: Mapping[str, float] = field(default_factory=dict)


class Running:
    """Sums over the images seen since the last reading; adding never waits for the device."""

    def __init__(self, device: torch.device, aux: Collection[str] = ()) -> None:
        precise = torch.float64 if device.type != "mps" else torch.float32
        self._aux = tuple(sorted(aux))
        self._sums = torch.zeros(2 + len(self._aux), dtype=precise, device=device)
        self._images = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor, aux: Mapping[str, Tensor] | None = None) -> None:
        """Add one batch.

        Args:
            loss: Scalar, the mean over the batch.
            logits: `(B, classes)`.
            labels: `(B,)` int64.
            aux: Loss of each auxiliary head that was named at the start.
        """
        correct = (logits.detach().argmax(1) == labels).sum()
        means = [loss.detach(), *((aux or {})[head].detach() for head in self._aux)]
        first, *rest = (mean * len(labels) for mean in means)
        self._sums += torch.stack([first, correct, *rest])
        self._images += len(labels)

    def read(self) -> Averages:
        """Wait for the device and return the means so far."""
        loss, correct, *aux = (self._sums / max(1, self._images)).tolist()
        return Averages(loss, correct, self._images, dict(zip(self._aux, aux, strict=True)))

    def take(self) -> Averages:
        """Read and start anew."""
        averages = self.read()
        self._sums.zero_()
        self._images = 0
        return averages

    def state(self) -> dict[str, Any]:
        """Return the sums as they are, to go on from."""
        return {"sums": self._sums, "images": self._images}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the sums of another process."""
        self._sums.copy_(state["sums"])
        self._images = int(state["images"])
