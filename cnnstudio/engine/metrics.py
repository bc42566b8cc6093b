"""Loss and accuracy that add up on the device and cross to the CPU only when asked."""

from collections.abc import Callable, Collection, Mapping
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
        predicted: How often each class was the answer, where that was wanted.
    """

    loss: float
    accuracy: float
    images: int
    aux: Mapping[str, float] = field(default_factory=dict)
    predicted: tuple[int, ...] = ()


class Running:
    """Sums over the images seen since the last reading; adding never waits for the device."""

    def __init__(
        self,
        device: torch.device,
        aux: Collection[str] = (),
        total: Callable[[Tensor], Tensor] = lambda sums: sums,
        *,
        classes: int = 0,
    ) -> None:
        """Begin with nothing.

        Args:
            device: Where the sums add up.
            aux: The auxiliary heads that will be reported.
            total: Adds up sums over all processes of a run, which all read at the same time.
            classes: Their number, where it is wanted how often each is the answer.
        """
        precise = torch.float64 if device.type != "mps" else torch.float32
        self._aux = tuple(sorted(aux))
        self._total = total
        self._sums = torch.zeros(2 + len(self._aux) + classes, dtype=precise, device=device)
        self._classes = torch.arange(classes, device=device)
        self._images = 0

    def add(
        self,
        loss: Tensor,
        logits: Tensor,
        labels: Tensor,
        aux: Mapping[str, Tensor] | None = None,
        also: "Running | None" = None,
    ) -> None:
        """Add one batch.

        Args:
            loss: Scalar, the mean over the batch.
            logits: `(B, classes)`.
            labels: `(B,)` int64.
            aux: Loss of each auxiliary head that was named at the start.
            also: Other sums of the same kind that get it too.
        """
        images = labels.shape[0]
        answers = logits.detach().argmax(1)
        correct = (answers == labels).sum()
        means = [loss.detach(), *((aux or {})[head].detach() for head in self._aux)]
        first, *rest = (mean * images for mean in means)
        found = torch.stack([first, correct, *rest])
        if len(self._classes):
            predicted = (answers[:, None] == self._classes).sum(0)  # unlike bincount, it never waits for the device
            found = torch.cat([found, predicted])
        self.include(found, images)
        if also is not None:
            also.include(found, images)

    def include(self, sums: Tensor, images: int) -> None:
        """Add what has been summed up over some images."""
        self._sums += sums
        self._images += images

    def read(self) -> Averages:
        """Wait for the device and return the means so far."""
        *sums, images = self._totals().tolist()
        means = 2 + len(self._aux)
        loss, correct, *aux = (each / max(1, images) for each in sums[:means])
        predicted = tuple(map(int, sums[means:]))
        return Averages(loss, correct, int(images), dict(zip(self._aux, aux, strict=True)), predicted)

    def take(self) -> Averages:
        """Read and start anew."""
        averages = self.read()
        self._sums.zero_()
        self._images = 0
        return averages

    def state(self) -> dict[str, Any]:
        """Return the sums as they are, to go on from."""
        totals = self._totals()
        return {"sums": totals[:-1], "images": int(totals[-1])}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the sums of another process."""
        self._sums.copy_(state["sums"])
        self._images = int(state["images"])

    def _totals(self) -> Tensor:
        """Return the sums over all processes, the number of images last."""
        return self._total(torch.cat((self._sums, self._sums.new_full((1,), self._images))))
