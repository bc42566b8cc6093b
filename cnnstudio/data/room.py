"""Where the pixels of all images find room: in memory, or in a mapped file on the disk."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import platformdirs
import psutil

from cnnstudio.core.errors import InputError
from cnnstudio.data.images import Pixels


def room(count: int, side: int, memory_budget: int | None = None) -> int:
    """Return how many bytes of memory images will take; none where they go to a mapped file.

    Args:
        count: How many images.
        side: Of the square images in pixels.
        memory_budget: Bytes of memory for the pixels, a quarter of what is free unless given.

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


def allocate(count: int, side: int, memory_budget: int | None) -> Pixels:
    """Return an array of pixels `(count, side, side, 3)`, in memory or in a mapped file that vanishes with it.

    Raises:
        InputError: As for `room`.
    """
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
