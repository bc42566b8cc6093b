"""What a run may take while it goes on, and what comes of a row of changes."""

from collections.abc import Iterable, Sequence
from typing import Final

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Changed

LR: Final = "train.lr"
DROPOUT: Final = "model.dropout2d"
EPOCHS: Final = "train.epochs"
STAGES: Final = "transfer.train_last"
LIVE: Final = (LR, DROPOUT, EPOCHS, STAGES)
"""Keys of the configuration that a run may take while it goes on."""

PAUSED: Final = "run.paused"
"""As `Changed.key`: the run was paused, or let go on."""


def check_change(config: Config, key: str, value: object) -> Config:
    """Return the configuration of a run with a change.

    Args:
        config: As the run goes on now, every `auto` resolved.
        key: Of the setting.
        value: Its new value.

    Raises:
        InputError: A run takes no such change while it goes on, or the value is not allowed.
    """
    if key not in LIVE:
        raise InputError(
            f"{key} cannot be changed while a run goes on", remedy=f"only {', '.join(LIVE)} can: start a new run"
        )
    if isinstance(value, str | bool):
        raise InputError(f"{key} cannot be {value!r}", remedy="a run that goes on takes numbers only")
    return config.replace(key, value)


def config_after(config: Config, changes: Iterable[Changed]) -> Config:
    """Return the configuration that a run goes on with after some changes."""
    for change in changes:
        if change.key in LIVE:
            config = config.replace(change.key, change.new)
    return config


def merged(changes: Sequence[Changed], later: Changed) -> tuple[Changed, ...]:
    """Return the changes with one more, which takes the place of the same one.

    The same is told twice where a setting changes again at the same step, as during a pause, and where a run goes on
    from an earlier checkpoint and takes its changes again.
    """
    same = same_place(changes, later.step, later.key, later.new)
    return tuple(later if each is same else each for each in changes) if same else (*changes, later)


def same_place(changes: Iterable[Changed], step: int, key: str, new: float) -> Changed | None:
    """Return the change of a setting at a step; a pause is not the same as its end, which may be at the same step."""
    place = (step, key, new if key == PAUSED else None)
    return next((each for each in changes if (each.step, each.key, each.new if key == PAUSED else None) == place), None)
