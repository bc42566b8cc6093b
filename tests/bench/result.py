"""What a row of the benchmark found, and whether that is what it had to reach."""

from dataclasses import dataclass

from tests.bench.statistics import Estimate


@dataclass(frozen=True, slots=True)
class Target:
    """What a value has to be.

    Attributes:
        low: At least this.
        high: At most this.
        aim: What would be better still, in words.
    """

    low: float | None = None
    high: float | None = None
    aim: str = ""

    def reached(self, value: float) -> bool:
        """Whether a value is inside."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class Result:
    """One row, measured.

    Attributes:
        row: Its name.
        what: What the value is, in words.
        unit: Follows the value: `×`, `%`, ` points`.
        found: The value with its interval; None where the row was skipped.
        target: What it has to be; None for a value that is only told.
        reached: Whether it is; None where there is no target or the row was skipped.
        control: The same ratio of two equal sides (A/A), which is 1 but for noise; None where it was not measured.
        cpu: The same ratio in processor time, all processes together; None where it means nothing.
        ours: Peak memory of all our processes together in bytes; None where it was not looked at.
        peer: The same of the peer.
        seconds: What measuring took.
        notes: Sentences to read the value with.
    """

    row: str
    what: str
    unit: str = "×"
    found: Estimate | None = None
    target: Target | None = None
    reached: bool | None = None
    control: Estimate | None = None
    cpu: Estimate | None = None
    ours: int | None = None
    peer: int | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
