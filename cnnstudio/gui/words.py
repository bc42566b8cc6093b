"""Figures in words, the same everywhere in the window."""

from collections.abc import Sequence

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Tried


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


def in_short(count: int, *, full: bool = False) -> str:
    """Return `231,211,008` as `231 M`, to three significant digits; small numbers in full, and a dash for none.

    Args:
        count: A number of things.
        full: Never shorten.
    """
    if not count:
        return "–"
    for size, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M")):
        if not full and count >= size:
            value = count / size
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {letter}"
    return f"{count:,}"


def memory(count: int) -> str:
    """Return a number of bytes as `3.1 MB` or `12.3 KB`, in powers of 1,024; a dash for none."""
    for size, unit in ((2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B" if count else "–"


def tuning(why: str, tried: Sequence[Tried], deterministic_cost: float | None) -> str:
    """Return how the arithmetic of a run was chosen, with a line for each that was tried.

    Args:
        why: A sentence; may be empty.
        tried: The speeds, the fastest first.
        deterministic_cost: Time of a deterministic step as a multiple of an ordinary one's; None if that is not known.
    """
    lines = [f"{why.removesuffix('.')}:" if tried else why]
    for each in tried:
        speed = f"{each.images_per_second:,.{0 if each.images_per_second >= 10 else 1}f} images/s"
        lines.append(f"{each.precision} · {each.memory_format}: {speed}")
    if deterministic_cost is not None:
        more = round(100 * (deterministic_cost - 1))
        lines.append(f"Deterministic algorithms cost {f'{more} % of speed' if more >= 2 else 'nothing measurable'}.")
    return "\n".join(filter(None, lines))


def in_sentences(error: InputError) -> str:
    """Return what is wrong, with what, and what to do, as a person would say it.

    >>> in_sentences(InputError("no such folder", where="/birds", remedy="check the path"))
    'No such folder: /birds. Check the path.'
    """
    remedy = error.remedy[:1].upper() + error.remedy[1:]
    place = f" ({error.where})" if ":" in error.what else f": {error.where}"
    what = error.what[:1].upper() + error.what[1:] + (place if error.where else "")
    return f"{what}. {remedy}" + ("" if remedy.endswith(("?", ".")) else ".")


def in_words(error: Exception) -> str:
    """Return what went wrong in sentences, or its type and text where nobody has foreseen it."""
    return in_sentences(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
