"""Frozen means free: what never changes is computed once for each view of an image, and kept for the next run."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnstudio.core.events import Phase, Warned
from cnnstudio.data.augment import Augmentation
from cnnstudio.data.row_store import RowStore, kept_shape, key_of, open_store
from cnnstudio.engine.arrival import Arrival
from cnnstudio.engine.feature_room import FeatureRoom, views_of
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
_AT_ONCE: Final = 64  # rows that are looked up together while images are still being decoded
_READ_AT_ONCE: Final = 256  # rows of the store, which are in memory twice meanwhile
_TICK: Final = 0.1  # seconds between two reports of progress
_LARGEST_KEPT: Final = 2 * 2**30  # bytes on disk; features of an early boundary are sooner computed than read
_FORMAT: Final = "2"  # of the stored features; another one leaves the old ones alone


def make_feed(prepared: Prepared, telling: Telling, *, epochs: int) -> Feed:
    """Return the cheapest way to feed the network as it is frozen now.

    Features are kept on disk by the content of the images and everything that decides them, and found again by later
    runs. While the run lasts they are in memory, or in a mapped file. Where there is no room for them, or images are
    cut and put together, the frozen part runs in every epoch, which is said.

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
        self._arrival = Arrival(prepared.store, telling.report)
        self._done = self._total = 0  # images and views that have to be computed
        self._name = self._about()

    def feed(self, epochs: int) -> Feed:
        shape = kept_shape(_KIND, self._name, np.float16) or self._shape()
        split, report = self._prepared.split, self._telling.report
        config, device = self._prepared.config, self._prepared.compute.device.type
        views = min(views_of(config, len(split.train), device), epochs) if config.data.augment else 1
        room = FeatureRoom.of(shape, train=len(split.train), val=len(split.val), views=views, report=report)
        if not room.views:
            return PixelFeed(self._prepared)
        wanted = self._wanted(room.views)
        try:
            features = room.allocate(len(wanted))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            report(Warned(text=f"the disk takes no features of the frozen part ({reason}), so it runs in every epoch"))
            return PixelFeed(self._prepared)
        with self._store(shape, len(wanted)) as store:
            self._find_or_compute(store, wanted, features)
        rows = torch.full((room.views, len(self._prepared.store.catalog.images)), -1, dtype=torch.int64)
        for row, (view, image) in enumerate(wanted):
            rows[view, image] = row
        return FeatureFeed(
            self._parts.upper,
            torch.from_numpy(features),
            rows,
            compute=self._prepared.compute,
            batch=self._prepared.config.data.batch_size,
            seed=self._prepared.config.train.seed,
        )

    @cached_property
    def _subject(self) -> Subject:
        """The frozen part, which is not built where all features are known."""
        prepared = self._prepared
        images = self._images(self._pixels(range(min(COMPARED, len(prepared.store.catalog.images)))))
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

    def _find_or_compute(
        self, store: RowStore | None, wanted: list[tuple[int, int]], features: NDArray[np.float16]
    ) -> None:
        size = _BATCH.get(self._prepared.compute.device.type, _BATCH_ELSEWHERE)
        lacking = self._lacking(store, wanted, features)
        runner: Runner | None = None
        told = -math.inf
        while batch := list(islice(lacking, size)):
            runner = runner or self._runner(self._total)
            self._telling.check()
            if time.monotonic() - told >= _TICK:
                told = time.monotonic()
                self._telling.report(self._arrival.told(self._doing(runner.title)))
            rows = [wanted[row] for row in batch]
            features[batch] = self._passed(runner, rows)
            self._done += len(batch)
            if store is not None:
                with contextlib.suppress(OSError):  # a full disk costs the next run its head start, not this one
                    store.append(self._keys(rows), features[batch])

    def _lacking(
        self, store: RowStore | None, wanted: list[tuple[int, int]], features: NDArray[np.float16]
    ) -> Iterator[int]:
        """Yield the rows that have to be computed, in order, and fill in those that the store had at the beginning.

        While images are still being decoded, it goes on as they come.
        """
        size = _AT_ONCE if self._prepared.store.reading else len(wanted)
        had = 0 if store is None else len(store)
        self._done, self._total = 0, len(wanted)
        for start in range(0, len(wanted), size):
            rows = wanted[start : start + size]
            self._arrival.wait([image for _, image in rows], self._doing(), self._telling.check)
            known = np.full(len(rows), -1) if store is None else store.find(self._keys(rows))
            there = (known >= 0) & (known < had)
            if store is not None:
                for few in np.array_split(np.flatnonzero(there), math.ceil(len(rows) / _READ_AT_ONCE)):
                    features[start + few] = store.read(known[few])
            self._total -= int(there.sum())
            yield from (start + np.flatnonzero(~there)).tolist()

    def _keys(self, rows: Sequence[tuple[int, int]]) -> list[bytes]:
        contents = self._prepared.store.digests_of([image for _, image in rows])
        return [key_of(content, view.to_bytes(2, "little")) for content, (view, _) in zip(contents, rows, strict=True)]

    def _doing(self, form: str = "") -> Phase:
        how = f" ({form})" if form else ""
        text = f"Running the frozen part{how}, {self._done:,} of {self._total:,} images and views"
        return Phase(text=text, done=self._done / max(1, self._total))

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
        """Return views of images (B, S, S, 3) uint8, each decided by its number and the content of the image."""
        contents = self._prepared.store.digests_of([image for _, image in rows])
        images, places = np.unique([image for _, image in rows], return_inverse=True)
        drawn = [
            key_of(content, b"view", view.to_bytes(2, "little"))
            for content, (view, _) in zip(contents, rows, strict=True)
        ]
        plain = torch.tensor([view == 0 for view, _ in rows])
        augment = Augmentation.decided_by(drawn, self._prepared.store.side, plain=plain)
        compute = self._prepared.compute
        pixels = compute.there(self._pixels(images.tolist()))[compute.there(torch.from_numpy(places))]
        return augment.on(compute.device)(pixels, torch.arange(len(rows), device=compute.device))

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

        The form that computed it is left out, and so is which of the shorter arithmetics did: all are alike up to a
        cosine of 0.999, and the clock may choose another one the next time. A run that is to repeat bit by bit takes
        only what such a run has computed. A resumed run reads the rows that it wrote.
        """
        config, compute = self._prepared.config, self._prepared.compute
        arithmetic = "float32" if compute.precision == "float32" else "shorter than float32"
        if config.compute.deterministic:
            arithmetic = f"{compute.precision} on {compute.device.type} ({compute.name}), deterministic"
        about = (
            _FORMAT,
            config.model.model_copy(update={"aux": 0.0, "pretrained": True}).model_dump_json(),
            str(config.data.image_size),
            self._parts.boundary,
            arithmetic,
            str((self._prepared.mean.tolist(), self._prepared.std.tolist())),
            _fingerprint(self._prepared.network, self._parts.boundary).hex(),
        )
        return "\n".join(about)


def _fingerprint(network: Network, boundary: str) -> bytes:
    """Return a digest of all weights that a feature depends on."""
    modules = (network.get_submodule(path) for path in below(network, boundary))
    tensors = (each for module in modules for each in module.state_dict().values())
    digest = sha256()  # which processors have instructions for
    for each in tensors:
        digest.update(each.detach().cpu().contiguous().numpy().data)
    return digest.digest()
