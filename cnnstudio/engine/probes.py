"""Looking into the network while it learns: what layers answer to images, as feature maps."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnstudio.core.control import Watch
from cnnstudio.core.pictures import FeatureMaps, FeatureRows
from cnnstudio.data.images import UnreadableImageError
from cnnstudio.engine.device import Compute
from cnnstudio.engine.preview_images import PreviewImages


class _MapProbe:
    """What the probes here have in common; none leaves a trace in the network."""

    subject: Final = "feature maps"

    def __init__(self, network: nn.Module, compute: Compute, images: PreviewImages) -> None:
        self._network = network
        self._compute = compute
        self._images = images


class FeatureMapProbe(_MapProbe):
    """Answers what one layer makes of the preview image."""

    def wanted(self, watch: Watch) -> bool:
        """Whether a layer is watched."""
        return bool(watch.layer)

    def look(self, watch: Watch, step: int) -> FeatureMaps:
        """Run the preview image through the network and return the maps of the watched layer.

        Args:
            watch: What is asked for; `watch.layer` names a module whose output is `(1, C, H, W)`.
            step: Optimizer steps done.

        Raises:
            LookupError: There is no such layer.
            UnreadableImageError: The preview image cannot be read.
        """
        path = self._images.path(watch)
        (maps,), probabilities = answers(self._network, self._compute, [watch.layer], self._images.batch(path))
        channels, height, width = maps.shape[1:]
        ranges = ranges_of(maps[0])
        return FeatureMaps(
            layer=watch.layer,
            shape=(channels, height, width),
            tiles=to_tiles(maps[0]),
            image=str(path),
            probabilities=probabilities[0],
            step=step,
            ranges=ranges.cpu().numpy(),
            activity=maps[0].abs().mean((1, 2)).cpu().numpy(),
            pixels=self._images.pixels(path),
        )


class FeatureRowsProbe(_MapProbe):
    """Answers what several layers make of an image, or one layer of several images, in a single pass."""

    def wanted(self, watch: Watch) -> bool:
        """Whether layers are watched in rows."""
        return bool(watch.layers)

    def look(self, watch: Watch, step: int) -> FeatureRows:
        """Run the images through the network and return the maps of the watched layers, layer by layer.

        An image that cannot be read has no row.

        Args:
            watch: What is asked for; `watch.layers` name modules whose output is `(N, C, H, W)`.
            step: Optimizer steps done.

        Raises:
            LookupError: There is no such layer.
            UnreadableImageError: None of the images can be read.
        """
        paths = self._readable([Path(image) for image in watch.images] or [self._images.path(watch)])
        found, probabilities = answers(self._network, self._compute, watch.layers, self._images.batch(*paths))
        maps = [image for layer in found for image in layer]
        small = [nn.functional.adaptive_avg_pool2d(each, _size(each)) for each in maps]
        ranges = [ranges_of(each) for each in maps]
        tiles = [to_tiles(each, limits).ravel() for each, limits in zip(small, ranges, strict=True)]
        pixels = np.stack([self._images.pixels(path) for path in paths])
        return FeatureRows(
            layers=tuple(layer for layer in watch.layers for _ in paths),
            images=tuple(map(str, paths)) * len(watch.layers),
            shapes=tuple((each.shape[0], each.shape[1], each.shape[2]) for each in maps),
            sizes=tuple(map(_size, maps)),
            tiles=np.concatenate(tiles),
            ranges=torch.cat(ranges).cpu().numpy(),
            activity=torch.cat([each.abs().mean((1, 2)) for each in maps]).cpu().numpy(),
            probabilities=np.tile(probabilities, (len(watch.layers), 1)),
            pixels=np.tile(pixels, (len(watch.layers), 1, 1, 1)),
            step=step,
        )

    def _readable(self, paths: Sequence[Path]) -> list[Path]:
        found, why = [], UnreadableImageError("there is none")
        for path in paths:
            try:
                self._images.pixels(path)
            except UnreadableImageError as error:
                why = error
            else:
                found.append(path)
        if not found:
            raise why
        return found


@torch.no_grad()
def answers(
    network: nn.Module, compute: Compute, layers: Sequence[str], batch: Tensor
) -> tuple[list[Tensor], NDArray[np.float32]]:
    """Run a batch through the network as in validation, and return what some layers answer, and the network itself.

    Args:
        network: The network, in either mode.
        compute: The device of the run.
        layers: Names of modules whose output is `(N, C, H, W)`.
        batch: `(N, 3, S, S)`, normalised.

    Returns:
        float32 on the device, `(N, C, H, W)` of each layer; and the probabilities, `(N, classes)`.

    Raises:
        LookupError: There is no such layer.
    """
    every = dict(network.named_modules())
    modules = {layer: every[layer] for layer in layers}
    seen: dict[str, Tensor] = {}

    def copy(layer: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        # Copied inside the hook: the ReLU that follows works in place, and a residual sum adds into its input.
        seen[layer] = output.detach().clone()

    handles = [module.register_forward_hook(partial(copy, layer)) for layer, module in modules.items()]
    training = network.training
    network.eval()
    try:
        with compute.autocast():
            logits = network(batch)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return [seen[layer].float() for layer in layers], logits.float().softmax(1).cpu().numpy()


def ranges_of(maps: Tensor) -> Tensor:
    """Return minimum and maximum of each map, `(C, 2)`, of maps `(C, H, W)`."""
    return torch.stack([maps.amin((1, 2)), maps.amax((1, 2))], 1)


def to_tiles(maps: Tensor, ranges: Tensor | None = None) -> NDArray[np.uint8]:
    """Scale each map from its own minimum to its own maximum; a constant map becomes zeros.

    Args:
        maps: `(C, H, W)` float32.
        ranges: `(C, 2)`, other limits to scale it between, which hold all of its values.

    Returns:
        `(C, H, W)` uint8 on the CPU.
    """
    low, high = (ranges_of(maps) if ranges is None else ranges)[:, :, None, None].unbind(1)
    spread = high - low
    scaled = (maps - low) * torch.where(spread > 0, 255.0 / spread, 0.0)
    tiles: NDArray[np.uint8] = scaled.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return tiles


def _size(maps: Tensor) -> tuple[int, int]:
    height, width = maps.shape[1:]
    return min(height, FeatureRows.MOST), min(width, FeatureRows.MOST)
