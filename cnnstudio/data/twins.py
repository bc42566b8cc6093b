"""Images that judge a network although it has learnt them by heart."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from cnnstudio.data.images import Pixels

_GRID: Final = 16  # pixels a side by which images are told apart before they are compared


def twins(pixels: Pixels, train: Sequence[int], val: Sequence[int]) -> tuple[int, ...]:
    """Return the validation images that are training images too, pixel by pixel.

    Args:
        pixels: `(N, side, side, 3)` uint8.
        train: Indices of the training images.
        val: Indices of the validation images.
    """
    apart = max(1, pixels.shape[1] // _GRID)
    coarse = pixels[:, ::apart, ::apart]
    learnt: dict[bytes, list[int]] = defaultdict(list)
    for index in train:
        learnt[coarse[index].tobytes()].append(index)
    return tuple(
        index
        for index in val
        if any((pixels[index] == pixels[other]).all() for other in learnt.get(coarse[index].tobytes(), ()))
    )
