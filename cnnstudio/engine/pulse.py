"""How strongly each layer learns, and which of its channels are dead, measured in single steps of the training."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from cnnstudio.core.events import LayerPulse, Pulse

_PULSES_AN_EPOCH: Final = 5  # at most
_BUDGET: Final = 0.004  # the share of the run's time that pulses may take
_SAMPLE: Final = 2**16  # weights of a layer of which a copy is kept during the step
_FIRST: Final = 2  # images in which nearly all channels are met
_LAYERS: Final = (nn.Conv2d, nn.Linear)
_RECTIFIERS: Final = (nn.ReLU, nn.ReLU6, nn.Hardswish)
_DIGITS: Final = 5  # of a figure in the log


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured of a step.

    Attributes:
        gradient_norm: Of all that learns; None where the optimizer took no step or it is not finite.
        layers: Empty where no pulse was taken.
    """

    gradient_norm: float | None = None
    layers: tuple[LayerPulse, ...] = ()

    def pulse(self, *, step: int, epoch: float) -> Iterator[Pulse]:
        """Yield the event, if a pulse was taken."""
        if self.layers:
            yield Pulse(step=step, epoch=epoch, layers=self.layers)


class Gauge:
    """Decides in which steps what is measured: the gradient in each that is reported, all layers in a few of them.

    There are at most five pulses an epoch, and fewer where they would take more than 0.4 % of the time.
    """

    def __init__(self) -> None:
        self._next = 0.0

    def at(self, module: nn.Module, optimizer: Optimizer, *, batch: int, batches: int, every: int) -> "Measurement":
        """Return what measures a step; it goes around forward pass, backward pass and step.

        Args:
            module: What learns, in training mode.
            optimizer: Takes the step.
            batch: Number of the batch in the epoch, from 1.
            batches: How many there are.
            every: After how many of them, and after the last one, the run reports.
        """
        if batch % every and batch != batches:
            return Measurement(self, None, optimizer)
        apart = every * math.ceil(math.ceil(batches / every) / _PULSES_AN_EPOCH)
        pulse = batch % apart == 0 and time.monotonic() >= self._next
        return Measurement(self, module if pulse else None, optimizer, gradient=True)

    def spent(self, seconds: float) -> None:
        """Count the time of a pulse; the next one waits until it is affordable."""
        self._next = time.monotonic() + seconds / _BUDGET


