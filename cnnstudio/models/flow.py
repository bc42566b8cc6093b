"""What passes through a network: shapes and receptive fields, found by a forward pass without numbers.

Instead of a tensor, a `Signal` goes through the network's own `forward`; torch hands each operation on it to a rule
here (`__torch_function__`). Tracing with torch.fx would replace `nn.Module.__call__` for all threads, the training one
included, and the meta device loads torch's compiler, which takes seconds.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeVar

from torch import Tensor, nn

from cnnstudio.models.network import Network

T = TypeVar("T", bound=nn.Module)


class TooSmallError(ValueError):
    """The image has no pixel left for a layer."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a layer hands on for one image.

    Attributes:
        shape: (1, C, H, W) or (1, F).
        fields: Receptive field: height and width of the input pixels that one output depends on, the border that
            padding adds included; the image's size once every output depends on all of it.
        jump: Distance in input pixels between neighbouring outputs; 0 once every output depends on the whole image.
        image_size: Side of the square image that was sent in.
        source: Path of the layer that it comes from; empty for the image.
    """

    shape: tuple[int, ...]
    fields: tuple[int, int]
    jump: int
    image_size: int
    source: str = ""

    @classmethod
    def image(cls, size: int) -> "Signal":
        """Return a square RGB image."""
        return cls((1, 3, size, size), fields=(1, 1), jump=1, image_size=size)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> "Signal":
        """Apply the rule for a torch function (https://docs.pytorch.org/docs/stable/notes/extending.html)."""
        rule = _RULES.get(func.__name__)
        if rule is None:
            raise NotImplementedError(f"models/flow.py has no rule for {func.__name__}")
        return rule(*args, **(kwargs or {}))

    @property
    def field(self) -> int:
        """The longer side of the receptive field in pixels."""
        return max(self.fields)

    def dim(self) -> int:
        """Return the number of dimensions, N included."""
        return len(self.shape)

    def __add__(self, other: "Signal") -> "Signal":
        if self.shape != other.shape:
            raise ValueError(f"cannot add {self.shape} and {other.shape}")
        return _seeing_all_of(self, other)

    def __mul__(self, other: "Signal") -> "Signal":
        if other.shape != (*self.shape[:2], 1, 1):
            raise ValueError(f"cannot scale {self.shape} by {other.shape}")
        return _seeing_all_of(self, other)

    def __getitem__(self, index: tuple[Any, ...]) -> "Signal":
        assert index[0] is Ellipsis
        kept = self.shape[: 1 - len(index)]
        cut = [len(range(*each.indices(size))) for each, size in zip(index[:0:-1], self.shape[::-1], strict=False)]
        return replace(self, shape=(*kept, *cut[::-1]))


@dataclass(frozen=True, slots=True)
class Passage:
    """What happens at one layer.

    Attributes:
        path: Of the layer.
        module: The layer.
        output: What it hands on.
        inputs: Paths of the layers that it takes its input from; the image has none.
    """

    path: str
    module: nn.Module
    output: Signal
    inputs: tuple[str, ...]


class Flow:
    """Sends images of any size through a network, its auxiliary heads included.

    It works on a twin that shares the weights: the network, its mode and its BatchNorm counters stay untouched.

    Attributes:
        model: The switches of the network.
    """

    def __init__(self, network: Network) -> None:
        self._twin = _twin(network).eval()
        self.model = network.model
        self._twin.training = True  # of the network alone, not of its layers: so auxiliary heads answer
        self.with_auxiliary(True)
        self._passages: list[Passage] = []
        self._known: dict[tuple[int, bool], tuple[Passage, ...]] = {}
        for path, module in self._twin.named_modules():
            if next(module.children(), None) is None and not isinstance(module, nn.Identity):
                module.register_forward_hook(self._recorder(path))

    def with_auxiliary(self, listening: bool) -> None:
        """Say whether auxiliary heads take part."""
        self._twin.listening = frozenset(self._twin.aux if listening else ())

    def layers(self, image_size: int) -> tuple[Passage, ...]:
        """Return all layers without parts that do something, in the order of computation; they are remembered.

        Raises:
            TooSmallError: The image is too small.
        """
        key = image_size, bool(self._twin.listening)
        if key not in self._known:
            self._passages.clear()
            self._twin(Signal.image(image_size))
            self._known[key] = tuple(self._passages)
        return self._known[key]

    def reached(self, image_size: int) -> tuple[Passage, ...]:
        """Return the layers that an image of that size reaches: all, or those before one that it is too small for."""
        try:
            return self.layers(image_size)
        except TooSmallError:
            return tuple(self._passages)

    def accepts(self, image_size: int) -> bool:
        """Return whether an image of that size reaches the head."""
        try:
            self.layers(image_size)
        except TooSmallError:
            return False
        return True

    def accepts_without_auxiliary(self, image_size: int) -> bool:
        """Return whether an image of that size reaches the head of a network without auxiliary heads."""
        self.with_auxiliary(False)
        accepted = self.accepts(image_size)
        self.with_auxiliary(True)
        return accepted

    def _recorder(self, path: str) -> Callable[[nn.Module, Any, Signal], Signal]:
        def record(module: nn.Module, arguments: Any, output: Signal) -> Signal:
            signals = [each for part in arguments for each in (part if isinstance(part, list) else (part,))]
            inputs = tuple(dict.fromkeys(signal.source for signal in signals if signal.source))
            self._passages.append(Passage(path, module, output, inputs))
            return Signal(output.shape, output.fields, output.jump, output.image_size, path)  # `replace` is slow

        return record


def _twin(module: T) -> T:
    """Return a module of its own, with parts of its own, that has the same tensors and that nobody listens to.

    `copy.deepcopy` does that too, through the pickle protocol of each module: ten times slower.
    """
    twin: T = object.__new__(type(module))
    twin.__dict__.update(module.__dict__)
    for name in ("_forward_hooks", "_forward_pre_hooks"):
        twin.__dict__[name] = OrderedDict()
    twin.__dict__["_modules"] = {name: _twin(child) for name, child in module.named_children()}
    return twin


def _seeing_all_of(*signals: Signal) -> Signal:
    """Return the first signal, dependent on what all of them depend on."""
    if any(signal.jump == 0 for signal in signals):
        return _seeing_the_image(signals[0])
    heights, widths = zip(*(signal.fields for signal in signals), strict=True)
    return replace(signals[0], fields=(max(heights), max(widths)), jump=max(signal.jump for signal in signals))


def _seeing_the_image(x: Signal) -> Signal:
    return replace(x, fields=(x.image_size,) * 2, jump=0)


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Return height and width of what torch takes as one number or two."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _slide(
    x: Signal, channels: int, kernel: Any, stride: Any, padding: Any, dilation: Any, *, ceil_mode: bool = False
) -> Signal:
    """Move a window over the image, as convolution and pooling do; `ceil_mode` lets it hang over the end."""
    sizes = []
    windows = zip(x.shape[2:], pair(kernel), pair(stride), pair(padding), pair(dilation), strict=True)
    for size, side, step, border, spread in windows:
        room = size + 2 * border - spread * (side - 1) - 1
        count = (room + (step - 1 if ceil_mode else 0)) // step + 1
        if ceil_mode and (count - 1) * step >= size + border:
            count -= 1  # a window must begin within the image or its left border
        if count < 1:
            raise TooSmallError(f"{size} pixels and a window of {side}")
        sizes.append(count)
    height, width = (
        field + (side - 1) * spread * x.jump
        for field, side, spread in zip(x.fields, pair(kernel), pair(dilation), strict=True)
    )
    shape = (x.shape[0], channels, *sizes)
    return Signal(shape, (height, width), x.jump * pair(stride)[0], x.image_size, x.source)


