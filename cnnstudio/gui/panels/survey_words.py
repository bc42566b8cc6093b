"""What a look at a folder tells, in sentences."""

from collections.abc import Sequence
from typing import Final

from cnnstudio.data.survey import Survey
from cnnstudio.gui.words import counted

_FEW: Final = 20  # images a class, below which validation says little
_UNEVEN: Final = 5  # how many times the largest class may exceed the smallest
_NAMED: Final = 3


def sentence(survey: Survey) -> str:
    """Say how many images there are and what they are for."""
    train, val, test = len(survey.split.train), len(survey.split.val), len(survey.split.test)
    total = counted(train + val + test, "image")
    classes = counted(len(survey.catalog.classes), "class", "classes")
    rest = f", {test:,} to test with" if test else ""
    return f"{total} in {classes}: {train:,} to learn from, {val:,} to validate with{rest}"


def advice(survey: Survey) -> str:
    """Say what may keep a network from learning these classes well, a line each; empty if nothing stands out."""
    counts = dict(zip(survey.catalog.classes, survey.catalog.counts(), strict=True))
    few = [name for name, count in counts.items() if count < _FEW]
    smallest, largest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    sentences = []
    if len(few) == 1:
        sentences.append(f"{few[0]} has only {counted(counts[few[0]], 'image')}: a hundred a class is a good start.")
    elif few:
        sentences.append(f"Fewer than {_FEW} images: {_listed(few)}. A hundred a class is a good start.")
    if counts[largest] > _UNEVEN * counts[smallest]:
        times = counts[largest] / counts[smallest]
        sentences.append(
            f"{largest} has {times:.0f} times as many images as {smallest}, and will be guessed too often."
        )
    return "\n".join(sentences)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
