"""Forms of a network that take no time but on a clock of their own."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from cnnstudio.core.events import Phase, Warned
from cnnstudio.engine.device import Compute
from cnnstudio.engine.forms_kinds import Computation, Expected
from cnnstudio.engine.telling import Telling


@dataclass
class Clock:
    """Time that goes on only when it is told to, in seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeForm:
    """Runs the network itself, or what it is told to.

    Attributes:
        speed: Images a second on the clock, once it is built.
        takes: Seconds to build it.
        thought: What it is expected to bring.
        change: Done to the features.
        built: How often it was built.
        sizes: Of the batches that it ran on.
    """

    clock: Clock = field(default_factory=Clock)
    speed: float = 20.0
    takes: float = 5.0
    thought: Expected = field(default_factory=lambda: Expected(2.0, 5.0))
    change: Callable[[Tensor], Tensor] = lambda features: features
    key: str = "fake"
    title: str = "quick"
    verb: str = "Quickening"
    repeat: float = 0.5
    why_not: str = ""
    built: int = 0
    sizes: list[int] = field(default_factory=list)

    def obstacle(self, compute: Compute) -> str:
        return self.why_not

    def expected(self, compute: Compute) -> Expected:
        return self.thought

    def build(self, module: nn.Module, images: Tensor, compute: Compute) -> tuple[Computation, Tensor]:
        self.built += 1
        ready = self.clock.now + self.takes

        def computation(batch: Tensor) -> Tensor:
            self.sizes.append(len(batch))
            done = self.clock.now + len(batch) / self.speed
            features = self.change(module(batch))
            self.clock.now = done
            return features

        answer = self.change(module(images))
        self.clock.now = ready
        return computation, answer


@dataclass
class Told:
    """What was told, as texts.

    Attributes:
        phases: What was being done.
        warnings: What the user should know.
    """

    phases: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def telling(self) -> Telling:
        return Telling(self._take, lambda: None)

    def _take(self, event: Phase | Warned) -> None:
        (self.phases if isinstance(event, Phase) else self.warnings).append(event.text)


def turned(features: Tensor) -> Tensor:
    """Return features that are wrong."""
    return torch.flip(features, [1])
