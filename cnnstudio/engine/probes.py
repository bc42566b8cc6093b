"""Looking into the network while it learns: the feature maps of one layer for one image."""

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnstudio.core.control import Watch
from cnnstudio.core.events import FeatureMaps
from cnnstudio.engine.device import Compute

_BUDGET = 0.03  # the share of the run's time that looking may take
_SHORTEST = 1 / 30  # seconds between two looks


class FeatureMapProbe:
    """Answers what one layer makes of the preview image, without leaving a trace in the network.

    It looks when the layer or the image has changed, and otherwise as often as its budget allows.
    """

    def __init__(self, network: nn.Module, compute: Compute, mean: Tensor, std: Tensor) -> None:
        self._network = network
        self._compute = compute
        self._mean, self._std = mean, std
        self._watch = Watch()
        self._next = 0.0

    def due(self, watch: Watch) -> bool:
        """Whether a look is worth its time now."""
        return bool(watch.layer) and (watch != self._watch or time.monotonic() >= self._next)

    def look(self, watch: Watch, pixels: NDArray[np.uint8], image: Path, step: int) -> FeatureMaps:
        """Run the preview image through the network and return the maps of the watched layer.

        Args:
            watch: What is asked for; `watch.layer` names a module whose output is `(1, C, H, W)`.
            pixels: `(S, S, 3)` uint8, the preview image.
            image: Where it comes from.
            step: Optimizer steps done.

        Raises:
            KeyError: There is no such layer.
        """
        began = time.monotonic()
        maps, logits = self._answers(watch.layer, pixels)
        tiles = to_tiles(maps[0])
        probabilities = logits[0].float().softmax(0).cpu().numpy()
        channels, height, width = maps.shape[1:]
        self._watch = watch
        self._next = time.monotonic() + max(_SHORTEST, (time.monotonic() - began) / _BUDGET)
        return FeatureMaps(watch.layer, (channels, height, width), tiles, str(image), probabilities, step)

    @torch.no_grad()
    def _answers(self, layer: str, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        module = dict(self._network.named_modules())[layer]
        seen: list[Tensor] = []
        # Copied inside the hook: the ReLU that follows works in place, and a residual sum adds into its input.
        handle = module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach().clone()))
        training = self._network.training
        self._network.eval()
        try:
            batch = self._compute.images(torch.from_numpy(pixels)[None], self._mean, self._std)
            with self._compute.autocast():
                logits = self._network(batch)
        finally:
            self._network.train(training)
            handle.remove()
        return seen[0].float(), logits


def to_tiles(maps: Tensor) -> NDArray[np.uint8]:
    """Scale each map from its own minimum to its own maximum; a constant map becomes zeros.

    Args:
        maps: `(C, H, W)` float32.

    Returns:
        `(C, H, W)` uint8 on the CPU.
    """
    low = maps.amin((1, 2), keepdim=True)
    spread = maps.amax((1, 2), keepdim=True) - low
    scaled = (maps - low) * torch.where(spread > 0, 255.0 / spread, 0.0)
    tiles: NDArray[np.uint8] = scaled.round().to(torch.uint8).cpu().numpy()
    return tiles
