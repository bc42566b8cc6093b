"""Dividing images into batches."""

from torch import Tensor


def divided(indices: Tensor, size: int) -> list[Tensor]:
    """Return indices (N,) in batches (B,) of a size, of which the last may be smaller."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def to_learn_from(indices: Tensor, size: int) -> list[Tensor]:
    """Return the same without a last batch of one, since BatchNorm cannot learn from it."""
    batches = divided(indices, size)
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 else batches
