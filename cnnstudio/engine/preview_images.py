"""The images that a run looks at its network with."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnstudio.core.control import Watch
from cnnstudio.data.images import read_image
from cnnstudio.engine.device import Compute


class PreviewImages:
    """Reads preview images and makes batches of them, as validation does.

    Attributes:
        default: The image that is shown as long as none is chosen: the first validation image.
    """

    def __init__(self, compute: Compute, mean: Tensor, std: Tensor, *, size: int, default: Path) -> None:
        """Prepare.

        Args:
            compute: The device of the run.
            mean: (3, 1, 1), of the colours.
            std: (3, 1, 1), of the colours.
            size: Of the square that images are scaled to, in pixels.
            default: As the attribute.
        """
        self.default = default
        self._compute, self._mean, self._std, self._size = compute, mean, std, size
        self._pixels = lru_cache(maxsize=32)(self._read)

    def path(self, watch: Watch) -> Path:
        """Return the image that is watched."""
        return Path(watch.image) if watch.image else self.default

    def batch(self, *paths: Path) -> Tensor:
        """Return images as a batch (N, 3, S, S) on the device of the run, normalised.

        Raises:
            UnreadableImageError: One of them cannot be read.
        """
        pixels = torch.from_numpy(np.stack([self._pixels(path) for path in paths]))
        return self._compute.images(pixels, self._mean, self._std)

    def pixels(self, path: Path) -> NDArray[np.uint8]:
        """Return an image (S, S, 3) as the network sees it, before normalisation; not to be changed.

        Raises:
            UnreadableImageError: It cannot be read.
        """
        return self._pixels(path)

    def _read(self, path: Path) -> NDArray[np.uint8]:
        return read_image(path, self._size)
