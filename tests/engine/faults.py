"""What the tests of faults have in common: ways to break a forward pass, and to read how a run took it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cnnstudio.core.events import Event, RunEnded, Warned
from cnnstudio.models.compact import Compact
from tests.engine.resumed_runs import told

SMALL = ("model.width=8", "model.depth=3", "compute.precision=float32")


def warnings(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Warned)]


def ending(events: list[Event]) -> RunEnded:
    last = events[-1]
    assert isinstance(last, RunEnded)
    return last


def assert_near(one: list[Event], other: list[Event], *, rel: float) -> None:
    """Compare the numbers of two runs that differ in the order of their sums."""
    for its, others in zip(told(one), told(other), strict=True):
        numbers = [{key: value for key, value in each.items() if isinstance(value, float)} for each in (its, others)]
        assert {"loss", "accuracy"} <= set(numbers[0]) or {"train_loss", "val_loss"} <= set(numbers[0])
        assert numbers[0] == pytest.approx(numbers[1], rel=rel, abs=1e-6)


def break_forward(
    monkeypatch: pytest.MonkeyPatch, breaks: Callable[[int, Tensor, bool], Exception | None]
) -> list[tuple[int, bool]]:
    """Let forward passes raise what `breaks(number of the pass, images, learning)` returns; note their sizes."""
    really, passes = Compact.forward, list[tuple[int, bool]]()

    def forward(self: Compact, x: Tensor) -> Tensor:
        answer = really(self, x)
        if type(x) is Tensor:  # and not what goes through a network to find out what it is like
            passes.append((len(x), self.training))
        error = breaks(len(passes), x, self.training) if type(x) is Tensor else None
        if error is not None:
            raise error
        return answer

    monkeypatch.setattr(Compact, "forward", forward)
    return passes


def out_of_memory(
    images: int, *, learning: bool = True, at: int = 0
) -> Callable[[int, Tensor, bool], Exception | None]:
    """Return what breaks passes of more images, either those that learn or the others, from some pass on."""

    def breaks(number: int, x: Tensor, is_learning: bool) -> Exception | None:
        too_many = is_learning == learning and number >= at and len(x) > images
        return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.") if too_many else None

    return breaks
