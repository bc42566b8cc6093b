"""Asking a trained network about images."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as from_safetensors
from torch import Tensor

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import SetAside
from cnnstudio.core.history import LostEpochError, epoch_file
from cnnstudio.data.images import Pixels, UnreadableImageError, image_size, read_image, read_thumbnail
from cnnstudio.data.parallel import in_threads
from cnnstudio.engine.checkpoint import BEST, CLASSES, CONFIG
from cnnstudio.engine.device import Compute, resolve
from cnnstudio.engine.forms import COMPARED, FORMS, LEAST, fastest, folded
from cnnstudio.engine.history import weights_of
from cnnstudio.engine.telling import Telling
from cnnstudio.models import registry
from cnnstudio.models.network import Network

_ENLARGEMENT: Final = 2  # of an image's shorter side for heat maps, over the size in training
_BATCH: Final = 32  # images that are answered together
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

    def predict_all(self, images: Sequence[Path], telling: Telling) -> Iterator["Prediction | SetAside"]:
        """Classify image files, many at a time, and thousands in the form of the network that is fastest for them.

        Args:
            images: The files.
            telling: Told which form runs; asked whether to go on before each batch.

        Yields:
            For each file in order what the network says of it, or why it cannot be read. Probabilities are those of
            `predict` up to 0.001.
        """
        answer: Callable[[Tensor], Tensor] | None = None
        paths = iter(images)
        all_decoded = in_threads(self._decode, images)
        while decoded := list(islice(all_decoded, _BATCH)):
            telling.check()
            pixels = [each for each in decoded if not isinstance(each, str)]
            if answer is None and pixels:
                answer = self._answering(pixels, len(images), telling)
            probabilities = iter(()) if answer is None else iter(self._probabilities(answer, pixels))
            for each in decoded:
                if isinstance(each, str):
                    yield SetAside(path=str(next(paths)), reason=each)
                else:
                    yield Prediction(next(paths), self.classes, next(probabilities))

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

    def _decode(self, image: Path) -> "Pixels | str":
        """Return the pixels of an image as the network takes them, or why there are none."""
        try:
            return read_image(image, self.side)
        except UnreadableImageError as error:
            return str(error)

    def _answering(self, pixels: Sequence[Pixels], count: int, telling: Telling) -> Callable[[Tensor], Tensor]:
        """Return what gives logits: the network itself, unless so many images are to come that another form may pay."""
        if count < LEAST:
            return self.network
        few = torch.cat([self._input(each) for each in pixels[:COMPARED]])
        subject = folded(self.network, "", few, compute=self.compute, telling=telling, what="the network")
        forms = () if self.config.compute.deterministic else FORMS
        return fastest(subject, count=count, compute=self.compute, telling=telling, forms=forms)

    @torch.no_grad()
    def _probabilities(
        self, answer: Callable[[Tensor], Tensor], pixels: Sequence[Pixels]
    ) -> Sequence[NDArray[np.float32]]:
        """Return `(classes,)` for each image."""
        if not pixels:
            return ()
        logits = answer(torch.cat([self._input(each) for each in pixels]))
        return tuple(logits.softmax(1).cpu().numpy())

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


def load_model(run: Path, *, device: str = "auto", epoch: int | None = None) -> TrainedModel:
    """Read the best weights of a run, or those of one of its epochs.

    Nothing is drawn from torch's random numbers, so a run in progress is not disturbed.

    Args:
        run: The run folder.
        device: As `compute.device`.
        epoch: The epoch, if not the best one; 0 stands for the weights before the first step.

    Raises:
        InputError: The folder is not a run, has no weights yet, or they do not fit its configuration; of an epoch that
            is damaged or not kept it is a `LostEpochError`.
    """
    needed = (CONFIG, CLASSES) if epoch is not None else (CONFIG, CLASSES, BEST)
    missing = [name for name in needed if not (run / name).is_file()]
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
    path = run / BEST if epoch is None else epoch_file(run, epoch)
    try:
        weights = from_safetensors(path.read_bytes()) if epoch is None else weights_of(run, epoch)
        network.load_state_dict(weights, strict=True, assign=True)
    except LostEpochError:
        raise
    except Exception as error:  # noqa: BLE001 - the reader raises nearly anything where a file lies about itself
        first = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(
            f"the weights do not load: {first}", where=path, remedy="restore the file or train again"
        ) from None
    compute = resolve(
        config.compute.model_copy(update={"device": device, "precision": "float32", "memory_format": "auto"})
    )
    compute.place(network)
    network.eval()
    return TrainedModel(run, config, classes, network, compute)
