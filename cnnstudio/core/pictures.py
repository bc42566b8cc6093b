"""What a run shows of its network to whoever is looking: large, never written to the log, only the latest counts."""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray


class Picture:
    """Base of all pictures: frozen dataclasses of arrays, numbers, strings and tuples of these."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMaps(Picture):
    """What one layer answers to the preview image.

    Attributes:
        layer: Name of the layer.
        shape: `(C, H, W)` of the layer's output.
        tiles: `(C, h, w)` uint8, each map scaled from its own minimum to its own maximum.
        image: Path of the preview image.
        probabilities: `(classes,)` float32, the network's present answer to that image.
        step: Optimizer steps done.
        ranges: `(C, 2)` float32, minimum and maximum of each map.
        activity: `(C,)` float32, mean magnitude of the values of each map.
        pixels: `(S, S, 3)` uint8, the image as the network saw it, before normalisation.
    """

    layer: str
    shape: tuple[int, int, int]
    tiles: NDArray[np.uint8]
    image: str
    probabilities: NDArray[np.float32]
    step: int
    ranges: NDArray[np.float32]
    activity: NDArray[np.float32]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRows(Picture):
    """What several layers answer to one image, or one layer to several: feature maps in rows.

    Attributes:
        layers: Name of the layer of each row.
        images: Path of the image of each row.
        shapes: `(C, H, W)` of the layer's output, of each row.
        sizes: `(h, w)` of the tiles of each row, at most `MOST` in either direction.
        tiles: uint8, those of all rows behind each other, flat; each is a map averaged down to its size, and scaled
            from minimum to maximum of the whole map.
        ranges: `(sum of C, 2)` float32, minimum and maximum of each whole map.
        activity: `(sum of C,)` float32, mean magnitude of the values of each map.
        probabilities: `(rows, classes)` float32, the network's present answer to the image of each row.
        pixels: `(rows, S, S, 3)` uint8, the images as the network saw them, before normalisation.
        step: Optimizer steps done.
    """

    MOST: ClassVar[int] = 64

    layers: tuple[str, ...]
    images: tuple[str, ...]
    shapes: tuple[tuple[int, int, int], ...]
    sizes: tuple[tuple[int, int], ...]
    tiles: NDArray[np.uint8]
    ranges: NDArray[np.float32]
    activity: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    step: int

    def rows(self) -> tuple[FeatureMaps, ...]:
        """Return each row on its own; the arrays are shared."""
        rows, first, at = [], 0, 0
        for row, ((channels, _, _), (height, width)) in enumerate(zip(self.shapes, self.sizes, strict=True)):
            last, end = first + channels, at + channels * height * width
            rows.append(
                FeatureMaps(
                    layer=self.layers[row],
                    shape=self.shapes[row],
                    tiles=self.tiles[at:end].reshape(channels, height, width),
                    image=self.images[row],
                    probabilities=self.probabilities[row],
                    step=self.step,
                    ranges=self.ranges[first:last],
                    activity=self.activity[first:last],
                    pixels=self.pixels[row],
                )
            )
            first, at = last, end
        return tuple(rows)


@dataclass(frozen=True, slots=True, eq=False)
class Filters(Picture):
    """The weights of a convolution, or those of its kernels that are looked at.

    A filter makes one output map; it has one kernel for each input map (of its group).

    Attributes:
        layer: Path of the convolution.
        kind: `color`: kernels over red, green and blue of the image; `kernels`: one of each filter; `depthwise`: the
            only one of each filter; `mixing`: 1×1 kernels as a matrix.
        shape: `(O, I, h, w)` of the whole weight; `I` counts the inputs of one group.
        map_in: Whose kernels `kernels` are: of this input of the group, or of what `core.control` names.
        values: float32: `color` `(O, 3, h, w)`, `kernels` and `depthwise` `(O, h, w)`, `mixing` `(O, I)`.
        start: The same at the start; no elements where it is not known.
        inputs: `(O,)` int32, the input that each kernel is of, or the first of them; -1 for a mean.
        change: `(O,)` float32, norm of the change of each whole filter since the start as a share of its norm then; no
            elements where it is not known.
        start_step: Optimizer steps that were done at that start.
        frozen: Whether the layer does not learn at present.
        step: Optimizer steps done.
    """

    layer: str
    kind: str
    shape: tuple[int, int, int, int]
    map_in: int
    values: NDArray[np.float32]
    start: NDArray[np.float32]
    inputs: NDArray[np.int32]
    change: NDArray[np.float32]
    start_step: int
    frozen: bool
    step: int


@dataclass(frozen=True, slots=True, eq=False)
class DropoutMasks(Picture):
    """What a dropout layer removed of one image in one training step, and what the other kind would have removed.

    Dropout2d removes whole channels, element-wise dropout single values; one of the two was at work. What is zero
    before counts as removed by neither.

    Attributes:
        layer: Path of the layer; empty where the network has none.
        whole: Whether the layer is a Dropout2d.
        p: Probability that a channel, or a value, is removed; what stays is multiplied by 1 / (1 - p).
        shape: `(C, H, W)` of what came in; `(1, H, W)` for a vector, whose values are laid in H rows; zeros where the
            layer passed everything on as it was, because it does not learn.
        tiles: `(C, H, W)` uint8, what came in, each map scaled from its own minimum to its own maximum.
        values: `(C, H, W)` bool, what element-wise dropout removed or would have removed.
        channels: `(C,)` bool, what Dropout2d removed or would have removed; none of them for a vector.
        zero: `(C,)` bool, which channels were zero before.
        nonzero: How many values were not zero before.
        removed: How many of these element-wise dropout removed or would have removed.
        mean_before: `(C,)` float32, mean of each channel before.
        mean_after: `(C,)` float32, mean of each channel after the layer.
        vector: Whether a vector came in, of which each value is a feature of its own.
        step: The optimizer step that it was removed in, counted from 1.
        image: Path of the image.
        pixels: `(S, S, 3)` uint8, the image as the step saw it; empty where the step saw features of it.
        mixed: Whether the image is mixed with another one.
        layers: Paths of all dropout layers, in the order of computation.
        stages: The stage of each.
        places: Where each lies, in words: `behind features.0`, `before fc`.
        wholes: Whether each is a Dropout2d.
        learning: Whether each drops anything: those of frozen stages pass everything on.
    """

    layer: str
    whole: bool
    p: float
    shape: tuple[int, int, int]
    tiles: NDArray[np.uint8]
    values: NDArray[np.bool_]
    channels: NDArray[np.bool_]
    zero: NDArray[np.bool_]
    nonzero: int
    removed: int
    mean_before: NDArray[np.float32]
    mean_after: NDArray[np.float32]
    vector: bool
    step: int
    image: str
    pixels: NDArray[np.uint8]
    mixed: bool
    layers: tuple[str, ...]
    stages: tuple[str, ...]
    places: tuple[str, ...]
    wholes: tuple[bool, ...]
    learning: tuple[bool, ...]


@dataclass(frozen=True, slots=True, eq=False)
class BatchNormScope(Picture):
    """What one BatchNorm2d does to a batch, channel by channel.

    Attributes:
        layer: Path of the BatchNorm2d.
        step: Optimizer steps done.
        images: How many are in the batch.
        image: Path of the only one, where that is the preview image.
        values: How many a channel has in the batch, N × H × W: what its mean and variance are taken over; 0 where
            torch refuses such a batch in a layer before, so that nothing arrives here.
        frozen: Whether the layer keeps its running statistics, and normalises with them, while the network learns.
        eps: Added to the variance.
        momentum: How far a batch pulls the running statistics to its own.
        weight: `(C,)` float32, γ.
        bias: `(C,)` float32, β.
        mean: `(C,)` float32, of what comes in, over the batch; not a number without values.
        var: The same for the variance (divided by `values`, as for normalising).
        running_mean: `(C,)` float32.
        running_var: The same for the variance (divided by `values` - 1, as torch keeps it).
        low: `(C,)` float32, the smallest of some of the values of each channel.
        high: The same for the largest.
        counts: `(C, bins)` uint16, how many of these lie in each of the equal parts from `low` to `high`.
        pooled: `(3, bins)` int32, the same for all channels together: what comes in, normalised, and with γ and β.
        ends: `(3, 2)` float32, the smallest and the largest of these.
    """

    layer: str
    step: int
    images: int
    image: str
    values: int
    frozen: bool
    eps: float
    momentum: float
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    mean: NDArray[np.float32]
    var: NDArray[np.float32]
    running_mean: NDArray[np.float32]
    running_var: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    counts: NDArray[np.uint16]
    pooled: NDArray[np.int32]
    ends: NDArray[np.float32]

    @property
    def deviation(self) -> NDArray[np.float32]:
        """`(C,)`, what the layer divides by, but with the running variance: σ."""
        result: NDArray[np.float32] = np.sqrt(self.running_var + np.float32(self.eps))
        return result

    @property
    def shift(self) -> NDArray[np.float32]:
        """`(C,)`, how far the means of the batch lie above the running ones, in units of σ."""
        result: NDArray[np.float32] = (self.mean - self.running_mean) / self.deviation
        return result

    def normalised(self, channel: int, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values of a channel as the layer normalises them, before γ and β."""
        mean, var = (self.running_mean, self.running_var) if self.frozen else (self.mean, self.var)
        result: NDArray[np.float32] = (values - mean[channel]) / np.sqrt(var[channel] + np.float32(self.eps))
        return result


