"""All images of a catalogue as one array of pixels: decoded once, in threads, kept in memory or in a mapped file."""

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import psutil

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import SetAside
from cnnstudio.data.decoded import Decoded
from cnnstudio.data.images import Pixels, UnreadableImageError, read_image
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.scan import Catalog


@dataclass(frozen=True, slots=True, eq=False)
class ImageStore:
    """The readable images of a catalogue.

    Attributes:
        catalog: The catalogue without the images that could not be read.
        pixels: `(N, side, side, 3)` uint8 RGB, in the order of `catalog.images`.
    """

    catalog: Catalog
    pixels: Pixels

    @property
    def labels(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """`(N,)` int64, the class of each image."""
        return np.array([image.label for image in self.catalog.images], dtype=np.int64)


def read_catalog(
    catalog: Catalog,
    side: int,
    *,
    progress: Callable[[int], None] = lambda _: None,
    memory_budget: int | None = None,
    threads: int | None = None,
    decoded: Decoded | None = None,
) -> ImageStore:
    """Decode every image of a catalogue; what cannot be read is set aside and named.

    Args:
        catalog: What `scan` found.
        side: Side of the square images in pixels.
        progress: Called on this thread with the number of images done; may raise to give up.
        memory_budget: Bytes of memory for the pixels, a quarter of what is free unless given; beyond that they go to
            a temporary file that is mapped into memory.
        threads: Decoding threads, one a core unless given. Pillow decodes without holding the interpreter lock.
        decoded: What earlier runs have decoded; gets what is decoded now.

    Raises:
        InputError: Too few images can be read, or the disk has no room for the mapped file.
    """
    pixels = _allocate(len(catalog.images), side, memory_budget)
    unreadable: list[SetAside] = []

    def read(index: int) -> str:
        try:
            pixels[index] = read_image(catalog.images[index].path, side)
        except UnreadableImageError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - one image that a decoder stumbles over must not cost the others
            return f"cannot be decoded ({type(error).__name__}: {error})"
        return ""

    missing = range(len(catalog.images)) if decoded is None else decoded.fill(pixels)
    known = len(catalog.images) - len(missing)
    if known:
        progress(known)
    for number, reason in enumerate(in_threads(read, missing, threads=threads)):
        index = missing[number]
        if reason:
            unreadable.append(SetAside(path=str(catalog.images[index].path), reason=reason))
        elif decoded is not None:
            decoded.keep(index, pixels[index])
        progress(known + number + 1)
    if not unreadable:
        return ImageStore(catalog, pixels)
    rest = catalog.without(unreadable)
    kept = {str(image.path) for image in rest.images}
    keep = [index for index, image in enumerate(catalog.images) if str(image.path) in kept]
    for new, old in enumerate(keep):  # in place: a copy would need the memory twice
        if new != old:
            pixels[new] = pixels[old]
    return ImageStore(rest, pixels[: len(keep)])


def room(count: int, side: int, memory_budget: int | None = None) -> int:
    """Return how many bytes of memory images will take; none where they go to a mapped file.

    Args:
        count: How many images.
        side: As for `read_catalog`.
        memory_budget: As for `read_catalog`.

    Raises:
        InputError: The disk has no room for the mapped file.
    """
    size = count * side * side * 3
    budget = psutil.virtual_memory().available // 4 if memory_budget is None else memory_budget
    if size <= budget:
        return size
    folder = _folder()
    free = psutil.disk_usage(str(folder)).free
    if size > free * 0.9:
        raise _no_room(count, side, folder, f"{free / 1e9:.1f} GB are free")
    return 0


def _allocate(count: int, side: int, memory_budget: int | None) -> Pixels:
    shape = (count, side, side, 3)
    size = count * side * side * 3
    if room(count, side, memory_budget) == size:
        return np.empty(shape, dtype=np.uint8)
    folder = _folder()
    with tempfile.TemporaryFile(prefix="cnnstudio-", suffix=".pixels", dir=folder) as file:  # vanishes with the mapping
        try:
            if sys.platform == "linux":  # taken now: a disk that fills up under a mapped file kills the process
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            raise _no_room(count, side, folder, (error.strerror or str(error)).lower()) from None
        return np.memmap(file, dtype=np.uint8, mode="r+", shape=shape)


def _folder() -> Path:
    # Not the system's folder for temporary files, which is often a piece of the memory that is too small.
    return Path(platformdirs.user_cache_path("cnnstudio", appauthor=False, ensure_exists=True))


def _no_room(count: int, side: int, folder: Path, why: str) -> InputError:
    return InputError(
        f"{count:,} images of {side} × {side} pixels need {count * side * side * 3 / 1e9:.1f} GB, {why}",
        where=folder,
        remedy="choose a smaller data.image_size or make room",
    )
