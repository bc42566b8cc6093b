"""All images of a catalogue as one array of pixels: decoded once, in threads, kept in memory or in a mapped file."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import platformdirs
import psutil

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import SetAside
from cnnstudio.data.decoded import Decoded
from cnnstudio.data.images import Pixels, UnreadableImageError, read_image
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.pixel_rows import PixelRows
from cnnstudio.data.row_store import key_of
from cnnstudio.data.scan import Catalog

_AT_ONCE: Final = 64  # images that are copied into memory together
_AHEAD: Final = 8  # decoded images a thread that wait for being written to the disk
_AHEAD_IN_PLACE: Final = 256  # of those that have their place in memory already


class ImageStore:
    """The readable images of a catalogue.

    Attributes:
        catalog: The catalogue without the images that could not be read.
        digests: Of each image's pixels; two images with the same one are the same in every pixel.
        side: Of the square images in pixels.
    """

    def __init__(self, catalog: Catalog, pixels: Pixels | PixelRows, digests: Sequence[bytes], side: int) -> None:
        self.catalog = catalog
        self.digests = tuple(digests)
        self.side = side
        self._pixels = pixels

    @property
    def pixels(self) -> Pixels:
        """`(N, side, side, 3)` uint8 RGB, in the order of `catalog.images`; read now if they are on the disk.

        Raises:
            InputError: A file has changed since, or there is no room.
        """
        if isinstance(self._pixels, PixelRows):
            found = _allocate(len(self.digests), self.side, None)
            for start in range(0, len(found), _AT_ONCE):
                found[start : start + _AT_ONCE] = self.rows(range(start, min(start + _AT_ONCE, len(found))))
            self._pixels = found
        return self._pixels

    @property
    def labels(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """`(N,)` int64, the class of each image."""
        return np.array([image.label for image in self.catalog.images], dtype=np.int64)

    def rows(self, images: Sequence[int]) -> Pixels:
        """Return a copy of the pixels of some images, `(len(images), side, side, 3)`; no others come into memory.

        Raises:
            InputError: A file has changed since.
        """
        if isinstance(self._pixels, PixelRows):
            return self._pixels.read(images)
        found: Pixels = self._pixels[np.asarray(images, dtype=np.int64)]
        return found


def read_catalog(
    catalog: Catalog,
    side: int,
    *,
    progress: Callable[[int], None] = lambda _: None,
    memory_budget: int | None = None,
    threads: int | None = None,
    decoded: Decoded | None = None,
    resident: bool = True,
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
        resident: Whether the pixels are wanted in memory. If not, they stay with `decoded` as far as it keeps them,
            and images that are known there are not read at all.

    Raises:
        InputError: Too few images can be read, or the disk has no room for the mapped file.
    """
    images = catalog.images
    if decoded is not None and decoded.keeps and not resident:
        pixels = None
        digests = decoded.digests
        missing = [index for index, digest in enumerate(digests) if digest is None]
    else:
        pixels = _allocate(len(images), side, memory_budget)
        digests = [None] * len(images) if decoded is None else decoded.digests
        missing = list(range(len(images))) if decoded is None else decoded.fill(pixels)

    def read(index: int) -> tuple[Pixels, bytes]:
        row = read_image(images[index].path, side)
        digest = key_of(row.data)
        if pixels is None:
            return row, digest
        pixels[index] = row
        return pixels[index], digest

    def tried(index: int) -> tuple[Pixels, bytes] | str:
        try:
            return read(index)
        except UnreadableImageError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - one image that a decoder stumbles over must not cost the others
            return f"cannot be decoded ({type(error).__name__}: {error})"

    unreadable: list[SetAside] = []
    known = len(images) - len(missing)
    if known:
        progress(known)
    ahead = _AHEAD if pixels is None else _AHEAD_IN_PLACE
    for number, found in enumerate(in_threads(tried, missing, threads=threads, ahead=ahead)):
        index = missing[number]
        if isinstance(found, str):
            unreadable.append(SetAside(path=str(images[index].path), reason=found))
        elif decoded is not None:
            decoded.keep(index, *found)
        else:
            digests[index] = found[1]
        progress(known + number + 1)
    rest = catalog.without(unreadable) if unreadable else catalog
    left = {str(image.path) for image in rest.images}
    keep = [index for index, image in enumerate(images) if str(image.path) in left]
    kept: Pixels | PixelRows | None
    if pixels is not None:
        kept = _moved_up(pixels, keep)
    else:
        assert decoded is not None
        kept = decoded.on_disk(keep)
    if kept is None:  # the disk did not take them
        return read_catalog(catalog, side, progress=progress, threads=threads, decoded=decoded)
    return ImageStore(rest, kept, [digests[index] or b"" for index in keep], side)


def _moved_up(pixels: Pixels, keep: Sequence[int]) -> Pixels:
    for new, old in enumerate(keep):  # in place: a copy would need the memory twice
        if new != old:
            pixels[new] = pixels[old]
    return pixels[: len(keep)] if len(keep) < len(pixels) else pixels


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