def _conv2d(
    x: Signal,
    weight: Tensor,
    bias: Tensor | None = None,  # noqa: ARG001 - torch's signature
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Signal:
    if x.shape[1] != weight.shape[1] * groups:
        raise ValueError(f"{x.shape[1]} channels meet a kernel for {weight.shape[1] * groups}")
    return _slide(x, weight.shape[0], tuple(weight.shape[2:]), stride, padding, dilation)


def _max_pool2d(
    x: Signal,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Signal:
    assert not return_indices, "there is no rule for indices"
    stride = kernel_size if stride is None else stride
    return _slide(x, x.shape[1], kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)


def _avg_pool2d(
    x: Signal, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, *_: object
) -> Signal:
    return _max_pool2d(x, kernel_size, stride, padding, ceil_mode=ceil_mode)


def _cat(signals: Sequence[Signal], dim: int = 0) -> Signal:
    assert dim == 1, "only maps are put one behind the other"
    if len({signal.shape[2:] for signal in signals}) > 1:
        raise ValueError(f"cannot put {[signal.shape for signal in signals]} one behind the other")
    first = signals[0]
    shape = (first.shape[0], sum(signal.shape[1] for signal in signals), *first.shape[2:])
    return replace(_seeing_all_of(*signals), shape=shape)


def _adaptive_avg_pool2d(x: Signal, output_size: Any) -> Signal:
    shape = (*x.shape[:2], *pair(output_size))
    return x if shape == x.shape else replace(_seeing_the_image(x), shape=shape)


def _pad(x: Signal, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Signal:  # noqa: ARG001
    width, height = x.shape[3], x.shape[2]
    for size, borders in ((width, pad[:2]), (height, pad[2:])):
        # Reflection leaves out the edge pixel itself; a circle can be gone round once.
        if (mode == "reflect" and max(borders) >= size) or (mode == "circular" and max(borders) > size):
            raise TooSmallError(f"{size} pixels and a border of {max(borders)} in mode {mode}")
    return replace(x, shape=(*x.shape[:2], height + sum(pad[2:]), width + sum(pad[:2])))


def _linear(x: Signal, weight: Tensor, bias: Tensor | None = None) -> Signal:  # noqa: ARG001 - torch's signature
    if x.shape[-1] != weight.shape[1]:
        raise ValueError(f"{x.shape[-1]} features meet a layer for {weight.shape[1]}")
    return replace(_seeing_the_image(x), shape=(*x.shape[:-1], weight.shape[0]))


def _flatten(x: Signal, start_dim: int = 0) -> Signal:
    return replace(x, shape=(*x.shape[:start_dim], prod(x.shape[start_dim:])))


def _same(x: Signal, *_args: object, **_kwargs: object) -> Signal:
    return x


# By name, as torch passes on some functions in its public and some in its private form.
_RULES: dict[str, Callable[..., Signal]] = {
    "conv2d": _conv2d,
    "linear": _linear,
    "pad": _pad,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "cat": _cat,
    "adaptive_avg_pool2d": _adaptive_avg_pool2d,
    "flatten": _flatten,
    **dict.fromkeys(
        ("batch_norm", "relu", "hardtanh", "relu6", "hardswish", "hardsigmoid", "dropout", "dropout2d"), _same
    ),
}
