"""Loss and accuracy that add up on the device and cross to the CPU only when asked."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Averages:
    """Means over some images.

    Attributes:
        loss: Mean loss.
        accuracy: Share of images whose largest logit is that of their class.
        images: How many.
    """

    loss: float
    accuracy: float
    images: int


class Running:
    """Sums over the images seen since the last reading; adding never waits for the device."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(2, dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)
        self._images = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add one batch.

        Args:
            loss: Scalar, the mean over the batch.
            logits: `(B, classes)`.
            labels: `(B,)` int64.
        """
        correct = (logits.detach().argmax(1) == labels).sum()
        self._sums += torch.stack([loss.detach() * len(labels), correct])
        self._images += len(labels)

    def read(self) -> Averages:
        """Wait for the device and return the means so far."""
        loss, correct = (self._sums / max(1, self._images)).tolist()
        return Averages(loss, correct, self._images)

    def take(self) -> Averages:
        """Read and start anew."""
        averages = self.read()
        self._sums.zero_()
        self._images = 0
        return averages
