"""What is wrong or risky about a run before it starts, and what can be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from cnnstudio.core.config import Config

FindingLevel = Literal["stop", "warn", "info"]

_RANK: Final[dict[FindingLevel, int]] = {"stop": 0, "warn": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change of settings that mends what a finding is about.

    Attributes:
        label: What a button that does it is called: `Use 70 pixels`.
        changes: Keys `section.name` and their new values.
    """

    label: str
    changes: tuple[tuple[str, object], ...]

    def applied(self, config: Config) -> Config:
        """Return a configuration with the changes.

        Raises:
            InputError: A value is not allowed.
        """
        for key, value in self.changes:
            config = config.replace(key, value)
        return config


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, risky or worth knowing.

    Attributes:
        level: `stop` if the run cannot start, `warn` if it is likely to disappoint, `info` otherwise.
        text: One sentence.
        remedies: What can be done, the best first; any one of them is enough.
    """

    level: FindingLevel
    text: str
    remedies: tuple[Remedy, ...] = ()


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by their level, and in their own order within a level."""
    return tuple(sorted(findings, key=lambda each: _RANK[each.level]))


def refusal(findings: Iterable[Finding]) -> str:
    """Return why a run cannot start, in one sentence; empty if it can."""
    return next((each.text for each in findings if each.level == "stop"), "")
