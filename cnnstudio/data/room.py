"""Where what is known of all images finds room: in memory, or in a mapped file on the disk."""

import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import psutil
from numpy.typing import DTypeLike, NDArray

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
    free = disk_room()
    if size > free * 0.9:
        raise _no_room(count, side, f"{free / 1e9:.1f} GB are free")
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
    try:
        return mapped(shape, np.uint8, "pixels")
    except OSError as error:
        raise _no_room(count, side, (error.strerror or str(error)).lower()) from None


def disk_room() -> int:
    """Return how many bytes are free where mapped files are."""
    return int(psutil.disk_usage(str(_folder())).free)


def mapped(shape: tuple[int, ...], dtype: DTypeLike, ending: str) -> NDArray[Any]:
    """Return an array in a mapped file that vanishes with it.

    Args:
        shape: Of the array.
        dtype: Of its numbers.
        ending: Of the file's name.

    Raises:
        OSError: The disk has no room.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile(prefix="cnnstudio-", suffix=f".{ending}", dir=_folder()) as file:
        if sys.platform == "linux":  # taken now: a disk that fills up under a mapped file kills the process
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        return np.memmap(file, dtype=dtype, mode="r+", shape=shape)


def _folder() -> Path:
    # Not the system's folder for temporary files, which is often a piece of the memory that is too small.
    return Path(platformdirs.user_cache_path("cnnstudio", appauthor=False, ensure_exists=True))


def _no_room(count: int, side: int, why: str) -> InputError:
    return InputError(
        f"{count:,} images of {side} × {side} pixels need {count * side * side * 3 / 1e9:.1f} GB, {why}",
        where=_folder(),
        remedy="choose a smaller data.image_size or make room",
    )
