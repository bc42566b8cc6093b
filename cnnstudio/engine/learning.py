"""What a phase learns with: optimizer, schedule, scaler and average, which are kept and taken over together."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cnnstudio.engine.averaging import Average
from cnnstudio.engine.course import Course
from cnnstudio.engine.resume import KEPT, Checkpoint, set_random_states
from cnnstudio.engine.schedule import TrainingPhase


@dataclass(frozen=True, slots=True, eq=False)
class Learning:
    """What changes the weights during a phase.

    Attributes:
        number: Which of the training phases, counted from 0.
        phase: What it is like.
        optimizer: Over all that learns.
        schedule: Of its learning rates.
        scaler: Of float16 gradients; it does nothing otherwise.
        average: Of the weights, where one is wanted.
        first: The first epoch of the phase, counted from 1.
        chosen: The epoch for which it was chosen which stages learn.
    """

    number: int
    phase: TrainingPhase
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    average: Average
    first: int = 1
    chosen: int = 0

    @property
    def course(self) -> Course:
        """The schedule of a run, which can be changed under way."""
        assert isinstance(self.schedule, Course)
        return self.schedule

    def step(self, loss: Tensor) -> None:
        """Go one step down the gradient of a loss, and let the average follow."""
        self.forget()
        self.accumulate(loss)
        self.advance()

    def forget(self) -> None:
        """Let the gradients go, as `zero_grad` does, which tells a profiler of it and takes three times as long."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def accumulate(self, loss: Tensor) -> None:
        """Add the gradient of a loss to what there is."""
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def advance(self) -> None:
        """Go one step down the gradients, and let the average follow."""
        self.scaler.unscale_(self.optimizer)  # else a fused step would do it, and its hooks would see scaled gradients
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        self.average.follow()

    def state(self) -> dict[str, Any]:
        """Return the state dicts by their names."""
        return {name: getattr(self, name).state_dict() for name in KEPT}

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Take over random numbers and, unless it is of an earlier phase, the state of a checkpoint."""
        if checkpoint.position.phase == self.number:
            for name, state in checkpoint.learning.items():
                getattr(self, name).load_state_dict(state)
        set_random_states(checkpoint.rng)

    def take_over(self, before: "Learning") -> None:
        """Go on from where fewer stages have learnt: their part of each state, and the same place in the schedule."""
        for parameter, state in before.optimizer.state.items():
            self.optimizer.state[parameter] = state
        self.course.go_on_from(before.course)
        average, known = self.average.state_dict(), before.average.state_dict()
        self.average.load_state_dict({**known, "weights": average["weights"] | known["weights"]})
