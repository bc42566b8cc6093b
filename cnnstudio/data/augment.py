"""Light augmentation of a whole batch at once: a shift and a mirror, drawn for each image from the seed alone."""

import torch
from torch import Tensor

SHIFT_FRACTION = 16  # an image moves by up to a sixteenth of its side


class Augmentation:
    """The random shifts and mirrors of one epoch.

    They depend on seed, epoch and image only: neither on the order of the images nor on the threads that read them.
    """

    def __init__(self, images: int, side: int, *, seed: int, epoch: int) -> None:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        reach = side // SHIFT_FRACTION
        self._shift = torch.randint(-reach, reach + 1, (images, 2), generator=generator)
        self._mirror = torch.rand(images, generator=generator) < 0.5

    def __call__(self, pixels: Tensor, indices: Tensor) -> Tensor:
        """Shift each image (what moves in is a reflection) and mirror half of them.

        Args:
            pixels: `(B, S, S, 3)` uint8.
            indices: `(B,)` int64, which images these are.

        Returns:
            `(B, S, S, 3)` uint8.
        """
        side = pixels.shape[1]
        line = torch.arange(side)
        rows = _reflect(line + self._shift[indices, 0:1], side)
        columns = _reflect(line + self._shift[indices, 1:2], side)
        columns = torch.where(self._mirror[indices, None], side - 1 - columns, columns)
        batch = torch.arange(len(indices))[:, None, None]
        return pixels[batch, rows[:, :, None], columns[:, None, :]]


def _reflect(positions: Tensor, side: int) -> Tensor:
    """Fold positions outside `[0, side)` back, the edge pixel not repeated."""
    inside = positions.abs()
    return torch.where(inside >= side, 2 * (side - 1) - inside, inside)
