"""All images of a catalogue as one array of pixels: decoded once, in threads, kept in memory or in a mapped file."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Final

from cnnstudio.core.events import SetAside
from cnnstudio.data.decoded import Decoded
from cnnstudio.data.image_store import ImageStore
from cnnstudio.data.images import Pixels, UnreadableImageError, read_image
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.pixel_rows import PixelRows
from cnnstudio.data.reading import Reading
from cnnstudio.data.room import allocate
from cnnstudio.data.row_store import key_of
from cnnstudio.data.scan import Catalog

_AHEAD: Final = 8  # decoded images a thread that wait for being written to the disk
_AHEAD_IN_PLACE: Final = 256  # of those that have their place in memory already
_FEWEST: Final = 256  # images that are worth decoding beside something else


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
    work = _Work(catalog, side, memory_budget, decoded, resident=resident)
    return _all_of(work, progress, threads)


def begin_catalog(
    catalog: Catalog,
    side: int,
    *,
    first: Sequence[int],
    then: Sequence[int],
    held: contextlib.ExitStack,
    progress: Callable[[int], None] = lambda _: None,
    memory_budget: int | None = None,
    threads: int | None = None,
    decoded: Decoded | None = None,
    resident: bool = True,
) -> ImageStore:
    """Decode some images of a catalogue, and return while the others are being decoded.

    Where one of the first images cannot be read, or few are left to be decoded, this does what `read_catalog` does.

    Args:
        catalog: As for `read_catalog`.
        side: As for `read_catalog`.
        first: The images to decode before this returns.
        then: All images in the order in which they are wanted.
        held: Is kept open until all images are there, and closed then on another thread; taken from the caller only if
            images are still to come.
        progress: As for `read_catalog`.
        memory_budget: As for `read_catalog`.
        threads: As for `read_catalog`.
        decoded: As for `read_catalog`.
        resident: As for `read_catalog`.

    Raises:
        InputError: As for `read_catalog`.
    """
    work = _Work(catalog, side, memory_budget, decoded, resident=resident)
    work.do(sorted(set(first).intersection(work.missing)), progress, threads)
    missing = set(work.missing)
    later = [index for index in then if index in missing]
    if work.unreadable or len(later) < _FEWEST:
        return _all_of(work, progress, threads)
    reading = Reading(
        len(catalog.images),
        later,
        work.decode,
        work.take,
        held=held.pop_all(),
        threads=threads,
        ahead=work.ahead,
    )
    return ImageStore(catalog, work.pixels, work.digests, side, work=work, reading=reading)


def _all_of(work: "_Work", progress: Callable[[int], None], threads: int | None) -> ImageStore:
    """Decode what is still missing."""
    work.do(work.missing, progress, threads)
    if work.lost:
        return _all_of(work.in_memory(), progress, threads)
    return work.store()


class _Work:
    """Decodes the images of a catalogue and collects them.

    Attributes:
        digests: Of each image's pixels, as far as they are known; empty where they are not.
        missing: Numbers of the images that are to be decoded.
        pixels: `(N, side, side, 3)` uint8; None where they are on the disk.
        ahead: How many decoded images a thread may wait for their turn.
    """

    def __init__(
        self, catalog: Catalog, side: int, memory_budget: int | None, decoded: Decoded | None, *, resident: bool
    ) -> None:
        self._catalog, self._side, self._decoded = catalog, side, decoded
        self._lock = threading.Lock()  # around `decoded`
        self._reasons: dict[int, SetAside] = {}
        count = len(catalog.images)
        if decoded is not None and decoded.keeps and not resident:
            self.pixels = None
            self.missing = [index for index, digest in enumerate(decoded.digests) if digest is None]
        else:
            self.pixels = allocate(count, side, memory_budget)
            self.missing = list(range(count)) if decoded is None else decoded.fill(self.pixels)
        self.digests = [b""] * count if decoded is None else [digest or b"" for digest in decoded.digests]
        self.ahead = _AHEAD if self.pixels is None else _AHEAD_IN_PLACE
        self._done = count - len(self.missing)

    @property
    def unreadable(self) -> list[SetAside]:
        """Images that cannot be used, in the order of the catalogue."""
        return [self._reasons[index] for index in sorted(self._reasons)]

    def do(self, some: Sequence[int], progress: Callable[[int], None], threads: int | None) -> None:
        """Decode some of the missing images, which are not missing any more then."""
        gone = set(some)
        self.missing = [index for index in self.missing if index not in gone]
        if self._done:
            progress(self._done)
        for index, found in zip(some, in_threads(self.decode, some, threads=threads, ahead=self.ahead), strict=True):
            self.take(index, found)
            progress(self._done)

    def decode(self, index: int) -> tuple[Pixels, bytes] | str:
        """Return an image and its digest, or why it cannot be used; on any thread."""
        try:
            row = read_image(self._catalog.images[index].path, self._side)
        except UnreadableImageError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - one image that a decoder stumbles over must not cost the others
            return f"cannot be decoded ({type(error).__name__}: {error})"
        digest = key_of(row.data)
        if self.pixels is None:
            return row, digest
        self.pixels[index] = row
        return self.pixels[index], digest

    def take(self, index: int, found: tuple[Pixels, bytes] | str) -> bool:
        """Keep what was decoded, on one thread; return whether the image can be used."""
        self._done += 1
        if isinstance(found, str):
            self._reasons[index] = SetAside(path=str(self._catalog.images[index].path), reason=found)
            return False
        self.digests[index] = found[1]
        if self._decoded is not None:
            with self._lock:
                self._decoded.keep(index, *found)
        return True

    @property
    def lost(self) -> bool:
        """Whether the disk has not kept all that was to stay there."""
        return self.pixels is None and self._decoded is not None and not self._decoded.has_kept_all

    def in_memory(self) -> "_Work":
        """Return the same work for pixels in memory, which are decoded anew as far as the disk has not kept them."""
        return _Work(self._catalog, self._side, None, self._decoded, resident=True)

    def rows(self, images: Sequence[int]) -> Pixels:
        """Return the pixels of some images that are there but not in memory, while others are being decoded."""
        assert self._decoded is not None
        with self._lock:
            kept = self._decoded.on_disk(images)
        return kept.read(range(len(images)))

    def store(self) -> ImageStore:
        """Return the images that can be used, once all that were missing have been taken.

        Raises:
            InputError: They are too few.
        """
        rest = self._catalog.without(self.unreadable) if self._reasons else self._catalog
        left = {str(image.path) for image in rest.images}
        keep = [index for index, image in enumerate(self._catalog.images) if str(image.path) in left]
        return ImageStore(rest, *self._kept(keep), self._side)

    def kept(self) -> tuple[Pixels | PixelRows, list[bytes]]:
        """Return pixels and digests of all images, each of which can be used."""
        return self._kept(range(len(self.digests)))

    def _kept(self, keep: Sequence[int]) -> tuple[Pixels | PixelRows, list[bytes]]:
        digests = [self.digests[index] for index in keep]
        if self.pixels is not None:
            return _moved_up(self.pixels, keep), digests
        assert self._decoded is not None
        return self._decoded.on_disk(keep), digests


def _moved_up(pixels: Pixels, keep: Sequence[int]) -> Pixels:
    for new, old in enumerate(keep):  # in place: a copy would need the memory twice
        if new != old:
            pixels[new] = pixels[old]
    return pixels[: len(keep)] if len(keep) < len(pixels) else pixels
