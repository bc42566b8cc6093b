"""Errors that are meant for people: what happened, where, and what to do."""

import difflib
import re
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used.

    Attributes:
        what: One clause that says what is wrong.
        where: The file, folder or key concerned, empty if there is none.
        remedy: One clause that says what to do.
    """

    def __init__(self, what: str, *, where: object = "", remedy: str) -> None:
        self.what = what
        self.where = str(where)
        self.remedy = remedy
        super().__init__(self.one_line())

    def one_line(self) -> str:
        """Return the whole error as one printable line, whatever was quoted in it."""
        place = f" [{self.where}]" if self.where else ""
        line = " ".join(f"{self.what}{place}: {self.remedy}".split())
        # Control characters would steer a terminal; lone surrogates, from odd file names, cannot be written at all.
        return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", lambda found: ascii(found[0])[1:-1], line)


class StopRun(Exception):  # noqa: N818 - a request, not an error
    """Raised at a step boundary after somebody asked the run to stop."""


def did_you_mean(name: str, legal: Iterable[str]) -> str:
    """Return a remedy that suggests the nearest legal name, or lists them all.

    >>> did_you_mean("vgg61", ["vgg16", "resnet18"])
    'did you mean vgg16?'
    """
    names = sorted(legal)

    def nearness(other: str) -> tuple[float, bool]:
        typed = name.casefold()
        swapped = sorted(typed) == sorted(other)  # decides a tie: vgg61 is as far from vgg19 as from vgg16
        return difflib.SequenceMatcher(None, typed, other).ratio(), swapped

    near = max(names, key=nearness, default="")
    if nearness(near)[0] >= 0.6:
        return f"did you mean {near}?"
    return "choose one of " + ", ".join(names)
