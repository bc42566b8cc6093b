"""Small images first: an epoch on images of half the side takes a quarter of the time, and early epochs need no more.

The idea is Karras et al.'s (2018) for generators, and Howard's for classifiers (fast.ai's entry to DAWNBench, 2018).
"""

from typing import Final

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError

_LARGE: Final = 128  # pixels, from which on sides grow in steps of 32
_ENOUGH: Final = 1000  # epochs in which there is room for every step


def side_of(epoch: int, *, epochs: int, full: int, minimum: int) -> int:
    """Return the side of the training images in an epoch; the epoch alone decides, so that a run can go on anywhere.

    It rises from about half in even steps, to multiples of 32 pixels, or of 8 where `full` is below 128, and is `full`
    in the last third of the epochs.

    Args:
        epoch: Counted from 1.
        epochs: Of the whole run.
        full: Side in pixels at which the network is validated.
        minimum: The smallest side that it takes.
    """
    until = growing(epochs)
    if epoch > until:
        return full
    step = 32 if full >= _LARGE else 8
    first = min(full, step * -(-max(full, 2 * minimum) // (2 * step)))
    return first + (full - first) * (epoch - 1) // until // step * step


def growing(epochs: int) -> int:
    """Return in how many of the epochs of a run images are small."""
    return 2 * epochs // 3


def check_progressive(config: Config, *, full: int, minimum: int) -> None:
    """Refuse small images first where a run would gain nothing by it.

    Args:
        config: The run.
        full: Side of its images in pixels.
        minimum: The smallest side that its network takes.

    Raises:
        InputError: Small images are wanted first, but stages are frozen, or no epoch would see smaller images.
    """
    if not config.train.progressive:
        return
    if config.transfer.freezes:
        raise InputError(
            "small images first is for networks that learn as a whole: what is frozen is computed once, at full size",
            where="train.progressive",
            remedy="set train.progressive=false, or transfer.mode to scratch or finetune",
        )
    if side_of(1, epochs=_ENOUGH, full=full, minimum=minimum) == full:
        raise InputError(
            f"small images first needs images larger than {full} pixels, as the network takes no less than {minimum}",
            where="train.progressive",
            remedy="set train.progressive=false, or a larger data.image_size",
        )
    if side_of(1, epochs=config.train.epochs, full=full, minimum=minimum) == full:
        raise InputError(
            "small images first takes two epochs at least, the last one at full size",
            where="train.progressive",
            remedy="set train.epochs to 2 or more, or train.progressive=false",
        )
