"""What a run shows to whoever is looking; whatever goes wrong here, training goes on."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from torch import Tensor

from cnnstudio.core.control import Watch
from cnnstudio.core.events import Warned
from cnnstudio.core.pictures import Picture
from cnnstudio.data.images import UnreadableImageError
from cnnstudio.engine.batchnorm_probe import BatchNormProbe, fixed_batch
from cnnstudio.engine.device import Compute
from cnnstudio.engine.filters import FilterProbe, StartWeights
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.preview_images import PreviewImages
from cnnstudio.engine.probes import FeatureMapProbe, FeatureRowsProbe
from cnnstudio.models.network import Network

_SHORTEST: Final = 1 / 30  # seconds between two looks


class Probe(Protocol):
    """Looks at one thing in the network, between two steps, and leaves no trace in it."""

    @property
    def subject(self) -> str:
        """What it shows, in words: `feature maps`."""

    def wanted(self, watch: Watch) -> bool:
        """Whether somebody looks at it."""

    def look(self, watch: Watch, step: int) -> Picture:
        """Return the picture.

        Args:
            watch: What is asked for.
            step: Optimizer steps done.

        Raises:
            LookupError: The network has nothing of that name.
            UnreadableImageError: The preview image cannot be read.
        """


class Preview:
    """Serves what is being watched, as often as its budget allows, and warns once where that cannot be done."""

    def __init__(self, images: PreviewImages, probes: Sequence[Probe]) -> None:
        self._images = images
        self._probes = tuple(probes)
        self._refused: dict[Probe, Watch] = {}
        self._watch = Watch()
        self._next = 0.0

    @classmethod
    def of(cls, prepared: Prepared, run: Path) -> "Preview":
        """Return what can be seen of a run, which lies in the folder `run`."""
        images = PreviewImages(
            prepared.compute,
            prepared.mean,
            prepared.std,
            size=prepared.store.side,
            default=prepared.store.catalog.images[prepared.split.val[0]].path,
        )
        network = prepared.network
        start = StartWeights.of_run(network, prepared.resumed_step, run)
        return cls(images, probes_of(network, prepared.compute, images, fixed_batch(prepared), start))

    def due(self, watch: Watch) -> bool:
        """Whether a look is worth its time now: something else is watched, or enough time has passed."""
        return bool(self._wanted(watch)) and (watch != self._watch or time.monotonic() >= self._next)

    def look(self, watch: Watch, step: int) -> Iterator[Picture | Warned]:
        """Yield what is watched, or why it cannot be shown."""
        began = time.monotonic()
        for probe in self._wanted(watch):
            try:
                yield probe.look(watch, step)
            except UnreadableImageError as error:
                path = str(self._images.path(watch))
                yield self._refuse(probe, watch, f"the preview image cannot be shown: {error}", path)
            except LookupError:
                yield self._refuse(probe, watch, f"there is no layer {_layer(watch)} to show", "")
            except Exception as error:  # noqa: BLE001 - looking must not cost the training that it looks at
                reason = next(iter(str(error).splitlines()), "") or type(error).__name__
                text = f"the {probe.subject} of {_layer(watch)} cannot be shown: {reason}"
                yield self._refuse(probe, watch, text, "")
        self._watch = watch
        self._next = time.monotonic() + max(_SHORTEST, (time.monotonic() - began) / watch.share)

    def _wanted(self, watch: Watch) -> list[Probe]:
        return [each for each in self._probes if each.wanted(watch) and self._refused.get(each) != watch]

    def _refuse(self, probe: Probe, watch: Watch, text: str, path: str) -> Warned:
        self._refused[probe] = watch
        return Warned(text=text, path=path)


def probes_of(
    network: Network,
    compute: Compute,
    images: PreviewImages,
    batch: Callable[[], Tensor],
    start: StartWeights,
    *,
    drops: bool = True,
) -> tuple[Probe, ...]:
    """Return all that can be seen of a network between two steps.

    Args:
        network: The network, whole and unwrapped.
        compute: Where it computes.
        images: Gives preview images.
        batch: Gives a batch (N, 3, S, S) like those that are learnt from, on the device.
        start: Its weights at the start.
        drops: Whether what lets the network learn may drop values; if not, no probe draws random numbers.
    """
    return (
        FeatureMapProbe(network, compute, images),
        FeatureRowsProbe(network, compute, images),
        BatchNormProbe(network, compute, images, batch, drops=drops),
        FilterProbe(network, start),
    )


def _layer(watch: Watch) -> str:
    return watch.layer or ", ".join(watch.layers) or watch.batchnorm or watch.filters
