"""Dividing images into batches, and in which order they come."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from cnnstudio.core.config import Config

_MOST_IMAGES: Final = 32  # to look at: a pass has to be cheap, and more of them hardly change the statistics


def divided(indices: Tensor, size: int) -> list[Tensor]:
    """Return indices (N,) in batches (B,) of a size, of which the last may be smaller."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def to_learn_from(indices: Tensor, size: int) -> list[Tensor]:
    """Return the same without a last batch of one, since BatchNorm cannot learn from it."""
    batches = divided(indices, size)
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 else batches


def shuffled(indices: Tensor, *, seed: int, epoch: int) -> Tensor:
    """Return indices (N,) in the order of an epoch, which the seed of the run and the epoch decide alone."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return indices[torch.randperm(len(indices), generator=generator)]


def batches_of_epoch(indices: Tensor, config: Config, *, epoch: int) -> list[Tensor]:
    """Return the batches (B,) that a run learns from in an epoch, in their order.

    Args:
        indices: (N,), the training images in the order of the run.
        config: Of the run.
        epoch: Counted from 1.
    """
    return to_learn_from(shuffled(indices, seed=config.train.seed, epoch=epoch), config.data.batch_size)


def some_of(images: Sequence[int], batch_size: int) -> list[int]:
    """Return as many as are in a batch, 32 at most, spread evenly over images that are sorted by class."""
    count = min(batch_size, _MOST_IMAGES, len(images))
    return [images[int(each)] for each in np.linspace(0, len(images) - 1, count).round()]
