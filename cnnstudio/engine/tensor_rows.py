"""Tensors as rows of figures, each with a small part of it that can be drawn; the tensors themselves are not kept."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_SIDE: Final = 128  # pixels of a map, at most
_ROWS: Final = 256  # of a matrix, at most; and columns, twice as many
_VALUES: Final = 4096  # of a vector, at most
_BINS: Final = 40
_FINE: Final = 1000  # bins in which the largest magnitude to draw is looked for
_INSIDE: Final = 0.995  # of all magnitudes are told apart by their colours; the few largest would darken all others


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A part of a tensor, as small as it can be looked at; the attributes are those of `core.pictures.StepStage`."""

    part: str
    tiles: NDArray[np.uint8]
    values: NDArray[np.float32]
    low: float
    high: float
    histogram: NDArray[np.int64]
    span: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What is kept of a tensor to be drawn.

    Attributes:
        values: Maps (T, h, w), a matrix (h, w) or a vector (n,), float32 on the CPU.
        part: Which part of the tensor that is, in words.
    """

    values: Tensor
    part: str


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One tensor of a stage; the attributes are those of `core.pictures.StepStage`, in the singular.

    Attributes:
        kept: What can be drawn of it.
    """

    name: str
    title: str
    kind: str
    block: str
    formula: str
    shape: tuple[int, ...]
    figures: NDArray[np.float32]
    kept: Kept

    @property
    def drawn(self) -> Drawn:
        """Its picture, drawn anew."""
        return draw(self.kept)


@torch.no_grad()
def figures(tensor: Tensor) -> NDArray[np.float32]:
    """Return smallest and largest value, mean, share of zeros and Euclidean norm (5,) of a tensor of any shape."""
    if not tensor.numel():
        return np.zeros(5, np.float32)
    values = tensor.detach()
    if values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last):
        values = values.permute(0, 2, 3, 1)  # in the order of memory, in which they are read twice as fast
    values = values.reshape(-1)
    low, high = torch.aminmax(values)
    zeros = 1 - torch.count_nonzero(values) / values.numel()
    mean = values.mean(dtype=torch.float32)
    norm = torch.linalg.vector_norm(values, dtype=torch.float32)
    found: NDArray[np.float32] = torch.stack([low.float(), high.float(), mean, zeros, norm]).cpu().numpy()
    return found


def of_first_image(tensor: Tensor) -> Kept:
    """Keep what a batch (N, ...) holds for its first image."""
    first = tensor.detach()[0]
    return keep(first.flatten() if first.ndim == 3 and first.shape[1:].numel() == 1 else first, "first image")


def of_parameter(tensor: Tensor) -> Kept:
    """Keep a parameter, or its gradient: kernels (O, I, h, w) on the first input map, or all of any other shape."""
    weight = tensor.detach()
    if weight.ndim < 4:
        return keep(weight, "")
    if weight.shape[2:].numel() == 1:
        return keep(weight[:, :, 0, 0], "one row a filter")
    return keep(weight[:, 0], "" if weight.shape[1] == 1 else "kernels on the first input map")


@torch.no_grad()
def keep(tensor: Tensor, part: str) -> Kept:
    """Return a copy of maps (T, h, w), a matrix (h, w) or a vector (n,), made small enough to be drawn.

    Args:
        tensor: The values, on any device.
        part: Which part of a tensor that is, in words.
    """
    values, how = _small(tensor)
    return Kept(values.to("cpu", torch.float32, copy=True), ", ".join(filter(None, (part, how))))


def draw(kept: Kept) -> Drawn:
    """Return the picture of what was kept of a tensor."""
    values = torch.nan_to_num(kept.values) if kept.values.numel() else torch.zeros(1)
    smallest, largest = (float(each) for each in torch.aminmax(values))
    counts = torch.histc(values, _BINS, smallest, largest) if largest > smallest else _all_in_one(values.numel())
    high = _almost_largest(values)
    low = -high if smallest < 0 else 0.0
    tiles, vector = np.empty((0, 1, 1), np.uint8), np.empty(0, np.float32)
    if values.ndim < 2:
        vector = values.reshape(-1).numpy().copy()
    else:
        shades = values.clamp(low, high) * ((127 if low < 0 else 255) / high if high else 0.0) + (128 if low < 0 else 0)
        tiles = shades.round().to(torch.uint8).numpy()
        tiles = tiles[None] if values.ndim == 2 else tiles
    return Drawn(kept.part, tiles, vector, low, high, counts.to(torch.int64).numpy(), (smallest, largest))


def _small(values: Tensor) -> tuple[Tensor, str]:
    """Return what is small enough to be drawn, and how it was made so, in words."""
    if values.ndim == 3:
        by = math.ceil(max(values.shape[1:]) / _SIDE)
        if by == 1:
            return values, ""
        return functional.avg_pool2d(values.float(), by, ceil_mode=True), f"means of {by} × {by} pixels"
    limits = (_ROWS, 2 * _ROWS) if values.ndim == 2 else (_VALUES,)
    steps = [math.ceil(size / limit) for size, limit in zip(values.shape, limits, strict=False)]
    if all(step == 1 for step in steps):
        return values, ""
    words = " and ".join(f"one {what} of {step}" for what, step in zip(_what(values), steps, strict=True) if step > 1)
    return values[tuple(slice(None, None, step) for step in steps)], words


def _what(values: Tensor) -> tuple[str, ...]:
    return ("row", "column") if values.ndim == 2 else ("value",)


def _almost_largest(values: Tensor) -> float:
    """Return a magnitude that nearly all values keep within."""
    magnitudes = values.abs()
    largest = float(magnitudes.max())
    if not largest:
        return 0.0
    share = torch.histc(magnitudes, _FINE, 0, largest).cumsum(0) / values.numel()
    return largest * (int((share < _INSIDE).sum()) + 1) / _FINE


def _all_in_one(count: int) -> Tensor:
    counts = torch.zeros(_BINS)
    counts[0] = count
    return counts