class Measurement:
    """Measures one step from within, by hooks that are gone afterwards; it changes nothing and waits for nothing."""

    def __init__(self, gauge: Gauge, module: nn.Module | None, optimizer: Optimizer, *, gradient: bool = False) -> None:
        """Prepare.

        Args:
            gauge: Told how long it took.
            module: Whose layers are measured; None for none.
            optimizer: Takes the step.
            gradient: Whether the norm of all gradients is wanted.
        """
        self._gauge, self._module, self._optimizer = gauge, module, optimizer
        self._wanted = gradient
        self._hooks = ExitStack()
        self._layers: dict[str, Tensor] = {}  # weights (outputs, ...) by the paths of the layers
        self._alive: dict[str, Tensor] = {}  # (C,) bool, of the rectifiers behind these layers
        self._before: list[Tensor] = []
        self._figures: list[Tensor] = []
        self._seconds = 0.0

    def __enter__(self) -> Self:
        if self._wanted:
            self._hook(self._optimizer.register_step_pre_hook(self._see_gradients))
        if self._module is not None:
            began = time.perf_counter()
            for path, rectifier in _rectifiers(self._module):
                self._hook(rectifier.register_forward_hook(partial(self._see_channels, path)))
            self._hook(self._optimizer.register_step_post_hook(self._see_changes))
            self._seconds += time.perf_counter() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.close()

    def read(self) -> Reading:
        """Wait for the device, once, and return what was measured."""
        if not self._figures:  # the scaler left the step out, as float16 gradients had overflowed
            return Reading()
        began = time.perf_counter()
        total, *figures = torch.cat([each.float().reshape(-1) for each in self._figures]).tolist()
        norm = total if math.isfinite(total) else None
        if self._module is None or not all(map(math.isfinite, figures)):
            return Reading(norm)
        count = len(self._layers)
        gradients, weights, before, changes = (figures[count * at : count * (at + 1)] for at in range(4))
        dead = dict(zip(self._alive, map(_short, figures[4 * count :]), strict=True))
        layers = tuple(
            LayerPulse(
                path=path,
                gradient=_short(gradient),
                weight=_short(weight),
                update=_short(change / sampled),
                dead=dead.get(path),
            )
            for path, gradient, weight, sampled, change in zip(
                self._layers, gradients, weights, before, changes, strict=True
            )
            if sampled
        )
        self._gauge.spent(self._seconds + time.perf_counter() - began)
        return Reading(norm, layers)

    def _hook(self, handle: Any) -> None:
        self._hooks.callback(handle.remove)

    @torch.no_grad()
    def _see_gradients(self, optimizer: Optimizer, _args: object, _kwargs: object) -> None:
        """Take the norms of the gradients, which the scaler has divided by its scale already."""
        began = time.perf_counter()
        learning = {id(each): each for group in optimizer.param_groups for each in group["params"]}
        self._figures = [get_total_norm([each.grad for each in learning.values() if each.grad is not None])]
        if self._module is not None:
            self._layers = {
                path: module.weight
                for path, module in self._module.named_modules()
                if isinstance(module, _LAYERS) and id(module.weight) in learning and module.weight.grad is not None
            }
            weights = [each.detach() for each in self._layers.values()]
            self._before = [_sample(each).clone() for each in weights]
            for tensors in ([each.grad for each in self._layers.values()], weights, self._before):
                self._figures += map(torch.linalg.vector_norm, tensors)
        self._seconds += time.perf_counter() - began

    @torch.no_grad()
    def _see_changes(self, _optimizer: Optimizer, _args: object, _kwargs: object) -> None:
        began = time.perf_counter()
        after = [_sample(each.detach()) for each in self._layers.values()]
        changes = [now - before for now, before in zip(after, self._before, strict=True)]
        self._figures += map(torch.linalg.vector_norm, changes)
        self._figures += [1 - each.float().mean() for each in self._alive.values()]
        self._before = []
        self._seconds += time.perf_counter() - began

    @torch.no_grad()
    def _see_channels(self, path: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        """Note which channels of an output (N, C, ...) are not zero; a batch may come in several parts."""
        began = time.perf_counter()
        alive = _alive(output.detach())
        self._alive[path] = alive | self._alive[path] if path in self._alive else alive
        self._seconds += time.perf_counter() - began


def _rectifiers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield what follows each convolution or linear layer, by the path of the layer; not in what is frozen."""
    layer, seen = "", {""}
    for path, module in network.named_modules():  # in the order of computation
        if isinstance(module, _LAYERS):
            layer = path
        elif isinstance(module, _RECTIFIERS) and module.training and layer not in seen:
            seen.add(layer)
            yield layer, module


def _alive(output: Tensor) -> Tensor:
    """Return which channels (C,) of an output (N, C, ...) are not zero everywhere.

    Where nothing has to be waited for, only channels that are zero in the first images are looked up in the others.
    """
    if output.device.type != "cpu" or len(output) <= _FIRST:
        return _some(output)
    alive = _some(output[:_FIRST])
    rest = (~alive).nonzero()[:, 0]
    if len(rest):
        alive[rest] = _some(output[_FIRST:, rest])
    return alive


def _some(output: Tensor) -> Tensor:
    others = tuple(axis for axis in range(output.ndim) if axis != 1)
    return (output.amax(others) > 0) | (output.amin(others) < 0)  # Hardswish has negative values too


def _sample(weight: Tensor) -> Tensor:
    """Return a view of all weights, or of evenly distributed ones where there are very many.

    The distance between two of them has no common divisor with their number, so that all places of a kernel, and all
    channels, are met alike. The share by which 65,536 weights change is within about 1 % of that of all.

    Args:
        weight: Of any shape, without gaps in memory.
    """
    count = weight.numel()
    apart = math.ceil(count / _SAMPLE)
    while math.gcd(apart, count) > 1:
        apart += 1
    return weight.as_strided((math.ceil(count / apart),), (apart,))


def _short(figure: float) -> float:
    return float(f"{figure:.{_DIGITS}g}")
