"""bfloat16 for dense layers while depthwise convolutions stay in float32, whatever the network."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def has_depthwise(module: nn.Module) -> bool:
    """Whether a network, or the part of one, has depthwise convolutions, which bear on the precision of a run."""
    return any(isinstance(each, nn.Conv2d) and each.groups == each.in_channels > 1 for each in module.modules())


@contextlib.contextmanager
def dense_autocast(device_type: str) -> Iterator[None]:
    """Run forward passes under bfloat16 autocast, but for depthwise convolutions.

    On CPUs the backward pass of a depthwise convolution takes 3-5 times as long in bfloat16 as in float32.

    It is calls of `torch.conv2d` that are told apart, not modules: networks, their copies and their state dicts are
    left alone.

    Args:
        device_type: Such as `cpu`.
    """
    with torch.autocast(device_type, dtype=torch.bfloat16), _DepthwiseInFloat32(device_type):
        yield


class _DepthwiseInFloat32(TorchFunctionMode):
    """Lets depthwise convolutions leave autocast; autograd casts their gradients back."""

    def __init__(self, device_type: str) -> None:
        super().__init__()
        self._device_type = device_type

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        depthwise = func is torch.conv2d and _is_depthwise(*args)
        if not depthwise:
            return func(*args, **(kwargs or {}))
        with torch.autocast(self._device_type, enabled=False):
            floats = (each.float() if isinstance(each, Tensor) else each for each in args)
            return func(*floats, **(kwargs or {}))


def _is_depthwise(x: Tensor, weight: Tensor, *_: object) -> bool:
    """Whether a weight (C × multiplier, 1, h, w) filters each map of `x` (N, C, H, W) on its own."""
    return weight.shape[1] == 1 and x.shape[1] > 1
