"""Frozen means free: what never changes is computed once for each view of an image, and kept for the next run."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnstudio.core.events import Phase, Warned
from cnnstudio.data.augment import Augmentation
from cnnstudio.data.row_store import RowStore, kept_shape, key_of, open_store
from cnnstudio.engine.feed import FeatureFeed, Feed, PixelFeed
from cnnstudio.engine.forms import COMPARED, FORMS, Runner, Subject, fastest, folded
from cnnstudio.engine.micro_batches import MicroBatches, Part
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.telling import Telling
from cnnstudio.models.network import Network
from cnnstudio.models.split import Parts, below, split_network

_KIND: Final = "features"
# Images at a time. On the CPU more of them take memory and no less time.
_BATCH: Final = {"cpu": 16}
_BATCH_ELSEWHERE: Final = 64
# Views of each training image where they are shifted and mirrored. Four cost twice as much and bring nothing: the best
# validation accuracy on 1,730 pieces of clip art was 78.0 % with two and with four, 78.4 % with one (means of 3 seeds).
_VIEWS: Final = 2
_MEMORY: Final = 0.25  # of what is free, for features
_TICK: Final = 0.1  # seconds between two reports of progress
_LARGEST_KEPT: Final = 2 * 2**30  # bytes on disk; features of an early boundary are sooner computed than read
_FORMAT: Final = "2"  # of the stored features; another one leaves the old ones alone


def make_feed(prepared: Prepared, telling: Telling, *, epochs: int) -> Feed:
    """Return the cheapest way to feed the network as it is frozen now.

    Features are kept on disk by the content of the images and everything that decides them, and found again by later
    runs. Where there is no room for them, or images are cut and put together, the frozen part runs in every epoch,
    which is said.

    Args:
        prepared: The run; the frozen stages of its network decide.
        telling: Told of the progress.
        epochs: How many will be fed; more views than that are not computed.
    """
    parts = split_network(prepared.network)
    if parts is None:
        return PixelFeed(prepared)
    if prepared.config.train.mix == "cutmix":
        telling.report(Warned(text="cutmix cuts images and not features, so the frozen part runs in every epoch"))
        return PixelFeed(prepared)
    return _Frozen(prepared, parts, telling).feed(epochs)


class _Frozen:
    def __init__(self, prepared: Prepared, parts: Parts, telling: Telling) -> None:
        self._prepared = prepared
        self._parts = parts
        self._telling = telling
        self._passes = MicroBatches(telling.report)
        self._name = self._about()

    def feed(self, epochs: int) -> Feed:
        shape = kept_shape(_KIND, self._name, np.float16) or self._shape()
        views = self._affordable(shape, min(_VIEWS, epochs) if self._prepared.config.data.augment else 1)
        if not views:
            return PixelFeed(self._prepared)
        wanted = self._wanted(views)
        rows = torch.full((views, len(self._prepared.store.digests)), -1, dtype=torch.int64)
        with self._store(shape, len(wanted)) as store:
            features = self._found_or_computed(store, wanted, shape)
        for row, (view, image) in enumerate(wanted):
            rows[view, image] = row
        return FeatureFeed(
            self._parts.upper,
            features,
            rows,
            device=self._prepared.compute.device,
            seed=self._prepared.config.train.seed,
        )

    @cached_property
    def _subject(self) -> Subject:
        """The frozen part, which is not built where all features are known."""
        prepared = self._prepared
        images = self._images(self._pixels(range(min(COMPARED, len(prepared.store.digests)))))
        return folded(
            prepared.network,
            self._parts.boundary,
            images,
            compute=prepared.compute,
            telling=self._telling,
            what="the frozen part",
        )

    def _shape(self) -> tuple[int, ...]:
        return tuple(self._compute(self._runner(1), self._pixels([0]))[0].shape)

    def _runner(self, count: int) -> Runner:
        """Return what computes features; the clock has no say in runs that are to repeat bit by bit."""
        compute = self._prepared.compute
        forms = () if self._prepared.config.compute.deterministic else FORMS
        return fastest(self._subject, count=count, compute=compute, telling=self._telling, forms=forms)

    def _affordable(self, shape: tuple[int, ...], views: int) -> int:
        """Return how many views there is room for, and say so where there is none for a single one."""
        split = self._prepared.split
        size = 2 * math.prod(shape)
        budget = psutil.virtual_memory().available * _MEMORY
        least = size * (len(split.train) + len(split.val))
        if least > budget:
            what = f"the features of the frozen part would take {least / 1e9:.1f} GB of memory"
            self._telling.report(Warned(text=f"{what}, so it runs in every epoch"))
            return 0
        return max(1, min(views, int((budget - size * len(split.val)) // (size * len(split.train)))))

    def _wanted(self, views: int) -> list[tuple[int, int]]:
        """Return view and image of every row, all views of an image together: its pixels are read once for them.

        Validation images are seen as they are.
        """
        split = self._prepared.split
        learnt = set(split.train)
        return [
            (view, image)
            for image in sorted({*split.train, *split.val})
            for view in range(views if image in learnt else 1)
        ]

    def _found_or_computed(
        self, store: RowStore | None, wanted: list[tuple[int, int]], shape: tuple[int, ...]
    ) -> Tensor:
        contents = self._prepared.store.digests
        keys = [key_of(contents[image], view.to_bytes(2, "little")) for view, image in wanted]
        known = np.full(len(keys), -1) if store is None else store.find(keys)
        features = np.empty((len(wanted), *shape), dtype=np.float16)
        there = known >= 0
        if store is not None:
            features[there] = store.read(known[there])
        missing = np.flatnonzero(~there)
        if not len(missing):
            return torch.from_numpy(features)
        runner = self._runner(len(missing))
        for batch in self._batches(missing, runner):
            features[batch] = self._passed(runner, [wanted[row] for row in batch])
            if store is not None:
                with contextlib.suppress(OSError):  # a full disk costs the next run its head start, not this one
                    store.append([keys[row] for row in batch], features[batch])
        return torch.from_numpy(features)

    def _batches(self, missing: NDArray[np.intp], runner: Runner) -> Iterator[NDArray[np.intp]]:
        """Yield the rows to compute in batches, and tell how far they are."""
        told = -math.inf
        size = _BATCH.get(self._prepared.compute.device.type, _BATCH_ELSEWHERE)
        for start in range(0, len(missing), size):
            self._telling.check()
            if time.monotonic() - told >= _TICK:
                told = time.monotonic()
                how = f" ({runner.title})" if runner.title else ""
                text = f"Running the frozen part{how}, {start:,} of {len(missing):,} images and views"
                self._telling.report(Phase(text=text, done=start / len(missing)))
            yield missing[start : start + size]

    def _passed(self, runner: Runner, rows: list[tuple[int, int]]) -> NDArray[np.float16]:
        """Return the features of a batch, computed in parts where the device has no memory for it as a whole.

        Raises:
            TooLittleMemoryError: There is none for a single image.
        """
        pixels = self._seen(rows)

        def work(parts: Sequence[Part]) -> NDArray[np.float16]:
            halves = [self._compute(runner, pixels[part.rows]).to(torch.float16).cpu().numpy() for part in parts]
            return halves[0] if len(halves) == 1 else np.concatenate(halves)

        return self._passes.compute(work, len(rows), when="in the frozen part from here on")

    def _seen(self, rows: list[tuple[int, int]]) -> Tensor:
        """Return views of images (B, S, S, 3) uint8; each is decided by its number and the content of the image."""
        contents = self._prepared.store.digests
        images, places = np.unique([image for _, image in rows], return_inverse=True)
        drawn = [key_of(contents[image], b"view", view.to_bytes(2, "little")) for view, image in rows]
        plain = torch.tensor([view == 0 for view, _ in rows])
        augment = Augmentation.decided_by(drawn, self._prepared.store.side, plain=plain)
        return augment(self._pixels(images.tolist())[torch.from_numpy(places)], torch.arange(len(rows)))

    def _pixels(self, images: Sequence[int]) -> Tensor:
        return torch.from_numpy(self._prepared.store.rows(images))

    def _images(self, pixels: Tensor) -> Tensor:
        return self._prepared.compute.images(pixels, self._prepared.mean, self._prepared.std)

    def _compute(self, runner: Runner, pixels: Tensor) -> Tensor:
        return runner(self._images(pixels)).contiguous()

    @contextlib.contextmanager
    def _store(self, shape: tuple[int, ...], count: int) -> Iterator[RowStore | None]:
        """Give the store of these features; None where they are too large, or the disk does not let us keep any."""
        store: RowStore | None = None
        if 2 * math.prod(shape) * count <= _LARGEST_KEPT:
            with contextlib.suppress(OSError):
                store = open_store(_KIND, self._name, shape, np.float16)
        try:
            yield store
        finally:
            if store is not None:
                with contextlib.suppress(OSError):
                    store.commit()

    def _about(self) -> str:
        """Return everything that decides what a feature is, but for the image and its view.

        The form that computed it is left out: they are alike up to a cosine of 0.999, so one run may take what another
        form has computed. A resumed run reads the rows that it wrote.
        """
        config = self._prepared.config
        about = (
            _FORMAT,
            config.model.model_copy(update={"aux": 0.0, "pretrained": True}).model_dump_json(),
            str(config.data.image_size),
            self._parts.boundary,
            self._prepared.compute.precision,
            str((self._prepared.mean.tolist(), self._prepared.std.tolist())),
            _fingerprint(self._prepared.network, self._parts.boundary).hex(),
        )
        return "\n".join(about)


def _fingerprint(network: Network, boundary: str) -> bytes:
    """Return a digest of all weights that a feature depends on."""
    modules = (network.get_submodule(path) for path in below(network, boundary))
    tensors = (each for module in modules for each in module.state_dict().values())
    return key_of(*(each.detach().cpu().contiguous().numpy().tobytes() for each in tensors))
