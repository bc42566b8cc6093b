"""The folders that everybody trains on: links to the same readable images, divided in the same way."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from cnnstudio.core.errors import InputError
from cnnstudio.data.cache import read_catalog
from cnnstudio.data.images import image_size, read_thumbnail
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.scan import Catalog, scan
from cnnstudio.data.splits import split

_LOOK: Final = 32  # pixels a side; enough to find out what cannot be decoded
_EVERYBODYS: Final = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder `train|val/class/image` of links.

    Attributes:
        folder: Where it is.
        train: Number of images to learn from.
        val: Number of images to validate with.
        classes: Number of classes.
    """

    folder: Path
    train: int
    val: int
    classes: int


def readable(folder: Path, *, most: int | None = None) -> Catalog:
    """Find the images that every side can read: no decompression bombs, nothing damaged, no format of our own.

    Every image is decoded once, which also brings the files into the system's memory before anything is measured.

    Args:
        folder: One folder for each class.
        most: Take no more than this, the same share of each class.

    Raises:
        InputError: There are none.
    """
    catalog = scan(folder)
    images = [image for image in catalog.images if image.path.suffix.lower() in _EVERYBODYS]
    if most is not None and most < len(images):
        chosen = random.Random(0).sample(range(len(images)), most)
        images = [images[index] for index in sorted(chosen)]
    if not images:
        raise InputError("no image that every side can read", where=folder, remedy="choose a folder of PNG or JPEG")
    return read_catalog(Catalog(catalog.root, catalog.classes, tuple(images)), _LOOK).catalog


def link_tree(catalog: Catalog, folder: Path, *, seed: int, val_fraction: float = 0.2) -> Tree:
    """Divide a catalogue as a run with this seed does, and write the division as a tree of links."""
    division = split(catalog, val_fraction=val_fraction, seed=seed)
    for part, indices in (("train", division.train), ("val", division.val)):
        for index in indices:
            image = catalog.images[index]
            link = folder / part / catalog.classes[image.label] / f"{index:06}{image.path.suffix.lower()}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(image.path.resolve())
    return Tree(folder, len(division.train), len(division.val), len(catalog.classes))


def opaque_copies(catalog: Catalog, folder: Path, *, side: int) -> Path:
    """Write every image as our own reader sees it, transparent parts white, as an opaque PNG, a folder for each class.

    Others drop the transparency, and with it the outline of much clip art.

    Args:
        catalog: The images.
        folder: Gets the copies, and is returned.
        side: In pixels; longer sides are scaled down to it.
    """

    def copy(number: int) -> None:
        image = catalog.images[number]
        pixels = read_thumbnail(image.path, min(side, max(image_size(image.path))))
        path = folder / catalog.classes[image.label] / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, compress_level=1)

    for _ in in_threads(copy, range(len(catalog.images))):
        pass
    return folder


def write_images(folder: Path, count: int, *, side: int = 256, classes: int = 4) -> list[Path]:
    """Write JPEG files that cost the same to read and differ in their content.

    Args:
        folder: Made if need be.
        count: How many in all.
        side: Of each in pixels.
        classes: The name of a file begins with its class; the classes take turns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = generator.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
        coarse[..., number % classes % 3] //= 2 + number % classes
        path = folder / f"{number % classes}-{number:06}.jpg"
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(path, quality=90)
        paths.append(path)
    return paths


def link_classes(paths: Sequence[Path], folder: Path) -> Path:
    """Link what `write_images` wrote into a folder for each class; return the folder that holds them."""
    for path in paths:
        link = folder / path.name.partition("-")[0] / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    return folder
