"""The weights of a convolution while they learn, and how far they have come since the start."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnstudio.core.control import MEAN_OF_INPUTS, STRONGEST_INPUT, Watch
from cnnstudio.core.history import LostEpochError
from cnnstudio.core.pictures import Filters
from cnnstudio.engine.history import read_epoch

_ROOM: Final = 96 * 2**20  # bytes for the weights at the start
_PORTION: Final = 2**22  # weights
_COLORS: Final = 3
_NONE: Final = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class StartWeights:
    """The convolutions of a network as they were when its training began, or went on.

    Attributes:
        weights: (O, I, h, w) on the CPU by the path of the layer; what there was no room for is missing.
        step: Optimizer steps that were done then.
    """

    weights: Mapping[str, Tensor]
    step: int = 0

    @classmethod
    def of(cls, network: nn.Module, step: int = 0, *, room: int = _ROOM) -> "StartWeights":
        """Copy those of a network, as `bounded` does; nothing of it is changed."""
        return cls.bounded({path: each.weight for path, each in _convolutions(network).items()}, step, room=room)

    @classmethod
    def of_run(cls, network: nn.Module, step: int, run: Path) -> "StartWeights":
        """Return those before the first step of a run; those of now where it has gone on and they are not kept.

        Args:
            network: As it is now.
            step: Optimizer steps done.
            run: The run folder.
        """
        if step:
            paths = {f"{path}.weight": path for path in _convolutions(network)}
            with contextlib.suppress(LostEpochError):
                kept = read_epoch(run, 0, paths)
                return cls.bounded({paths[key]: each for key, each in kept.tensors.items()}, kept.step)
        return cls.of(network, step)

    @classmethod
    def bounded(cls, layers: Mapping[str, Tensor], step: int, *, room: int = _ROOM) -> "StartWeights":
        """Copy weights, but no more than there is room for.

        They are kept exactly if there is room for all of them, else in half precision (float16, whose steps are 0.05 %
        of a weight); if even that is too much, the largest layers are left out.

        Args:
            layers: Weights (O, I, h, w) by the path of the layer.
            step: Optimizer steps that were done.
            room: Bytes that the copies may take.
        """
        whole = sum(each.numel() for each in layers.values())
        dtype = torch.float32 if torch.float32.itemsize * whole <= room else torch.float16
        kept: dict[str, Tensor] = {}
        for path, weight in sorted(layers.items(), key=lambda item: item[1].numel()):
            room -= dtype.itemsize * weight.numel()
            if room < 0:
                break
            kept[path] = weight.detach().to("cpu", dtype, copy=True)
        return cls(kept, step)


class FilterProbe:
    """Copies the kernels of one convolution, and compares them with those at the start."""

    subject: Final = "filters"

    def __init__(self, network: nn.Module, start: StartWeights | None = None) -> None:
        """Prepare.

        Args:
            network: Any network with convolutions.
            start: What its weights were; None where that is not known.
        """
        self._network = network
        self._start = start or StartWeights({})

    def wanted(self, watch: Watch) -> bool:
        """Whether a convolution is watched."""
        return bool(watch.filters)

    @torch.no_grad()
    def look(self, watch: Watch, step: int) -> Filters:
        """Return the kernels of the watched convolution.

        Args:
            watch: What is asked for; `watch.filters` names a convolution.
            step: Optimizer steps done.

        Raises:
            LookupError: There is no convolution of that name.
        """
        layer = _convolutions(self._network)[watch.filters]
        weight = layer.weight.detach().to("cpu", torch.float32)
        kind, chosen = _kind(layer), _chosen(layer, weight, watch.map_in)
        start = self._start.weights.get(watch.filters)
        values, before, change = _shown(weight, kind, chosen), _NONE, _NONE
        if start is not None:
            before, change = _shown(start, kind, chosen), _change(weight, start)
            before[change == 0] = values[change == 0]  # without the rounding of the start
        outputs, inputs, height, width = weight.shape
        return Filters(
            layer=watch.filters,
            kind=kind,
            shape=(outputs, inputs, height, width),
            map_in=watch.map_in if watch.map_in < 0 else int(chosen[0]),
            values=values,
            start=before,
            inputs=_inputs(layer, kind, chosen),
            change=change,
            start_step=self._start.step,
            frozen=not layer.weight.requires_grad,
            step=step,
        )


def _convolutions(network: nn.Module) -> dict[str, nn.Conv2d]:
    return {path: each for path, each in network.named_modules() if isinstance(each, nn.Conv2d)}


def _kind(layer: nn.Conv2d) -> str:
    if layer.kernel_size == (1, 1):
        return "mixing"
    if layer.in_channels == _COLORS and layer.groups == 1:
        return "color"
    return "depthwise" if layer.groups == layer.in_channels > 1 else "kernels"


def _chosen(layer: nn.Conv2d, weight: Tensor, map_in: int) -> Tensor:
    """Return which input of its group (O,) each filter is shown on; empty for the mean."""
    outputs, inputs = weight.shape[:2]
    if map_in == MEAN_OF_INPUTS:
        return torch.empty(0, dtype=torch.int64)
    if map_in == STRONGEST_INPUT and _kind(layer) == "kernels":
        some = max(1, _PORTION // weight[0].numel())  # filters at once: a layer may have 100 million weights
        return torch.cat([each.square().sum((2, 3)).argmax(1) for each in torch.split(weight, some)])
    return torch.full((outputs,), max(0, min(map_in, inputs - 1)))


def _shown(weight: Tensor, kind: str, chosen: Tensor) -> NDArray[np.float32]:
    """Return a copy of the part of a weight that is looked at, in float32."""
    if kind == "color":
        part = weight
    elif kind == "mixing":
        part = weight[:, :, 0, 0]
    elif kind == "depthwise":
        part = weight[:, 0]
    elif len(chosen):
        part = weight[torch.arange(len(weight)), chosen]
    else:
        part = weight.float().mean(1)
    copy = part.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    values: NDArray[np.float32] = copy.numpy()
    return values


def _inputs(layer: nn.Conv2d, kind: str, chosen: Tensor) -> NDArray[np.int32]:
    """Return the input that the kernel of each filter is of, counted over all groups."""
    group = np.arange(layer.out_channels) // (layer.out_channels // layer.groups)
    first = group * (layer.in_channels // layer.groups)
    if kind != "kernels":
        return first.astype(np.int32)
    return (first + chosen.numpy() if len(chosen) else np.full(layer.out_channels, -1)).astype(np.int32)


def _change(now: Tensor, start: Tensor) -> NDArray[np.float32]:
    """Return by how much each filter (O,) has changed, relative to its norm at the start.

    Both are compared in the precision of the start, so that what has not changed has changed by zero.
    """
    before = start.float()
    change = torch.linalg.vector_norm(now.to(start.dtype).float() - before, dim=(1, 2, 3))
    share: NDArray[np.float32] = (change / torch.linalg.vector_norm(before, dim=(1, 2, 3)).clamp_min(1e-12)).numpy()
    return share
