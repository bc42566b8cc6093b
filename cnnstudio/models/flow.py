"""What passes through a network: shapes and receptive fields, found by a forward pass without numbers.

Instead of a tensor, a `Signal` goes through the network's own `forward`; torch hands each operation on it to a rule
here (`__torch_function__`). Tracing with torch.fx would replace `nn.Module.__call__` for all threads, the training one
included, and the meta device loads torch's compiler, which takes seconds.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from torch import Tensor, nn

from cnnstudio.models.network import Network


class TooSmallError(ValueError):
    """The image has no pixel left for a layer."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a layer hands on for one image.

    Attributes:
        shape: (1, C, H, W) or (1, F).
        field: Receptive field: side of the square of input pixels that one output depends on, the border that padding
            adds included; the image's size once every output depends on all of it.
        jump: Distance in input pixels between neighbouring outputs.
        image_size: Side of the square image that was sent in.
    """

    shape: tuple[int, ...]
    field: int
    jump: int
    image_size: int

    @classmethod
    def image(cls, size: int) -> "Signal":
        """Return a square RGB image."""
        return cls((1, 3, size, size), field=1, jump=1, image_size=size)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> "Signal":
        """Apply the rule for a torch function (https://docs.pytorch.org/docs/stable/notes/extending.html)."""
        rule = _RULES.get(func.__name__)
        if rule is None:
            raise NotImplementedError(f"models/flow.py has no rule for {func.__name__}")
        return rule(*args, **(kwargs or {}))

    def dim(self) -> int:
        """Return the number of dimensions, N included."""
        return len(self.shape)

    def __add__(self, other: "Signal") -> "Signal":
        if self.shape != other.shape:
            raise ValueError(f"cannot add {self.shape} and {other.shape}")
        return replace(self, field=max(self.field, other.field), jump=max(self.jump, other.jump))

    def __getitem__(self, index: tuple[Any, ...]) -> "Signal":
        assert index[0] is Ellipsis
        kept = self.shape[: 1 - len(index)]
        cut = [len(range(*each.indices(size))) for each, size in zip(index[:0:-1], self.shape[::-1], strict=False)]
        return replace(self, shape=(*kept, *cut[::-1]))


class Flow:
    """Sends images of any size through a network.

    It works on a copy that shares the weights: the network, its mode and its BatchNorm counters stay untouched.
    """

    def __init__(self, network: Network) -> None:
        tensors = (*network.parameters(), *network.buffers())
        self._twin: Network = copy.deepcopy(network, {id(each): each for each in tensors}).eval()
        self._layers: list[tuple[str, nn.Module, Signal]] = []
        for path, module in self._twin.named_modules():
            if next(module.children(), None) is None:
                module.register_forward_hook(self._recorder(path))

    def layers(self, image_size: int) -> list[tuple[str, nn.Module, Signal]]:
        """Return path, module and output of every layer without parts, in the order of computation.

        Raises:
            TooSmallError: The image is too small.
        """
        self._layers.clear()
        self._twin(Signal.image(image_size))
        return list(self._layers)

    def accepts(self, image_size: int) -> bool:
        """Return whether an image of that size reaches the head."""
        try:
            self.layers(image_size)
        except TooSmallError:
            return False
        return True

    def _recorder(self, path: str) -> Callable[[nn.Module, Any, Signal], None]:
        def record(module: nn.Module, _: object, output: Signal) -> None:
            self._layers.append((path, module, output))

        return record


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _slide(x: Signal, channels: int, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Signal:
    """Move a window over the image, as convolution and pooling do."""
    sizes = []
    windows = zip(x.shape[2:], _pair(kernel), _pair(stride), _pair(padding), _pair(dilation), strict=True)
    for size, side, step, border, spread in windows:
        room = size + 2 * border - spread * (side - 1) - 1
        if room < 0:
            raise TooSmallError(f"{size} pixels and a window of {side}")
        sizes.append(room // step + 1)
    reach = (_pair(kernel)[0] - 1) * _pair(dilation)[0] * x.jump
    shape = (x.shape[0], channels, *sizes)
    return replace(x, shape=shape, field=x.field + reach, jump=x.jump * _pair(stride)[0])


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
    x: Signal, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, **flags: bool
) -> Signal:
    assert not any(flags.values()), "ceil_mode and return_indices have no rule"
    return _slide(x, x.shape[1], kernel_size, kernel_size if stride is None else stride, padding, dilation)


def _adaptive_avg_pool2d(x: Signal, output_size: Any) -> Signal:
    shape = (*x.shape[:2], *_pair(output_size))
    return x if shape == x.shape else replace(x, shape=shape, field=x.image_size, jump=x.image_size)


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
    return replace(x, shape=(*x.shape[:-1], weight.shape[0]), field=x.image_size, jump=x.image_size)


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
    "adaptive_avg_pool2d": _adaptive_avg_pool2d,
    "flatten": _flatten,
    **dict.fromkeys(("batch_norm", "relu", "hardtanh", "relu6", "dropout", "dropout2d"), _same),
}
