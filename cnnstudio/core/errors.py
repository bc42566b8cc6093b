"""Errors that are meant for people: what happened, where, and what to do."""

import difflib
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
        """Return the whole error as one line of text, whatever was quoted in it."""
        place = f" [{self.where}]" if self.where else ""
        return " ".join(f"{self.what}{place}: {self.remedy}".split())


class StopRun(Exception):  # noqa: N818 - a request, not an error
    """Raised at a step boundary after somebody asked the run to stop."""


def did_you_mean(name: str, legal: Iterable[str]) -> str:
    """Return a remedy that suggests the nearest legal name, or lists them all.

    >>> did_you_mean("vgg61", ["vgg16", "resnet18"])
    'did you mean vgg16?'
    """
    names = sorted(legal)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return "choose one of " + ", ".join(names)
