"""Looking into the network while it learns: the feature maps of one layer for one image."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnstudio.core.control import Watch
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.engine.device import Compute
from cnnstudio.engine.preview_images import PreviewImages


class FeatureMapProbe:
    """Answers what one layer makes of the preview image, without leaving a trace in the network."""

    subject: Final = "feature maps"

    def __init__(self, network: nn.Module, compute: Compute, images: PreviewImages) -> None:
        self._network = network
        self._compute = compute
        self._images = images

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
        maps, logits = self._answers(watch.layer, self._images.batch(path))
        probabilities = logits[0].float().softmax(0).cpu().numpy()
        channels, height, width = maps.shape[1:]
        return FeatureMaps(watch.layer, (channels, height, width), to_tiles(maps[0]), str(path), probabilities, step)

    @torch.no_grad()
    def _answers(self, layer: str, batch: Tensor) -> tuple[Tensor, Tensor]:
        module = dict(self._network.named_modules())[layer]
        seen: list[Tensor] = []
        # Copied inside the hook: the ReLU that follows works in place, and a residual sum adds into its input.
        handle = module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach().clone()))
        training = self._network.training
        self._network.eval()
        try:
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
