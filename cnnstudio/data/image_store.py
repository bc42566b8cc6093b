"""The images of a run, by their numbers; some may still be decoded while others are in use."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from cnnstudio.data.images import Pixels
from cnnstudio.data.pixel_rows import PixelRows
from cnnstudio.data.reading import FewerImagesError, Reading
from cnnstudio.data.room import allocate
from cnnstudio.data.scan import Catalog

_AT_ONCE: Final = 64  # images that are copied into memory together
_PATIENCE: Final = 0.05  # seconds


class Work(Protocol):
    """Images that are being decoded."""

    def rows(self, images: Sequence[int]) -> Pixels:
        """Return the pixels of some images that are there, but not in memory."""

    def kept(self) -> tuple[Pixels | PixelRows, list[bytes]]:
        """Return pixels and digests of all images, once they are there and each of them could be read."""

    def store(self) -> "ImageStore":
        """Return a store of those that could be read, once all were tried."""


class ImageStore:
    """The readable images of a catalogue, some of which may still be decoded while others are in use.

    Attributes:
        catalog: The catalogue without the images that could not be read.
        side: Of the square images in pixels.
    """

    def __init__(
        self,
        catalog: Catalog,
        pixels: Pixels | PixelRows | None,
        digests: Sequence[bytes],
        side: int,
        *,
        work: Work | None = None,
        reading: Reading | None = None,
    ) -> None:
        self.catalog = catalog
        self.side = side
        self._digests: Sequence[bytes] = digests
        self._pixels = pixels
        self._work, self._reading = work, reading

    @property
    def reading(self) -> bool:
        """Whether images may still have to be waited for."""
        return self._reading is not None

    @property
    def left(self) -> int:
        """How many images are still to be decoded."""
        return self._reading.left if self._reading is not None else 0

    def arrived(self, images: Sequence[int] | None = None, *, patience: float = 0.0) -> bool:
        """Return whether images are there, after waiting for them for a while.

        Args:
            images: Their numbers; all unless given.
            patience: Seconds to wait at most.

        Raises:
            FewerImagesError: Any image has turned out to be unreadable: `whole` gives the store without it.
        """
        if self._reading is None:
            return True
        if self._reading.fewer:
            raise FewerImagesError
        there = self._reading.wait(images, seconds=patience)
        if self._reading.fewer:
            raise FewerImagesError
        if images is None and there:
            self._settle()
        return there

    def whole(self, progress: Callable[[int], None] = lambda _: None) -> "ImageStore":
        """Wait for all images, and return those that could be read; this store is of no use any more.

        Args:
            progress: Called now and then with the number of images done; may raise to give up.

        Raises:
            InputError: Too few images can be read.
        """
        if self._reading is None or self._work is None:
            return self
        while not self._reading.wait(seconds=_PATIENCE):
            progress(len(self.catalog.images) - self.left)
        return self._work.store()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Begin to decode no further image meanwhile, as what happens is being timed."""
        with self._reading.held() if self._reading is not None else contextlib.nullcontext():
            yield

    def close(self) -> None:
        """Give up what has not been decoded."""
        if self._reading is not None:
            self._reading.close()

    @property
    def growing(self) -> Pixels:
        """The same array as `pixels`, in which the images that are still to be decoded appear by and by.

        Raises:
            InputError: As for `pixels`.
        """
        return self._pixels if isinstance(self._pixels, np.ndarray) else self.pixels

    @property
    def pixels(self) -> Pixels:
        """`(N, side, side, 3)` uint8 RGB, in the order of `catalog.images`; read now if they are on the disk.

        Raises:
            InputError: A file has changed since, or there is no room.
        """
        self._wait()
        if not isinstance(self._pixels, np.ndarray):
            found = allocate(len(self._digests), self.side, None)
            for start in range(0, len(found), _AT_ONCE):
                found[start : start + _AT_ONCE] = self.rows(range(start, min(start + _AT_ONCE, len(found))))
            self._pixels = found
        return self._pixels

    @property
    def labels(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """`(N,)` int64, the class of each image."""
        return np.array([image.label for image in self.catalog.images], dtype=np.int64)

    @property
    def digests(self) -> tuple[bytes, ...]:
        """Of each image's pixels; two images with the same one are the same in every pixel."""
        self._wait()
        return tuple(self._digests)

    def digests_of(self, images: Sequence[int]) -> list[bytes]:
        """Return the digests of some images."""
        self._wait(images)
        return [self._digests[image] for image in images]

    def rows(self, images: Sequence[int]) -> Pixels:
        """Return a copy of the pixels of some images, `(len(images), side, side, 3)`; no others come into memory.

        Raises:
            InputError: A file has changed since.
        """
        self._wait(images)
        if self._pixels is None:
            assert self._work is not None
            return self._work.rows(images)
        if isinstance(self._pixels, PixelRows):
            return self._pixels.read(images)
        found: Pixels = self._pixels[np.asarray(images, dtype=np.int64)]
        return found

    def _wait(self, images: Sequence[int] | None = None) -> None:
        if self._reading is not None and self._reading.wait(images) and images is None and not self._reading.fewer:
            self._settle()

    def _settle(self) -> None:
        """Be a store like any other, as all images are there."""
        assert self._work is not None
        self._pixels, self._digests = self._work.kept()
        self._work = self._reading = None
