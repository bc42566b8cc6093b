"""Looking into a BatchNorm while the network learns: γ and β, what a batch is like, and what is known of others."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from cnnstudio.core.control import Watch
from cnnstudio.core.pictures import BatchNormScope
from cnnstudio.engine.batches import some_of
from cnnstudio.engine.device import Compute
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.preview_images import PreviewImages
from cnnstudio.engine.resume import random_numbers_kept
from cnnstudio.models.network import Network
from cnnstudio.models.surgery import norms_behind

BINS: Final = 48
_MOST_VALUES: Final = 2**20  # of all channels that are sorted into bins
_MOST_OF_A_CHANNEL: Final = 2**12


class _ReachedError(Exception):
    """Carries what comes into the layer out of the network's forward pass."""

    def __init__(self, entering: Tensor) -> None:
        super().__init__()
        self.entering = entering


@dataclass(frozen=True, slots=True)
class _Arrived:
    """What comes into a BatchNorm.

    Attributes:
        maps: (N, C, H, W); None where a BatchNorm before it refuses a batch of one value a channel.
        frozen: Whether the layer is in evaluation mode while the network learns.
    """

    maps: Tensor | None
    frozen: bool


class BatchNormProbe:
    """Answers what one BatchNorm does to a batch, without leaving a trace in the network.

    The batch goes through the network in the mode that it learns in: frozen layers in evaluation mode, Dropout with the
    same masks each time. The pass ends where it reaches the layer, whose statistics are computed here.
    """

    subject: Final = "BatchNorm"

    def __init__(
        self,
        network: nn.Module,
        compute: Compute,
        images: PreviewImages,
        batch: Callable[[], Tensor],
        *,
        drops: bool = True,
    ) -> None:
        """Prepare.

        Args:
            network: Any network with BatchNorm2d layers, whole and unwrapped.
            compute: The device and the arithmetic of the run.
            images: Gives the preview image.
            batch: Gives a batch (N, 3, S, S) like those that are learnt from, on the device.
            drops: Whether Dropout drops something; if not, nothing is drawn from torch's random numbers, not even to
                put them back.
        """
        self._drops = drops
        self._network = network
        self._compute = compute
        self._images = images
        self._batch = batch

    def wanted(self, watch: Watch) -> bool:
        """Whether a BatchNorm is watched."""
        return bool(watch.batchnorm)

    def look(self, watch: Watch, step: int) -> BatchNormScope:
        """Run a batch through the network and return what the watched BatchNorm makes of it.

        Args:
            watch: What is asked for; `watch.batchnorm` is the path of a BatchNorm2d with running statistics.
            step: Optimizer steps done.

        Raises:
            LookupError: There is no such layer.
            UnreadableImageError: The preview image cannot be read.
            RuntimeError: The layer takes no part in the training, or what comes in is not finite.
        """
        norm = dict(self._network.named_modules())[watch.batchnorm]
        if not isinstance(norm, nn.BatchNorm2d):
            raise KeyError(watch.batchnorm)
        path = self._images.path(watch) if watch.batchnorm_alone else None
        batch = self._batch() if path is None else self._images.batch(path)
        arrived = self._arrive(norm, batch)
        return _scope(norm, arrived, layer=watch.batchnorm, images=len(batch), image=str(path or ""), step=step)

    @torch.no_grad()
    def _arrive(self, norm: nn.BatchNorm2d, batch: Tensor) -> _Arrived:
        def stop(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            raise _ReachedError(inputs[0].detach())

        modes = [(module, module.training) for module in self._network.modules()]
        copies = {name: buffer.clone() for name, buffer in self._network.named_buffers()}  # learnt from instead
        handle = norm.register_forward_pre_hook(stop)
        self._network.train()
        frozen = not norm.training
        try:
            with self._chance(), self._compute.autocast():
                functional_call(self._network, copies, (batch,))
        except _ReachedError as reached:
            return _Arrived(reached.entering, frozen)
        except ValueError:
            if len(batch) > 1:
                raise
            return _Arrived(None, frozen)
        finally:
            handle.remove()
            for module, training in modes:
                module.training = training
        raise RuntimeError("it takes no part in the training at present")

    @contextlib.contextmanager
    def _chance(self) -> Iterator[None]:
        """Let Dropout drop the same each time, or nothing."""
        if self._drops:
            with random_numbers_kept():
                torch.manual_seed(0)
                yield
        else:
            for module in self._network.modules():
                if isinstance(module, nn.Dropout | nn.Dropout2d):
                    module.eval()
            yield


def fixed_batch(prepared: Prepared) -> Callable[[], Tensor]:
    """Return what gives some training images of a run, always the same, as they are: (N, 3, S, S) on its device.

    There are as many as in a batch of the run, 32 at most, spread evenly over the classes.
    """
    chosen = some_of(prepared.split.train, prepared.config.data.batch_size)

    def batch() -> Tensor:
        return prepared.compute.images(torch.from_numpy(prepared.store.rows(chosen)), prepared.mean, prepared.std)

    return batch


def norms_of(network: Network) -> dict[str, str]:
    """Return the path of the BatchNorm2d behind each convolution that has one, by the path of the convolution."""
    paths = {module: path for path, module in network.named_modules()}
    return {paths[layer]: paths[norm] for layer, norm in norms_behind(network).items()}


@torch.no_grad()
def _scope(
    norm: nn.BatchNorm2d, arrived: _Arrived, *, layer: str, images: int, image: str, step: int
) -> BatchNormScope:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    weight, bias, running_mean, running_var = (
        each.detach().float().cpu() for each in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    values, sample = 0, torch.empty(0, len(weight))
    mean = var = torch.full_like(weight, math.nan)
    if arrived.maps is not None:
        values = arrived.maps.numel() // len(weight)
        mean, var = _statistics(arrived.maps, values)
        if not bool(var.isfinite().all()):
            raise RuntimeError("what comes in is not finite")
        sample = _sample(arrived.maps)
    low, high, counts = _sorted_into_bins(sample)
    by_mean, by_var = (running_mean, running_var) if arrived.frozen else (mean, var)
    normalised = (sample - by_mean) * (by_var + norm.eps).rsqrt()
    pools = [_sorted_into_bins(each.reshape(-1, 1)) for each in (sample, normalised, normalised * weight + bias)]
    return BatchNormScope(
        layer=layer,
        step=step,
        images=images,
        image=image,
        values=values,
        frozen=arrived.frozen,
        eps=norm.eps,
        momentum=norm.momentum,
        weight=_floats(weight),
        bias=_floats(bias),
        mean=_floats(mean),
        var=_floats(var),
        running_mean=_floats(running_mean),
        running_var=_floats(running_var),
        low=_floats(low),
        high=_floats(high),
        counts=counts.numpy().astype(np.uint16),
        pooled=torch.cat([each for _, _, each in pools]).numpy().astype(np.int32),
        ends=_floats(torch.stack([torch.cat((least, most)) for least, most, _ in pools])),
    )


def _statistics(maps: Tensor, values: int) -> tuple[Tensor, Tensor]:
    """Return mean and variance (C,) float32 of maps (N, C, H, W) with so many values a channel, on the CPU.

    They are those that torch's own BatchNorm computes, which takes half the time of `torch.var_mean`.
    """
    if values == 1:  # torch refuses that: all of it is mean, and nothing is left to divide by
        mean = maps.reshape(-1).float().cpu()
        return mean, torch.zeros_like(mean)
    mean, var = torch.zeros(2, maps.shape[1], device=maps.device)
    functional.batch_norm(maps, mean, var, training=True, momentum=1.0)
    return mean.cpu(), var.cpu() * ((values - 1) / values)


def _sample(maps: Tensor) -> Tensor:
    """Return evenly distributed values (n, C) float32 of maps (N, C, H, W), on the CPU; of small maps all."""
    rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    most = min(_MOST_OF_A_CHANNEL, max(BINS, _MOST_VALUES // maps.shape[1]))
    apart = math.ceil(len(rows) / most)
    while math.gcd(apart, maps.shape[3]) > 1:  # else some columns of the maps would never be met
        apart += 1
    return rows[::apart].float().cpu()


def _sorted_into_bins(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the smallest (C,) and the largest (C,) of values (n, C), and how many (C, bins) lie in each part."""
    count = values.shape[1]
    if not len(values):
        return torch.zeros(count), torch.zeros(count), torch.zeros(count, BINS, dtype=torch.int64)
    low, high = values.amin(0), values.amax(0)
    width = torch.where(high > low, high - low, 1.0)
    bins = ((values - low) * (BINS / width)).long().clamp_(max=BINS - 1)
    bins += torch.arange(count) * BINS
    return low, high, torch.bincount(bins.flatten(), minlength=count * BINS).view(count, BINS)


def _floats(values: Tensor) -> NDArray[np.float32]:
    result: NDArray[np.float32] = values.numpy().astype(np.float32)
    return result
