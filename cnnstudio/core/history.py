"""Where the weights of each epoch lie in a run folder, as far as they are kept."""

import re
from pathlib import Path
from typing import Final

from cnnstudio.core.errors import InputError

HISTORY: Final = "history"


class LostEpochError(InputError):
    """The weights of an epoch are damaged, or not kept."""


def epoch_file(run: Path, epoch: int) -> Path:
    """Return the file of an epoch; 0 stands for the weights before the first step."""
    return run / HISTORY / f"epoch-{epoch:04}.safetensors"


def kept_epochs(run: Path) -> tuple[int, ...]:
    """Return the epochs of a run whose weights are kept, in order; none where nothing can be read."""
    try:
        names = [path.name for path in (run / HISTORY).iterdir()]
    except OSError:
        return ()
    found = (re.fullmatch(r"epoch-(\d{4,})\.safetensors", name) for name in names)
    return tuple(sorted(int(each[1]) for each in found if each))
