"""Training on mixtures of two images, so that the network learns what lies between its classes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from cnnstudio.core.config import Config, Mix

_CONCENTRATION: Final[dict[Mix, float]] = {"mixup": 0.2, "cutmix": 1.0}  # α of Beta(α, α), as published for ImageNet


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """How the images of a batch are mixed with each other.

    Attributes:
        partners: (B,) int64 on the device of the batch, with which image of it each one is mixed.
        share: How much of each image, and of its label, is its own.
        box: Top, bottom, left and right of the pixels that are its partner's; None where all values are blended.
    """

    partners: Tensor
    share: float
    box: tuple[int, int, int, int] | None = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return mixed images (B, 3, S, S), or mixed features (B, *shape) where none are cut."""
        others = inputs[self.partners]
        if self.box is None:
            return torch.lerp(inputs, others, 1 - self.share)
        top, bottom, left, right = self.box
        mixed = inputs.clone()
        mixed[..., top:bottom, left:right] = others[..., top:bottom, left:right]
        return mixed

    def dominant(self, labels: Tensor) -> Tensor:
        """Return the label (B,) of which each mixture has more."""
        return labels if self.share >= 0.5 else labels[self.partners]


def draw_mixture(config: Config, inputs: Tensor, *, epoch: int, batch: int) -> Mixture | None:
    """Draw how a batch is mixed.

    `mixup` blends two images (Zhang et al., 2018), or two features where the lower part of the network is frozen
    (manifold mixup at that boundary, Verma et al., 2019). `cutmix` puts a box of one image into another, and each label
    counts as much as its pixels (Yun et al., 2019). Seed, epoch and batch decide, and nothing else.

    Args:
        config: Its `train.mix` and `train.seed`.
        inputs: (B, ...); for `cutmix` images (B, 3, S, S).
        epoch: Counted from 1.
        batch: Number of the batch in the epoch.

    Returns:
        The mixture; None where nothing is to be mixed.
    """
    mix = config.train.mix
    if mix == "none":
        return None
    generator = np.random.default_rng((config.train.seed, epoch, batch))
    share = float(generator.beta(_CONCENTRATION[mix], _CONCENTRATION[mix]))
    partners = torch.from_numpy(generator.permutation(len(inputs))).to(inputs.device, non_blocking=inputs.is_cuda)
    if mix == "mixup":
        return Mixture(partners, share)
    height, width = inputs.shape[-2:]
    rows = _cut(height, share, generator)
    columns = _cut(width, share, generator)
    area = (rows[1] - rows[0]) * (columns[1] - columns[0])
    return Mixture(partners, 1 - area / (height * width), (*rows, *columns))


def _cut(side: int, share: float, generator: np.random.Generator) -> tuple[int, int]:
    """Return where a box begins and ends along a side; what reaches beyond the image is cut off."""
    length = int(side * (1 - share) ** 0.5)
    begin = int(generator.integers(side)) - length // 2
    return max(0, begin), min(side, begin + length)
