"""Pixels that stay on the disk until they are wanted."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnstudio.core.errors import InputError
from cnnstudio.data.images import Pixels, UnreadableImageError, read_image
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.row_store import MappedRows, RowStore, key_of


class PixelRows:
    """The pixels of images whose digests are known: from a store where they lie there, else decoded from their files.

    Pixels that are damaged are decoded again; so features that are kept by digest are never those of other pixels.
    """

    def __init__(
        self,
        files: Sequence[Path],
        digests: Sequence[bytes],
        side: int,
        *,
        store: RowStore | None,
        rows: NDArray[np.int64],
        sound: Sequence[bool],
    ) -> None:
        """Prepare to read; nothing is read yet.

        Args:
            files: The images.
            digests: Of their pixels.
            side: Of the square images in pixels.
            store: Holds pixels.
            rows: (N,) their numbers in the store; -1 for those that are not there.
            sound: Whether the pixels in the store are known to be those of the digest.
        """
        self._files, self._digests, self._side = files, digests, side
        self._sound = np.array(sound, dtype=bool)
        self._rows = rows.copy()
        self._mapped: MappedRows | None = None
        with contextlib.suppress(OSError, ValueError):  # removed meanwhile, or empty
            self._mapped = None if store is None else store.mapped()
        if self._mapped is None:
            self._rows[:] = -1

    def __len__(self) -> int:
        return len(self._files)

    def read(self, images: Sequence[int]) -> Pixels:
        """Return the pixels `(len(images), side, side, 3)` uint8 of some images.

        Raises:
            InputError: A file has changed since the images were looked through.
        """
        chosen = np.asarray(images, dtype=np.int64)
        found: Pixels = np.empty((len(chosen), self._side, self._side, 3), dtype=np.uint8)
        stored = np.flatnonzero(self._rows[chosen] >= 0)
        if len(stored) and self._mapped is not None:
            found[stored] = self._mapped(self._rows[chosen[stored]])
            for place in stored[~self._sound[chosen[stored]]].tolist():
                self._check(int(chosen[place]), found[place])
        missing = np.flatnonzero(self._rows[chosen] < 0).tolist()
        decoded = in_threads(self._decode, [int(chosen[place]) for place in missing], ahead=8)
        for place, pixels in zip(missing, decoded, strict=True):
            found[place] = pixels
        return found

    def _check(self, image: int, pixels: Pixels) -> None:
        """Find out whether stored pixels are what they should be; if not, the file is decoded from now on."""
        if key_of(pixels.data) == self._digests[image]:
            self._sound[image] = True
        else:
            self._rows[image] = -1

    def _decode(self, image: int) -> Pixels:
        path = self._files[image]
        try:
            pixels = read_image(path, self._side)
        except UnreadableImageError as error:
            what = f"the image cannot be used any more: {error}"
            raise InputError(what, where=path, remedy="start the run again") from None
        if key_of(pixels.data) != self._digests[image]:
            raise InputError("the image has changed since the run began", where=path, remedy="start the run again")
        return pixels
