"""A learning-rate schedule that can be changed while it is under way, and keeps its shape."""

import math
from typing import Any, Final

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR

_WARM_UP: Final = 0.05  # of the steps before the cosine begins


class Course(LRScheduler):
    """A schedule of torch's whose highest rates and whose length can be changed under way.

    `position` is where in its shape a step lies. At first that is the step's own number. After `lay` the rest of the
    shape, from where it is to its end, is stretched or squeezed in even proportion over the steps that remain, so that
    the learning rate neither jumps nor misses its end. It is kept in the state dict.
    """

    _bend: tuple[int, float, float] | None = None  # step, its position, and by how much later steps proceed

    @property
    def planned(self) -> int:
        """The steps that its shape was made for."""
        raise NotImplementedError

    @property
    def shape_ends(self) -> float:
        """The position at which the shape ends."""
        return self.planned

    @property
    def position(self) -> float:
        """Where in the shape the present step lies."""
        if self._bend is None:
            return self.last_epoch
        step, position, slope = self._bend
        return min(position + (self.last_epoch - step) * slope, self.shape_ends)

    def lay(self, steps: int) -> None:
        """Let the schedule end after another number of steps, counted from its beginning.

        At its very end there is nothing left to stretch: then the rate stays what it is.
        """
        here, left = self.position, steps - self.last_epoch
        self._bend = self.last_epoch, here, max(0.0, self.planned - here) / left if left > 0 else 0.0

    def take_rates(self, other: Optimizer) -> None:
        """Go on with the highest rates of an optimizer that has been given such a schedule, group by group."""
        for group, its in zip(self.optimizer.param_groups, other.param_groups, strict=True):
            group.update({name: its[name] for name in ("initial_lr", "max_lr", "min_lr") if name in its})
        self.base_lrs = [group["initial_lr"] for group in self.optimizer.param_groups]
        self.again()

    def go_on_from(self, before: "Course") -> None:
        """Go on where a schedule of fewer groups is."""
        kept = before.state_dict()
        self.load_state_dict({name: kept[name] for name in kept if name not in {"base_lrs", "_last_lr"}})
        self.again()

    def again(self) -> None:
        """Set the rates of the present step anew."""
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base  # the constant schedule keeps what is there
        self._get_lr_called_within_step = True
        rates = self.get_lr()
        self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates

    def get_lr(self) -> list[Any]:
        """Return the rate of each group at the present position."""
        step = self.last_epoch
        vars(self)["last_epoch"] = self.position  # torch's shapes are functions of this
        try:
            return super().get_lr()
        finally:
            self.last_epoch = step


class OneCycle(Course, OneCycleLR):
    """`OneCycleLR`, under way."""

    @property
    def planned(self) -> int:
        """The steps that its shape was made for."""
        return self.total_steps

    @property
    def shape_ends(self) -> float:
        """The last step, behind which torch's shape would rise again."""
        return self.total_steps - 1


class Cosine(Course):
    """Warms up in a line and falls with half a cosine, see `warm_cosine`."""

    def __init__(self, optimizer: Optimizer, steps: int) -> None:
        self._steps = steps
        super().__init__(optimizer)

    @property
    def planned(self) -> int:
        """The steps that its shape was made for."""
        return self._steps

    def get_lr(self) -> list[Any]:
        """Return the rate of each group at the present position."""
        return [base * warm_cosine(self.position, steps=self._steps) for base in self.base_lrs]


class Constant(Course, ConstantLR):
    """`ConstantLR` without an end, under way."""

    def __init__(self, optimizer: Optimizer, steps: int) -> None:
        self._steps = steps
        super().__init__(optimizer, factor=1.0, total_iters=0)

    @property
    def planned(self) -> int:
        """The steps that it was made for."""
        return self._steps


def warm_cosine(step: float, *, steps: int) -> float:
    """Return the share of the highest learning rate that a step takes, which is 0 after the last one.

    Args:
        step: Counted from 0; between two steps it is what lies between.
        steps: How many there are.
    """
    warm_up = round(_WARM_UP * steps)
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))
