"""What a dropout layer removes, seen in single steps of the training, and what dropout of the other kind would have."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnstudio.core.control import Control
from cnnstudio.core.events import Warned
from cnnstudio.core.pictures import DropoutMasks
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.probes import to_tiles
from cnnstudio.models.network import Network

_SHORTEST: Final = 0.5  # seconds between two looks: masks that change faster cannot be read
_LONGEST: Final = 5.0  # seconds, however long a look has taken: on a busy machine the view would seem to stand still
_KINDS: Final = (nn.Dropout, nn.Dropout2d)
_WEIGHTED: Final = (nn.Conv2d, nn.Linear)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A dropout layer: path, stage, where it lies in words, and whether it removes whole channels."""

    path: str
    stage: str
    place: str
    whole: bool


class DropoutGauge:
    """Decides in which steps the masks of the watched dropout layer are looked at."""

    def __init__(self, prepared: Prepared, control: Control) -> None:
        """Prepare.

        Args:
            prepared: The run.
            control: Knows what is watched.
        """
        self.prepared = prepared
        self._control = control
        self._watched = ""
        self._refused = ""
        self._next = 0.0

    def at(self, module: nn.Module, inputs: Tensor) -> "DropoutLook":
        """Return what looks at a step; it goes around the forward pass.

        Args:
            module: What learns, in training mode.
            inputs: (B, ...), what it learns from; its first image is looked at.
        """
        wanted = self._control.watched.dropout
        due = wanted != self._watched or time.monotonic() >= self._next
        self._watched = wanted
        return DropoutLook(self, module, inputs, wanted if due and wanted != self._refused else "")

    def spent(self, seconds: float) -> None:
        """Count the time of a look; the next one waits until it is affordable."""
        self._next = time.monotonic() + min(max(_SHORTEST, seconds / self._control.watched.share), _LONGEST)

    def refuse(self, wanted: str) -> None:
        """Look at this layer no more, as it cannot be shown."""
        self._refused = wanted


