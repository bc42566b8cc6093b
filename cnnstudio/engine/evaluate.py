"""Asking a trained network about images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as from_safetensors
from torch import Tensor

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.data.images import Pixels, image_size, read_image, read_thumbnail
from cnnstudio.engine.checkpoint import BEST, CLASSES, CONFIG
from cnnstudio.engine.device import Compute, resolve
from cnnstudio.models import registry
from cnnstudio.models.network import Network

_ENLARGEMENT: Final = 2  # of an image's shorter side for heat maps, over the size in training
_LONGEST: Final = 4  # shorter sides in a longer one, up to which an image keeps its aspect ratio there


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """A network read from a run folder, ready to answer.

    Attributes:
        run: The run folder.
        config: The configuration of the run.
        classes: Class names in the order of the logits.
        network: In eval mode, on its device.
        compute: Where it computes, in float32.
    """

    run: Path
    config: Config
    classes: tuple[str, ...]
    network: Network
    compute: Compute

    @property
    def side(self) -> int:
        """Side of the network's input in pixels."""
        size = self.config.data.image_size
        return registry.card(self.config.model.arch).image_size if size == "auto" else size

    @torch.no_grad()
    def predict(self, image: Path) -> "Prediction":
        """Classify one image file.

        Raises:
            UnreadableImageError: The image cannot be read.
        """
        logits = self.network(self._input(read_image(image, self.side)))
        probabilities: NDArray[np.float32] = logits[0].softmax(0).cpu().numpy()
        return Prediction(image, self.classes, probabilities)

    @torch.no_grad()
    def heat_maps(self, image: Path) -> NDArray[np.float32] | None:
        """Say for each part of an image which class it looks like, where the network is fully convolutional.

        The image keeps its aspect ratio, unless that is extreme, and is larger than in training, so that the answer
        has many parts.

        Returns:
            `(classes, h, w)` float32, probabilities that add up to one over the classes; None from other networks.

        Raises:
            UnreadableImageError: The image cannot be read.
        """
        if not self.network.fully_convolutional:
            return None
        sides, shorter = image_size(image), _ENLARGEMENT * self.side
        ratio = max(sides) / min(sides)
        pixels = read_thumbnail(image, round(shorter * ratio)) if ratio <= _LONGEST else read_image(image, shorter)
        maps: NDArray[np.float32] = self.network.heat_map(self._input(pixels))[0].softmax(0).cpu().numpy()
        return maps

    def _input(self, pixels: Pixels) -> Tensor:
        """Return `(h, w, 3)` uint8 as a batch of one on the device, normalised."""
        preprocessing = registry.card(self.config.model.arch).preprocessing
        mean, std = (
            torch.tensor(values, device=self.compute.device).view(3, 1, 1)
            for values in (preprocessing.mean, preprocessing.std)
        )
        return self.compute.images(torch.from_numpy(pixels)[None], mean, std)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a network says of an image.

    Attributes:
        image: The file.
        classes: Class names.
        probabilities: `(classes,)` float32, the softmax of the logits.
    """

    image: Path
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]

    def top(self, count: int) -> tuple[tuple[str, float], ...]:
        """Return the most probable classes with their probabilities, the best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return tuple((self.classes[index], float(self.probabilities[index])) for index in order)


def load_model(run: Path, *, device: str = "auto") -> TrainedModel:
    """Read the best weights of a run.

    Nothing is drawn from torch's random numbers, so a run in progress is not disturbed.

    Raises:
        InputError: The folder is not a run, has no weights yet, or they do not fit its configuration.
    """
    missing = [name for name in (CONFIG, CLASSES, BEST) if not (run / name).is_file()]
    if missing:
        remedy = "wait for the first epoch to end" if missing == [BEST] else "name the folder of a run"
        raise InputError(f"{missing[0]} is missing", where=run, remedy=remedy)
    config = load_config(run / CONFIG)
    try:
        classes = tuple(
            str(name) for name in json.loads((run / CLASSES).read_text(encoding="utf-8", errors="surrogateescape"))
        )
    except ValueError:
        raise InputError("damaged file", where=run / CLASSES, remedy="restore it or train again") from None
    with torch.device("meta"):
        network = registry.build(config.model, classes=len(classes))
    try:
        network.load_state_dict(from_safetensors((run / BEST).read_bytes()), strict=True, assign=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"the weights do not load: {first}", where=run / BEST, remedy="restore the file or train again"
        ) from None
    compute = resolve(
        config.compute.model_copy(update={"device": device, "precision": "float32", "memory_format": "auto"})
    )
    compute.place(network)
    network.eval()
    return TrainedModel(run, config, classes, network, compute)
