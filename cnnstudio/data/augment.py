"""Light augmentation of a whole batch at once: a shift and a mirror, drawn for each image from the seed alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

SHIFT_FRACTION = 16  # an image moves by up to a sixteenth of its side


class Augmentation:
    """The random shifts and mirrors of some images.

    They depend on what they are drawn from only: neither on the order of the images nor on the threads that read them.
    """

    def __init__(self, images: int, side: int, *, seed: int, epoch: int) -> None:
        """Draw them for an epoch."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        reach = side // SHIFT_FRACTION
        self._shift = torch.randint(-reach, reach + 1, (images, 2), generator=generator)
        self._mirror = torch.rand(images, generator=generator) < 0.5

    @classmethod
    def decided_by(cls, digests: Sequence[bytes], side: int, *, plain: Tensor) -> "Augmentation":
        """Take them from digests, so that the same digest means the same view wherever it is computed.

        Args:
            digests: One for each image, of nine bytes at least.
            side: Of the images in pixels.
            plain: (B,) bool, which images stay as they are.
        """
        augmentation = cls(0, side, seed=0, epoch=0)
        span = 2 * (side // SHIFT_FRACTION) + 1
        numbers = [
            [int.from_bytes(digest[at : at + 4], "little") % span - span // 2 for at in (0, 4)] for digest in digests
        ]
        moved = ~plain
        augmentation._shift = torch.tensor(numbers).reshape(-1, 2) * moved[:, None]
        augmentation._mirror = torch.tensor([bool(digest[8] & 1) for digest in digests]) & moved
        return augmentation

    def on(self, device: torch.device) -> "Augmentation":
        """Return the same for images on a device."""
        self._shift, self._mirror = self._shift.to(device), self._mirror.to(device)
        return self

    def __call__(self, pixels: Tensor, indices: Tensor) -> Tensor:
        """Shift each image (what moves in is a reflection) and mirror half of them.

        Args:
            pixels: `(B, S, S, 3)` uint8.
            indices: `(B,)` int64 on the same device, which images these are.

        Returns:
            `(B, S, S, 3)` uint8.
        """
        side, device = pixels.shape[1], pixels.device
        line = torch.arange(side, device=device)
        rows, columns = _reflect(line + self._shift[indices, :, None], side).unbind(1)  # (B, S) each
        columns = torch.where(self._mirror[indices, None], side - 1 - columns, columns)
        batch = torch.arange(len(indices), device=device)[:, None, None]
        return pixels[batch, rows[:, :, None], columns[:, None, :]]


def _reflect(positions: Tensor, side: int) -> Tensor:
    """Fold positions outside `[0, side)` back, the edge pixel not repeated."""
    inside = positions.abs()
    return torch.where(inside >= side, 2 * (side - 1) - inside, inside)