class DropoutLook:
    """Looks at one dropout layer in one step, by hooks that are gone afterwards; it changes nothing."""

    def __init__(self, gauge: DropoutGauge, module: nn.Module, inputs: Tensor, wanted: str) -> None:
        """Prepare.

        Args:
            gauge: Told how long it took.
            module: What learns.
            inputs: Its inputs in this step.
            wanted: As `Watch.dropout`.
        """
        self._gauge, self._module, self._inputs, self._wanted = gauge, module, inputs, wanted
        self._hooks = ExitStack()
        self._layers: tuple[_Layer, ...] = ()
        self._dropping: dict[str, nn.Module] = {}
        self._layer = ""
        self._seen: tuple[Tensor, Tensor, float] | None = None  # before and after, of one image, and p
        self._seconds = 0.0

    def __enter__(self) -> Self:
        if not self._wanted:
            return self
        began = time.perf_counter()
        self._layers = dropout_layers(self._gauge.prepared.network)
        found = dict(self._module.named_modules())  # of features, the frozen layers are not there
        paths = [each.path for each in self._layers]
        self._dropping = {
            path: found[path] for path in paths if isinstance(found.get(path), _KINDS) and found[path].training
        }
        # Dropout2d first: it is what most people want to see.
        by_choice = sorted(self._layers, key=lambda each: (each.path not in self._dropping, not each.whole))
        self._layer = self._wanted if self._wanted in paths else next((each.path for each in by_choice), "")
        if self._layer in self._dropping:
            for handle in (
                self._module.register_forward_pre_hook(self._begin),
                self._dropping[self._layer].register_forward_hook(self._see),
            ):
                self._hooks.callback(handle.remove)
        self._seconds += time.perf_counter() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.close()

    def pictures(self, image: int, *, mixed: bool, step: int) -> Iterator[DropoutMasks | Warned]:
        """Wait for the device and yield what was removed, or why that cannot be shown; nothing where nobody looks.

        Args:
            image: Number of the first image of the batch.
            mixed: Whether it is mixed with another one.
            step: The step, counted from 1.
        """
        if not self._wanted:
            return
        began = time.perf_counter()
        try:
            yield self._picture(image, mixed=mixed, step=step)
        except Exception as error:  # noqa: BLE001 - looking must not cost the training that it looks at
            self._gauge.refuse(self._wanted)
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            yield Warned(text=f"what {self._layer} removes cannot be shown: {reason}")
        self._gauge.spent(self._seconds + time.perf_counter() - began)

    def _begin(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Begin anew with the first part of a batch: one that the device had no memory for is repeated in parts."""
        if inputs[0].data_ptr() == self._inputs.data_ptr():
            self._seen = None

    @torch.no_grad()
    def _see(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Copy what comes in and out, of the first image: what follows may work in place."""
        began = time.perf_counter()
        if self._seen is None:
            p = module.p
            assert isinstance(p, float | int)
            self._seen = inputs[0][0].detach().clone(), output[0].detach().clone(), float(p)
        self._seconds += time.perf_counter() - began

    def _picture(self, image: int, *, mixed: bool, step: int) -> DropoutMasks:
        by_path = {each.path: each for each in self._layers}
        here = by_path.get(self._layer)
        whole = here is not None and here.whole
        nothing = torch.zeros(0, 0, 0)
        before, after, p = self._seen or (nothing, nothing, 0.0)
        before, after = before.float().cpu(), after.float().cpu()
        vector = before.ndim == 1
        if vector:
            before, after = (each.reshape(1, *_rows(each.numel())) for each in (before, after))
        full = before != 0
        zero = ~full.any(2).any(1) if before.numel() else torch.zeros(len(before), dtype=torch.bool)
        gone = full & (after == 0)
        chance = np.random.default_rng(step)  # its own: that of the run must not notice
        if whole:
            channels = (gone.flatten(1).any(1)).numpy()
            values = full.numpy() & (chance.random(before.shape, np.float32) < p)
        else:
            values = gone.numpy()
            drawn = np.zeros(1, np.bool_) if vector else chance.random(len(before), np.float32) < p
            channels = drawn & ~zero.numpy()
        _, height, width = before.shape
        catalog = self._gauge.prepared.store.catalog
        return DropoutMasks(
            layer=self._layer,
            whole=whole,
            p=p,
            shape=(len(before), height, width),
            tiles=to_tiles(before) if before.numel() else np.zeros((0, 0, 0), np.uint8),
            values=values,
            channels=channels,
            zero=zero.numpy(),
            nonzero=int(full.sum()),
            removed=int(values.sum()),
            mean_before=before.mean((1, 2)).numpy(),
            mean_after=after.mean((1, 2)).numpy(),
            vector=vector,
            step=step,
            image=str(catalog.images[image].path),
            pixels=self._pixels(),
            mixed=mixed,
            layers=tuple(by_path),
            stages=tuple(each.stage for each in self._layers),
            places=tuple(each.place for each in self._layers),
            wholes=tuple(each.whole for each in self._layers),
            learning=tuple(path in self._dropping for path in by_path),
        )

    def _pixels(self) -> NDArray[np.uint8]:
        """Return the image as the step saw it, in the colours of its file."""
        if (
            self._inputs.shape[1:2] != (3,)
            or self._inputs.ndim != 4
            or self._module is not self._gauge.prepared.network
        ):
            return np.zeros((0, 0, 3), np.uint8)
        prepared = self._gauge.prepared
        colours = (self._inputs[0] * prepared.std + prepared.mean).mul(255).round().clamp(0, 255)
        pixels: NDArray[np.uint8] = colours.to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()
        return pixels


def dropout_layers(network: Network) -> tuple[_Layer, ...]:
    """Return the dropout layers of a network in the order of computation."""
    found, behind = [], ""
    waiting: list[tuple[str, str]] = []
    for path, module in network.named_modules():
        if isinstance(module, _WEIGHTED):
            found += [_Layer(each, stage, f"before {path}", whole=False) for each, stage in waiting]
            waiting, behind = [], path
        elif isinstance(module, nn.Dropout2d):
            found.append(_Layer(path, network.stage_of(path).name, f"behind {behind}", whole=True))
        elif isinstance(module, nn.Dropout):
            waiting.append((path, network.stage_of(path).name))
    return tuple(found)


def _rows(count: int) -> tuple[int, int]:
    """Return how many rows a vector is laid in, and how long each is: as nearly a square as its length allows."""
    rows = math.isqrt(count)
    while count % rows:
        rows -= 1
    return rows, count // rows
