"""Decoded pixels kept on disk between runs, so that an image is decoded once for each size and not for each run."""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from cnnstudio.core.events import SetAside
from cnnstudio.data.images import Pixels
from cnnstudio.data.pixel_rows import PixelRows
from cnnstudio.data.row_store import KEY_BYTES, RowStore, key_of, open_store
from cnnstudio.data.scan import Catalog

_FORMAT: Final = b"2"  # of the decoding; another one leaves the old pixels alone
_LARGEST: Final = 2 * 2**30  # bytes of a data set that are kept
_DIGESTS: Final = 64 * 2**20  # bytes of all digests together
_BATCH: Final = 32


class Decoded:
    """What is known of a folder's images at one size: their pixels, and digests of the pixels.

    It is found again while path, size, time and inode of the file are the same. Digests are kept of any number of
    images, pixels of those that take little room. Where the disk does not let us keep any, nothing is found.

    Attributes:
        digests: Of each image's pixels, by which they are told apart; None where they are not known yet.
    """

    def __init__(self, catalog: Catalog, side: int) -> None:
        """Open what earlier runs have kept.

        Args:
            catalog: The images.
            side: Of the square images in pixels.
        """
        self._images, self._side = catalog.images, side
        self._keys = [_key(image.path) for image in catalog.images]
        self._waiting: list[tuple[bytes, Pixels, bytes]] = []
        self._seen: set[int] = set()  # images that this process has decoded
        self._pixels: RowStore | None = None
        self._marks: RowStore | None = None
        name = f"{catalog.root}\n{side}"
        with contextlib.suppress(OSError):
            if len(self._keys) * side * side * 3 <= _LARGEST:
                self._pixels = open_store("pixels", name, (side, side, 3), np.uint8)
            self._marks = open_store("digests", name, (2 * KEY_BYTES,), np.uint8, budget=_DIGESTS)
        self.digests = self._known_digests()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._flush()
        for store in filter(None, (self._pixels, self._marks)):
            with contextlib.suppress(OSError):
                store.commit()

    @property
    def keeps(self) -> bool:
        """Whether the pixels of all images could stay on the disk, or need not be looked at."""
        return self._pixels is not None or None not in self.digests

    def leave_out(self, unusable: Iterable[SetAside]) -> None:
        """Forget images before any has been decoded, as `Catalog.without` does; those behind them move up."""
        gone = {each.path for each in unusable}
        stay = [number for number, image in enumerate(self._images) if str(image.path) not in gone]
        self._images = tuple(self._images[number] for number in stay)
        self._keys = [self._keys[number] for number in stay]
        self.digests = [self.digests[number] for number in stay]

    def fill(self, pixels: Pixels) -> list[int]:
        """Copy what is known into `(N, side, side, 3)`, and return the numbers of the images that are missing."""
        rows = self._rows(range(len(self._keys)))
        known = np.flatnonzero(rows >= 0)
        for start in range(0, len(known), _BATCH):
            part = known[start : start + _BATCH]
            assert self._pixels is not None
            pixels[part] = self._pixels.read(rows[part])
        for image in known:
            self.digests[image] = self.digests[image] or key_of(pixels[image].data)
        return np.flatnonzero(rows < 0).tolist()

    def keep(self, index: int, pixels: Pixels, digest: bytes) -> None:
        """Remember an image that has been decoded."""
        self.digests[index] = digest
        self._seen.add(index)
        key = self._keys[index]
        if key is None:
            return
        self._waiting.append((key, pixels.copy(), digest))  # rows move up where others turn out to be unreadable
        if len(self._waiting) >= _BATCH:
            with contextlib.suppress(OSError):
                self._flush()

    @property
    def has_kept_all(self) -> bool:
        """Whether all that was decoded just now is on the disk; not where that is full, or beside another process."""
        with contextlib.suppress(OSError):
            self._flush()
        return bool((self._rows(list(self._seen)) >= 0).all())

    def on_disk(self, images: Sequence[int]) -> PixelRows:
        """Return the pixels of some images whose digests are known, to be read when they are wanted."""
        with contextlib.suppress(OSError):
            self._flush()
        digests = [self.digests[image] or b"" for image in images]
        files = [self._images[image].path for image in images]
        sound = [image in self._seen for image in images]
        return PixelRows(files, digests, self._side, store=self._pixels, rows=self._rows(images), sound=sound)

    def _rows(self, images: Sequence[int]) -> NDArray[np.int64]:
        if self._pixels is None:
            return np.full(len(images), -1, dtype=np.int64)
        return self._pixels.find([self._keys[image] or b"" for image in images])

    def _flush(self) -> None:
        """Write what waits.

        Raises:
            OSError: The disk is full; the next run decodes again.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        keys = [key for key, _, _ in waiting]
        if self._marks is not None:
            marks = [np.frombuffer(_mark(key, digest), dtype=np.uint8) for key, _, digest in waiting]
            self._marks.append(keys, np.stack(marks))
        if self._pixels is not None:
            self._pixels.append(keys, np.stack([pixels for _, pixels, _ in waiting]))

    def _known_digests(self) -> list[bytes | None]:
        """Return the digests that earlier runs have kept; one that is damaged counts as unknown."""
        found: list[bytes | None] = [None] * len(self._keys)
        if self._marks is None:
            return found
        rows = self._marks.find([key or b"" for key in self._keys])
        known = np.flatnonzero(rows >= 0)
        for image, mark in zip(known.tolist(), self._marks.read(rows[known]), strict=True):
            key, digest = self._keys[image], mark[:KEY_BYTES].tobytes()
            if key is not None and mark.tobytes() == _mark(key, digest):
                found[image] = digest
        return found


def _mark(key: bytes, digest: bytes) -> bytes:
    """Return a digest with what shows that it is whole, and that of this file."""
    return digest + key_of(key, digest)


def _key(path: Path) -> bytes | None:
    try:
        status = path.stat()
    except OSError:
        return None
    about = f"{status.st_size} {status.st_mtime_ns} {status.st_ino}".encode()
    return key_of(_FORMAT, str(path).encode("utf-8", "surrogateescape"), about)