Stage = Literal["forward", "loss", "backward", "update"]
STAGES: Final[tuple[Stage, ...]] = ("forward", "loss", "backward", "update")
"""Of a training step, in their order."""


@dataclass(frozen=True, slots=True, eq=False)
class StepStage(Picture):
    """What one stage of a real training step has computed, with one of its tensors drawn.

    Each tensor is a row; rows are in the order of computation, which is backwards for gradients.

    Attributes:
        stage: Which.
        step: Number of the step, from 1.
        images: How many images the tensors are of.
        note: What is special about the step, in sentences; empty for nothing.
        names: Of the tensors, `(R,)`, unique; a layer's output is called as the layer.
        titles: `(R,)`, what each tensor is within its block, such as `a(l) · shortcut`; empty where the name says it.
        kinds: `(R,)`, the type of the layer, or what the tensor is.
        blocks: `(R,)`, the residual or inception block each tensor belongs to; empty for none.
        formulas: `(R,)`, what that block computes.
        shapes: `(R,)`, of the whole tensors.
        figures: `(R, 5)` float32: smallest and largest value, mean, share of zeros, Euclidean norm.
        loss: Of the batch, auxiliary losses included; NaN before it is known.
        right: Mean probability of the right classes; NaN before it is known.
        rates: The smallest and the largest learning rate of the step; NaN before the update.
        tensor: The name of the tensor that is drawn.
        part: Which part of it is drawn, in words.
        tiles: `(T, h, w)` uint8, maps, kernels or one matrix; no elements where `values` are drawn.
        values: `(n,)` float32, a vector; no elements where `tiles` are drawn.
        low: The value that tile value 0 stands for, or which is lower still; `-high` where there are negative ones,
            and 0 is then at tile value 128.
        high: The value that tile value 255 stands for, or which is higher still.
        histogram: `(B,)` int64, how the values that are drawn are distributed, from the smallest to the largest.
        span: The smallest and the largest value that is drawn.
    """

    stage: str
    step: int
    images: int
    note: str
    names: tuple[str, ...]
    titles: tuple[str, ...]
    kinds: tuple[str, ...]
    blocks: tuple[str, ...]
    formulas: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    figures: NDArray[np.float32]
    loss: float
    right: float
    rates: tuple[float, float]
    tensor: str
    part: str
    tiles: NDArray[np.uint8]
    values: NDArray[np.float32]
    low: float
    high: float
    histogram: NDArray[np.int64]
    span: tuple[float, float]
