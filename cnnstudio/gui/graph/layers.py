"""What the drawing knows about one layer: its kind, and its name and shape in a few characters."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol


class Layer(Protocol):
    """A layer of the network, as `LayerRow` of the models' summary describes it."""

    @property
    def name(self) -> str:
        """Path in the network."""
        ...

    @property
    def type(self) -> str:
        """Its class, such as `Conv2d`, or the operation: `Add`, `Concat`, `Scale`."""
        ...

    @property
    def detail(self) -> str:
        """What sets it apart, such as `3×3, stride 2, same`."""
        ...

    @property
    def stage(self) -> str:
        """Name of its stage."""
        ...

    @property
    def block(self) -> str:
        """Path of the block that it lies in."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the layers that it takes its input from; none means the image."""
        ...

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of one image: (C, H, W) or (F,)."""
        ...

    @property
    def kernel(self) -> str:
        """Size of its window, such as `3×3`, or nothing."""
        ...

    @property
    def stride(self) -> str:
        """Step of its window, or nothing."""
        ...

    @property
    def padding(self) -> str:
        """What lies beyond the border of its input, such as `same`, or nothing."""
        ...

    @property
    def parameters(self) -> int:
        """How many it has."""
        ...

    @property
    def flops(self) -> int:
        """Floating-point operations for one image."""
        ...

    @property
    def receptive_field(self) -> int:
        """Side, in pixels, of the part of the image that one output depends on."""
        ...

    @property
    def activation(self) -> int:
        """Bytes of its output for one image."""
        ...

    @property
    def frozen(self) -> bool:
        """Whether its stage does not learn."""
        ...

    @property
    def note(self) -> str:
        """What happened to it."""
        ...


class Kind(StrEnum):
    """What a layer does; the value is what the legend says."""

    CONV = "convolution"
    NORM = "normalisation"
    ACTIVATION = "activation"
    POOLING = "pooling"
    LINEAR = "fully connected"
    MERGE = "sum, concatenation"
    DROPOUT = "dropout"
    OTHER = "other"


CONCAT: Final = "Concat"
SIGNS: Final = {"Add": "+", "Scale": "×"}  # of the layers that are drawn as a circle
_ACTIVATIONS = ("relu", "hardswish", "hardsigmoid", "sigmoid", "silu", "gelu", "tanh", "softmax", "elu", "mish")
_PARTS = (
    ("conv", Kind.CONV),
    ("norm", Kind.NORM),
    ("pool", Kind.POOLING),
    ("linear", Kind.LINEAR),
    ("drop", Kind.DROPOUT),
    ("stochasticdepth", Kind.DROPOUT),
    *((each, Kind.ACTIVATION) for each in _ACTIVATIONS),
)
_SHORT = {
    "BatchNorm2d": "BatchNorm",
    "LocalResponseNorm": "Response norm",
    "AdaptiveAvgPool2d": "Global avg pool",
    "AvgPool2d": "Avg pool",
    "MaxPool2d": "Max pool",
    "Linear": "Linear",
    "StochasticDepth": "Stochastic depth",
    "Add": "Sum",
}


def kind_of(layer_type: str) -> Kind:
    """Return what a layer of this type does."""
    if layer_type == CONCAT or layer_type in SIGNS:
        return Kind.MERGE
    lower = layer_type.lower()
    return next((kind for part, kind in _PARTS if part in lower), Kind.OTHER)


def is_depthwise(layer: Layer) -> bool:
    """Return whether each kernel sees one channel only."""
    return "depthwise" in layer.detail


def short_name(layer: Layer) -> str:
    """Return what the layer is, as papers write it: `Conv 3×3 /2`, `BatchNorm`, `Max pool 2×2 /2`, `Linear`."""
    if kind_of(layer.type) == Kind.CONV:
        name = "Depthwise" if is_depthwise(layer) else "Conv"
    elif layer.type == "AdaptiveAvgPool2d" and layer.output_shape[-1] > 1:
        name = "Avg pool"
    else:
        name = _SHORT.get(layer.type, layer.type)
    stride = f"/{layer.stride}" if layer.stride not in {"", "1"} else ""
    return " ".join(filter(None, (name, layer.kernel, stride)))


def short_shape(shape: Sequence[int]) -> str:
    """Return (64, 56, 56) as `64 × 56²`, and (6,) as `6`."""
    if len(shape) == 3 and shape[1] == shape[2]:
        return f"{shape[0]} × {shape[1]}²"
    return " × ".join(map(str, shape))


def short_count(count: int) -> str:
    """Return a number of parameters in four characters or so: `640`, `38.7 K`, `11.7 M`; a dash for none."""
    if not count:
        return "–"
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            value = count / size
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {letter}"
    return str(count)
