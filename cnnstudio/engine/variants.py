"""Networks that are only looked at: one for each setting of the switches, all with the same weights."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Generic, TypeVar
from zlib import crc32

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ComputeConfig, Config
from cnnstudio.core.errors import InputError
from cnnstudio.data.images import Pixels
from cnnstudio.engine.device import resolve
from cnnstudio.models import registry
from cnnstudio.models.flow import Flow
from cnnstudio.models.network import Network
from cnnstudio.models.places import Place, places
from cnnstudio.models.steady import SteadyWeights, plain, steady_weights
from cnnstudio.models.summary import check_image_size
from cnnstudio.models.weights import locate, wanted

T = TypeVar("T")
_Moments = tuple[Tensor, Tensor]
"""Mean and variance of each channel, `(C,)` both."""

_WEIGHTS: Final = 3  # of so many settings are kept: as they stand, as they stood, and the defaults
_NETWORKS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A network with one setting of the switches, ready for images of one size.

    Attributes:
        network: In eval mode, on the CPU; its fully connected layers are on the meta device.
        layers: The place of each layer without parts, in the order of computation.
        shapes: What each of them hands on for one image; those that the image is too small for are missing, as are
            auxiliary heads.
        weights: What it computes with.
        key: What the network depends on.
    """

    network: Network
    layers: dict[str, Place]
    shapes: dict[str, tuple[int, ...]]
    weights: SteadyWeights
    key: Hashable


class Variants:
    """Builds variants and runs them, and keeps what it has drawn, read and built for the next time.

    Weights are the same whatever padding and Dropout2d are. Where they are random, BatchNorm normalises each image by
    itself in the network with its default padding, so that deep maps are not flat. Dropout2d drops channels as it does
    while training, always the same ones. Torch's random numbers are not touched, as a run may draw from them at the
    same time. Not for several threads at once.
    """

    def __init__(self) -> None:
        self._compute = resolve(ComputeConfig(device="cpu", precision="float32", memory_format="channels_last"))
        self._weights = Recent[SteadyWeights](_WEIGHTS)
        self._variants = Recent[Variant](_NETWORKS)
        self._statistics = Recent[dict[str, _Moments]](_NETWORKS)

    def variant(self, config: Config, classes: int, side: int) -> Variant:
        """Return the network of a configuration.

        Args:
            config: Its switches, transfer and seed count.
            classes: Number of logits.
            side: Of the square image in pixels; a network of which it reaches at least the first layer is good.

        Raises:
            InputError: There is no such network, its weights do not fit it, or the image reaches no layer.
        """
        model = registry.resolved(config.model)
        of_weights = (plain(model), classes, config.train.seed, _source(config))

        def weigh() -> SteadyWeights:
            weights = steady_weights(config, classes)
            return replace(weights, state={key: self._laid_out(tensor) for key, tensor in weights.state.items()})

        def build() -> Variant:
            with torch.device("meta"):
                network = registry.build(model, classes=classes).eval()
            shapes = _shapes(network, side)
            weights = self._weights.get(of_weights, weigh)
            _take(network, weights.state)
            layers = places(network)
            for path, place in layers.items():
                layer = network.get_submodule(path)
                if isinstance(layer, nn.Dropout2d):
                    layer.register_forward_hook(_Dropper(layer.p, place, config.train.seed))
            return Variant(network, layers, shapes, weights, (model, side, of_weights))

        return self._variants.get((model, side, of_weights), build)

    @torch.no_grad()
    def maps(self, config: Config, classes: int, layer: str, pixels: Pixels) -> Tensor:
        """Return the output of a layer for one image.

        Args:
            config: As for `variant`.
            classes: As for `variant`.
            layer: Path of a layer, with or without parts, that the image reaches.
            pixels: `(S, S, 3)` uint8.

        Returns:
            `(C, H, W)` float32, contiguous, shared with nobody.
        """
        variant = self.variant(config, classes, len(pixels))
        card = registry.card(config.model.arch)
        mean, std = (torch.tensor(each).view(3, 1, 1) for each in (card.preprocessing.mean, card.preprocessing.std))
        images = self._compute.images(torch.from_numpy(pixels)[None], mean, std)
        if not _norms(variant.network) or not (variant.weights.random or config.model.dropout2d):
            return _run_to(variant.network, layer, images)
        normal = self.variant(config.model_copy(update={"model": plain(config.model)}), classes, len(pixels))
        usual = self._statistics.get((normal.key, pixels.tobytes()), lambda: _statistics(normal, images))
        with _normalising(variant, usual):
            return _run_to(variant.network, layer, images)

    def _laid_out(self, tensor: Tensor) -> Tensor:
        return tensor.contiguous(memory_format=self._compute.memory_format) if tensor.ndim == 4 else tensor


