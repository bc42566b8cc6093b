"""Decoded pixels kept on disk between runs, so that an image is decoded once for each size and not for each run."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np

from cnnstudio.data.images import Pixels
from cnnstudio.data.row_store import RowStore, key_of, open_store
from cnnstudio.data.scan import Catalog

_FORMAT: Final = b"1"  # of the decoding; another one leaves the old pixels alone
_LARGEST: Final = 2 * 2**30  # bytes of a data set that are kept
_BATCH: Final = 128


class Decoded:
    """The pixels of a folder's images at one size; found again while path, size and time of the file are the same.

    Where the disk does not let us keep any, nothing is found and nothing is kept.
    """

    def __init__(self, catalog: Catalog, side: int) -> None:
        """Open what earlier runs have kept.

        Args:
            catalog: The images.
            side: Of the square images in pixels.
        """
        self._keys = [_key(image.path) for image in catalog.images]
        self._waiting: list[tuple[bytes, Pixels]] = []
        self._store: RowStore | None = None
        if len(self._keys) * side * side * 3 <= _LARGEST:
            with contextlib.suppress(OSError):
                self._store = open_store("pixels", f"{catalog.root}\n{side}", (side, side, 3), np.uint8)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._store is not None:
            with contextlib.suppress(OSError):
                self._flush(self._store)
                self._store.commit()

    def fill(self, pixels: Pixels) -> list[int]:
        """Copy what is known into `(N, side, side, 3)`, and return the numbers of the images that are missing."""
        if self._store is None:
            return list(range(len(self._keys)))
        rows = self._store.find([key or b"" for key in self._keys])
        known = np.flatnonzero(rows >= 0)
        for start in range(0, len(known), _BATCH):
            part = known[start : start + _BATCH]
            pixels[part] = self._store.read(rows[part])
        return np.flatnonzero(rows < 0).tolist()

    def keep(self, index: int, pixels: Pixels) -> None:
        """Remember an image that has been decoded."""
        key = self._keys[index]
        if self._store is None or key is None:
            return
        self._waiting.append((key, pixels.copy()))  # rows move up where others turn out to be unreadable
        if len(self._waiting) >= _BATCH:
            try:
                self._flush(self._store)
            except OSError:  # a full disk: the next run decodes again
                self._store = None

    def _flush(self, store: RowStore) -> None:
        keys, rows = [key for key, _ in self._waiting], [row for _, row in self._waiting]
        self._waiting = []
        if keys:
            store.append(keys, _stacked(rows))


def _stacked(rows: Sequence[Pixels]) -> Pixels:
    stacked: Pixels = np.stack(rows)
    return stacked


def _key(path: Path) -> bytes | None:
    try:
        status = path.stat()
    except OSError:
        return None
    about = f"{status.st_size} {status.st_mtime_ns}".encode()
    return key_of(_FORMAT, str(path).encode("utf-8", "surrogateescape"), about)
