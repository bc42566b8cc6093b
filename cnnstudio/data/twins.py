"""Images that judge a network although it has learnt them by heart."""

from collections.abc import Sequence


def twins(digests: Sequence[bytes], train: Sequence[int], val: Sequence[int]) -> tuple[int, ...]:
    """Return the validation images that are training images too, pixel by pixel.

    Args:
        digests: One for each image, of all of its pixels at the size of the run.
        train: Indices of the training images.
        val: Indices of the validation images.
    """
    learnt = {digests[index] for index in train}
    return tuple(index for index in val if digests[index] in learnt)
