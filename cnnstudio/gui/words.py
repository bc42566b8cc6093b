"""Figures in words, the same everywhere in the window."""

from cnnstudio.core.errors import InputError


def percent(share: float) -> str:
    """Return `0.914` as `91.4 %`."""
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """Return a duration as a person would say it: `40 s`, `2 min 10 s`, `1 h 5 min`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 10:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 image`, or `1,729 images`; a plural that is not formed with an s is given."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def in_sentences(error: InputError) -> str:
    """Return what is wrong, with what, and what to do, as a person would say it.

    >>> in_sentences(InputError("no such folder", where="/birds", remedy="check the path"))
    'No such folder: /birds. Check the path.'
    """
    remedy = error.remedy[:1].upper() + error.remedy[1:]
    place = f" ({error.where})" if ":" in error.what else f": {error.where}"
    what = error.what[:1].upper() + error.what[1:] + (place if error.where else "")
    return f"{what}. {remedy}" + ("" if remedy.endswith(("?", ".")) else ".")