class Recent(Generic[T]):
    """The values that were asked for last, by what they depend on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value for a key, made if it is not there."""
        if key not in self._values:
            self._values[key] = make()
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]


def _shapes(network: Network, side: int) -> dict[str, tuple[int, ...]]:
    flow = Flow(network)
    flow.with_auxiliary(False)
    shapes = {passage.path: passage.output.shape[1:] for passage in flow.reached(side)}
    if not shapes:
        check_image_size(network, side, registry.card(network.model.arch).title)
    return shapes


def _source(config: Config) -> Hashable:
    """Return what tells one file of weights from another."""
    if not wanted(config):
        return "none"
    try:
        path = locate(config).path
        return path, path.stat().st_mtime_ns
    except (InputError, OSError):
        return "missing"


def _take(network: Network, state: dict[str, Tensor]) -> None:
    """Give a network tensors without copying them."""
    network.load_state_dict(state, strict=False, assign=True)


def _norms(network: Network) -> dict[str, nn.BatchNorm2d]:
    return {path: each for path, each in network.named_modules() if isinstance(each, nn.BatchNorm2d)}


def _statistics(variant: Variant, images: Tensor) -> dict[str, _Moments]:
    """Return mean and variance of what reaches each BatchNorm; random ones normalise by them."""
    found: dict[str, _Moments] = {}

    def measure(path: str, norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
        found[path] = mean, variance
        if variant.weights.random:
            norm.running_mean, norm.running_var = mean, variance

    with _before_each_norm(variant.network, measure):
        _run_to(variant.network, [path for path in _norms(variant.network) if path in variant.shapes][-1], images)
    return found


@contextmanager
def _normalising(variant: Variant, usual: dict[str, _Moments]) -> Iterator[None]:
    """Let each BatchNorm of a variant normalise by what is usual for this image in the plain network.

    While training, a batch's own statistics make good for what Dropout2d does to mean and variance. So where Dropout2d
    acts, mean and variance follow the change that it makes to those of this image.
    """

    def follow(path: str, norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        if path not in usual:
            return
        state = variant.weights.state
        mean, variance = usual[path]
        start = usual[path] if variant.weights.random else (state[f"{path}.running_mean"], state[f"{path}.running_var"])
        norm.running_mean, norm.running_var = start
        if variant.network.model.dropout2d:
            now_variance, now_mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
            norm.running_mean = start[0] + now_mean - mean
            norm.running_var = start[1] * torch.where(variance > 0, now_variance / variance, 1.0)

    with _before_each_norm(variant.network, follow):
        yield


@contextmanager
def _before_each_norm(
    network: Network, act: Callable[[str, nn.BatchNorm2d, tuple[Tensor, ...]], None]
) -> Iterator[None]:
    handles = [norm.register_forward_pre_hook(partial(act, path)) for path, norm in _norms(network).items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _ReachedError(Exception):
    """The layer has been reached."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


def _run_to(network: Network, layer: str, images: Tensor) -> Tensor:
    """Return the output of a layer for the first image, contiguous; what comes after it is not computed."""

    def stop(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # A copy: what comes after may work in place, and what hands on its input shares it with the layer before.
        raise _ReachedError(output[0].clone(memory_format=torch.contiguous_format))

    handle = network.get_submodule(layer).register_forward_hook(stop)
    try:
        network(images)
    except _ReachedError as reached:
        return reached.output
    finally:
        handle.remove()
    raise AssertionError(f"{layer} takes no part")


class _Dropper:
    """Drops channels of a network in eval mode as Dropout2d does while training, but always the same ones."""

    def __init__(self, p: float, place: Place, seed: int) -> None:
        self._p = p
        self._seed = crc32(f"{seed} {place.part} {place.number}".encode())

    def __call__(self, _module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed)
        kept = torch.rand(output.shape[:2], generator=generator)[..., None, None] >= self._p
        return output * (kept / (1 - self._p))
