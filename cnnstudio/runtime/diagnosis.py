"""What a run has reported, and what can be found out from it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from cnnstudio.core.changes import config_after, merged
from cnnstudio.core.config import Config
from cnnstudio.core.events import Changed, EpochEnded, Event, Pulse, RunStarted, StepEnded
from cnnstudio.core.findings import Remedy

Kind = Literal[
    "leak",
    "exploding",
    "lr_high",
    "lr_low",
    "collapse",
    "vanishing",
    "dead",
    "tiny_batches",
    "overfitting",
    "plateau",
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a finding can be seen.

    Attributes:
        curve: As curves are called: `val_loss`, `train_loss`, `val_accuracy`, `gradient_norm`, `lr`; or `pulse` for
            figures of single layers.
        begin: In epochs.
        end: In epochs.
    """

    curve: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that goes wrong.

    Attributes:
        kind: What.
        sentence: The same in words, with figures.
        evidence: Where it can be seen.
        remedies: What can be changed for the next run, the best first.
    """

    kind: Kind
    sentence: str
    evidence: Evidence
    remedies: tuple[Remedy, ...] = ()


@dataclass(slots=True)
class Record:
    """What a run has reported so far.

    Attributes:
        started: Its opening.
        steps: Reports of steps.
        epochs: Epochs done.
        pulses: How layers learnt.
        changes: What it has taken while it went on.
    """

    started: RunStarted | None = None
    steps: list[StepEnded] = field(default_factory=list)
    epochs: list[EpochEnded] = field(default_factory=list)
    pulses: list[Pulse] = field(default_factory=list)
    changes: tuple[Changed, ...] = ()

    def add(self, events: Iterable[Event]) -> bool:
        """Take in more of it; return whether it is time to judge, which it is not after each report of a step."""
        due = False
        for event in events:
            match event:
                case RunStarted():
                    if not event.resumed_step:  # it may have begun before, with images that cannot be read
                        self.steps, self.epochs, self.pulses, self.changes = [], [], [], ()
                    self.started = event
                case StepEnded():
                    self.steps.append(event)
                case EpochEnded():
                    self.epochs.append(event)
                    due = True
                case Changed():
                    self.changes = merged(self.changes, event)
                case Pulse():
                    self.pulses.append(event)
                    due = True
        return due

    def copy(self) -> "Record":
        """Return a record that later reports leave as it is."""
        return Record(self.started, self.steps.copy(), self.epochs.copy(), self.pulses.copy(), self.changes)

    @property
    def now(self) -> float:
        """How far the run is, in epochs."""
        steps, epochs = self.steps[-1:], self.epochs[-1:]
        return max([0.0, *(each.epoch for each in steps), *(float(each.epoch) for each in epochs)])


@dataclass(frozen=True, slots=True)
class Case:
    """A record that rules can judge.

    Attributes:
        record: The record.
        started: Its opening.
    """

    record: Record
    started: RunStarted

    @property
    def config(self) -> Config:
        """How the run goes on now."""
        return config_after(self.started.config, self.record.changes)


Rule = Callable[[Case], Iterator[Diagnosis]]
