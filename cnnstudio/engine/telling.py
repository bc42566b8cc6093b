"""Whom long work tells how far it is."""

from collections.abc import Callable
from dataclasses import dataclass

from cnnstudio.core.events import Phase, Warned


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom to tell what is being done, and whom to ask whether to go on.

    Attributes:
        report: Takes phases and warnings.
        check: Raises to give up.
    """

    report: Callable[[Phase | Warned], None]
    check: Callable[[], None]
