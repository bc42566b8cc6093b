"""The steps that a run has reported, each a point of its curves."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from cnnstudio.core.events import StepEnded

_WHOLE = "all layers"  # what phases are called in which the whole network learns


@dataclass(frozen=True, slots=True)
class StepPoint:
    """A step that was reported.

    Attributes:
        step: Counted from 1.
        since: The first step of those whose mean was reported.
        epoch: Its position in epochs.
        loss: Mean training loss of these steps.
        whole: Whether the whole network learnt, rather than the part above what is frozen.
    """

    step: int
    since: int
    epoch: float
    loss: float
    whole: bool


class StepPoints:
    """Finds the point that is nearest to a position, and the one that tells of a step."""

    def __init__(self) -> None:
        self._points: list[StepPoint] = []
        self._epochs: list[float] = []
        self._steps: list[int] = []

    @property
    def last_step(self) -> int:
        """The latest step that is known; 0 before any is."""
        return self._steps[-1] if self._steps else 0

    def clear(self) -> None:
        """Forget all of them."""
        for each in (self._points, self._epochs, self._steps):
            each.clear()

    def extend(self, steps: Sequence[StepEnded]) -> None:
        """Append steps in their order."""
        for each in steps:
            whole = each.phase in {_WHOLE, ""}  # logs of earlier versions do not tell
            since = self.last_step + 1
            self._points.append(StepPoint(each.step, since, each.epoch, each.loss, whole))
            self._epochs.append(each.epoch)
            self._steps.append(each.step)

    def nearest(self, epoch: float) -> StepPoint | None:
        """Return the point nearest to a position in epochs; None before there is any."""
        if not self._points:
            return None
        right = bisect_left(self._epochs, epoch)
        near = self._points[max(0, right - 1) : right + 1]
        return min(near, key=lambda point: abs(point.epoch - epoch))

    def telling_of(self, step: int) -> StepPoint | None:
        """Return the point whose mean a step is part of; None for a step that was not reported yet."""
        place = bisect_left(self._steps, step)
        return self._points[place] if place < len(self._points) else None
