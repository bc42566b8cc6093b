"""The images that a run learnt from in any of its steps: seed and epoch decide them, nothing of it has to be kept."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import RunStarted
from cnnstudio.core.serial import from_line
from cnnstudio.data.augment import Augmentation
from cnnstudio.data.images import Pixels, UnreadableImageError, read_image
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.scan import Catalog, scan
from cnnstudio.data.splits import split
from cnnstudio.engine.batches import batches_of_epoch, to_learn_from
from cnnstudio.engine.checkpoint import CONFIG, EVENTS
from cnnstudio.engine.progressive import growing
from cnnstudio.engine.resume import paths_of, read_division
from cnnstudio.models import registry

MOST: Final = 64
"""Images of a batch that are read."""
_THUMBNAIL: Final = 128  # pixels, the largest side of what is returned

_AS_LEARNT = "As the network saw them"
_FROZEN = "As they are: of its shifted and mirrored views, the frozen part has seen one that is not kept"
_MOVED = "As they are: the folder has changed since, so how they were shifted and mirrored is not known"


@dataclass(frozen=True, slots=True, eq=False)
class BatchImage:
    """One image of a batch.

    Attributes:
        path: The file.
        title: Name of its class.
        pixels: `(h, h, 3)` uint8, at most 128 pixels a side; None where it cannot be read any more.
        problem: Why, as a clause; empty if it can.
    """

    path: Path
    title: str
    pixels: Pixels | None
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PastBatch:
    """What a run learnt from in one step.

    Attributes:
        run: The run folder.
        step: The optimizer step, counted from 1.
        epoch: Its epoch, counted from 1.
        number: The batch in that epoch, counted from 1.
        batches: How many an epoch has.
        size: Images in it.
        images: The first of them in their order.
        note: How the pixels differ from what the network saw, in a sentence.
    """

    run: Path
    step: int
    epoch: int
    number: int
    batches: int
    size: int
    images: tuple[BatchImage, ...]
    note: str


def read_batch(
    run: Path, step: int, *, whole: bool, check: Callable[[], object] = lambda: None, most: int = MOST
) -> PastBatch:
    """Find the batch of a step, and read its images from where they lie now.

    Nothing is drawn from torch's random numbers, so that a run in progress is not disturbed.

    Args:
        run: The run folder.
        step: Counted from 1.
        whole: Whether the network learnt as a whole then: a frozen part sees other views of the images.
        check: Called after each image; may raise to give up.
        most: Images to read.

    Raises:
        InputError: The run or its images are gone, or have changed so that the batch is not known any more.
    """
    config = load_config(run / CONFIG)
    openings = _openings(run)
    catalog = _catalog(config, openings)
    names, others = read_division(run) or _divided(catalog, config)
    if {each.train_images for each in openings} - {len(names)}:
        raise InputError(
            "the images of the run have changed while it was interrupted or since, so its batches are not known",
            where=catalog.root,
            remedy="put the images back as they were",
        )
    images = torch.arange(len(names))
    batches = len(to_learn_from(images, config.data.batch_size))
    epoch, number = (step - 1) // batches + 1, (step - 1) % batches
    batch = batches_of_epoch(images, config, epoch=epoch)[number]
    places = {name: place for place, name in enumerate(paths_of(catalog, range(len(catalog.images))))}
    learnt = [names[index] for index in batch[:most].tolist()]
    side = registry.card(config.model.arch).image_size if config.data.image_size == "auto" else config.data.image_size
    augmentation, note = None, _AS_LEARNT
    if config.data.augment and not whole:
        note = _FROZEN
    elif config.data.augment and places.keys() != {*names, *others, *_held_back(catalog)}:
        note = _MOVED
    elif config.data.augment:
        augmentation = Augmentation(len(places), side, seed=config.train.seed, epoch=epoch)
    seen = _read(catalog, learnt, places, side, augmentation, check)
    if not any(image.pixels is not None for image in seen):
        raise InputError(
            f"none of the images of step {step:,} can be read any more", where=catalog.root, remedy="put them back"
        )
    return PastBatch(run, step, epoch, number + 1, batches, len(batch), seen, f"{note}{_then(config, epoch)}.")


def _openings(run: Path) -> tuple[RunStarted, ...]:
    """Return what a run has said of itself each time it began or went on; nothing without a log.

    Where it has begun anew, as images could not be read, what it said before does not count.
    """
    found: list[RunStarted] = []
    with contextlib.suppress(OSError), (run / EVENTS).open(encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            if '"event": "run_started"' in line:
                with contextlib.suppress(InputError):  # a line that a crash has cut off
                    event = from_line(line)
                    if isinstance(event, RunStarted):
                        found = [*found, event] if event.resumed_step else [event]
    return tuple(found)


def _catalog(config: Config, openings: Sequence[RunStarted]) -> Catalog:
    """Return the images as they lie now, without those that the run could not read."""
    catalog = scan(Path(config.data.folder))
    unread = {each.path for each in openings[-1].set_aside} if openings else set()
    return replace(catalog, images=tuple(each for each in catalog.images if str(each.path) not in unread))


def _divided(catalog: Catalog, config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the training and the validation images of a run that has no checkpoint, as it divided them."""
    division = split(catalog, val_fraction=config.data.val_fraction, seed=config.train.seed)
    return paths_of(catalog, division.train), paths_of(catalog, division.val)


def _held_back(catalog: Catalog) -> tuple[str, ...]:
    return paths_of(catalog, [place for place, image in enumerate(catalog.images) if image.part == "test"])


def _then(config: Config, epoch: int) -> str:
    """Return what else the run did to its images, as it is not shown."""
    mixed = f"mixed in pairs ({config.train.mix})" if config.train.mix != "none" else ""
    small = "made smaller" if config.train.progressive and epoch <= growing(config.train.epochs) else ""
    more = " and ".join(filter(None, (small, mixed)))
    return f", before they were {more}" if more else ""


def _read(
    catalog: Catalog,
    names: Sequence[str],
    places: dict[str, int],
    side: int,
    augmentation: Augmentation | None,
    check: Callable[[], object],
) -> tuple[BatchImage, ...]:
    def read(name: str) -> BatchImage:
        path = catalog.root / name
        place = places.get(name)
        if place is None:
            title = next((part for part in Path(name).parts if part in catalog.classes), "")
            return BatchImage(path, title, None, "gone")
        title = catalog.classes[catalog.images[place].label]
        try:
            pixels = torch.from_numpy(read_image(path, side))[None]
        except UnreadableImageError as error:
            return BatchImage(path, title, None, str(error))
        if augmentation is not None:
            pixels = augmentation(pixels, torch.tensor([place]))
        return BatchImage(path, title, _shrunk(pixels)[0].numpy())

    found: list[BatchImage] = []
    for image in in_threads(read, names):
        check()
        found.append(image)
    return tuple(found)


def _shrunk(pixels: Tensor) -> Tensor:
    """Return images (N, S, S, 3) uint8 with no more pixels than a thumbnail has."""
    if pixels.shape[1] <= _THUMBNAIL:
        return pixels
    size = (_THUMBNAIL, _THUMBNAIL)
    small = functional.interpolate(pixels.permute(0, 3, 1, 2).float(), size=size, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
