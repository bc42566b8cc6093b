"""Rows of numbers on disk under keys of sixteen bytes, for what takes long to compute and can always be had again."""

import contextlib
import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import platformdirs
from numpy.typing import DTypeLike, NDArray

from cnnstudio.core.lock import exclusive

KEY_BYTES: Final = 16
_ROWS, _KEYS, _ABOUT, _LOCK = "rows.bin", "keys.bin", "about.json", ".lock"
_BUDGET: Final = 8 * 2**30  # bytes of all stores of a kind together
_AT_ONCE: Final = 256  # rows that are read from the mapped file before its memory is let go


class _BusyError(Exception):
    """Another process writes to the store."""


class MappedRows:
    """The rows of a store on the disk; they can be read even after the store has been removed."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        row = int(np.prod(shape))
        count = len(self._map) // (row * dtype.itemsize)
        self._rows = np.frombuffer(self._map, dtype, count * row).reshape(count, *shape)

    def __call__(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return `(len(rows), *shape)`; what was looked at stays in no memory of this process."""
        found: NDArray[Any] = self._rows[rows]
        if hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)
        return found


class RowStore:
    """One file of equal rows; what was added is found again by its key, also by the next process.

    A row counts only once its key is on disk, after the row itself: a crash loses at most what was not committed.

    Attributes:
        shape: Of a row.
        dtype: Of its numbers.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Open a store, or make it.

        Args:
            folder: Its own folder.
            shape: Of a row.
            dtype: Of its numbers.

        Raises:
            OSError: The folder cannot be written.
        """
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._folder = folder
        self._row_bytes = int(np.prod(shape)) * self.dtype.itemsize
        folder.mkdir(parents=True, exist_ok=True)
        about = _about(shape, dtype)
        if not _holds(folder / _ABOUT, about):
            for name in (_KEYS, _ROWS):
                (folder / name).unlink(missing_ok=True)
            (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        for name in (_ROWS, _KEYS):
            (folder / name).touch()
        os.utime(folder)  # the stores that were used last are kept longest
        self._place = self._read_keys()
        self._fresh: list[bytes] = []
        self._held = contextlib.ExitStack()
        self._writing = False

    def __len__(self) -> int:
        return len(self._place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.commit()

    def find(self, keys: Sequence[bytes]) -> NDArray[np.int64]:
        """Return the number of each key's row; -1 for those that are not here."""
        return np.array([self._place.get(key, -1) for key in keys], dtype=np.int64)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return `(len(rows), *shape)`, copied from the disk."""
        found = np.empty((len(rows), *self.shape), dtype=self.dtype)
        mapped = self.mapped() if len(rows) else None
        for start in range(0, len(rows), _AT_ONCE):
            assert mapped is not None
            found[start : start + _AT_ONCE] = mapped(rows[start : start + _AT_ONCE])
        return found

    def mapped(self) -> "MappedRows":
        """Return the rows that are here now, for reading some of them again and again.

        Raises:
            OSError: Another process has removed the store.
            ValueError: It is empty.
        """
        return MappedRows(self._folder / _ROWS, self.shape, self.dtype)

    def append(self, keys: Sequence[bytes], rows: NDArray[Any]) -> None:
        """Add rows; they are found at once, and by other processes after `commit`, until which nobody else can add.

        Where another process writes to the same store, it is left alone and nothing is added.

        Args:
            keys: One for each row.
            rows: `(len(keys), *shape)`.

        Raises:
            OSError: The disk is full.
        """
        assert rows.shape == (len(keys), *self.shape), rows.shape
        if not self._begin():
            return
        with (self._folder / _ROWS).open("r+b") as file:
            for key, row in zip(keys, np.ascontiguousarray(rows, dtype=self.dtype), strict=True):
                if key not in self._place:
                    file.seek(len(self._place) * self._row_bytes)
                    file.write(row.tobytes())
                    self._place[key] = len(self._place)
                    self._fresh.append(key)

    def commit(self) -> None:
        """Put what was added where a crash cannot lose it.

        Raises:
            OSError: The disk is full.
        """
        try:
            if self._fresh:
                with (self._folder / _ROWS).open("r+b") as file:
                    os.fsync(file.fileno())
                with (self._folder / _KEYS).open("ab") as file:
                    file.write(b"".join(self._fresh))
                    file.flush()
                    os.fsync(file.fileno())
        finally:
            self._fresh = []
            self._writing = False
            self._held.close()

    def _begin(self) -> bool:
        """Become the only one who adds, until `commit`; return whether that is possible."""
        if not self._writing:
            try:
                self._held.enter_context(exclusive(self._folder / _LOCK, _busy))
            except _BusyError:
                return False
            self._writing = True
            self._place = self._read_keys()  # another process may have added some
            self._cut_off()
        return True

    def _count(self) -> int:
        return (self._folder / _ROWS).stat().st_size // self._row_bytes

    def _read_keys(self) -> dict[bytes, int]:
        packed = (self._folder / _KEYS).read_bytes()
        count = min(len(packed) // KEY_BYTES, self._count())
        return {packed[at * KEY_BYTES : (at + 1) * KEY_BYTES]: at for at in range(count)}

    def _cut_off(self) -> None:
        """Remove keys without rows and rows without keys, which a crash has left."""
        os.truncate(self._folder / _KEYS, len(self._place) * KEY_BYTES)
        os.truncate(self._folder / _ROWS, len(self._place) * self._row_bytes)


def open_store(kind: str, name: str, shape: tuple[int, ...], dtype: DTypeLike, *, budget: int = _BUDGET) -> RowStore:
    """Open a store in the user's cache, and remove the stores of that kind that were not used for longest.

    Args:
        kind: Such as `features`.
        name: What sets it apart from others of its kind; anything at all.
        shape: Of a row.
        dtype: Of its numbers.
        budget: Bytes that all stores of the kind may take together.

    Raises:
        OSError: The cache cannot be written.
    """
    folder = _folder(kind, name)
    store = RowStore(folder, shape, dtype)
    _tidy(folder.parent, folder, budget)
    return store


def kept_shape(kind: str, name: str, dtype: DTypeLike) -> tuple[int, ...] | None:
    """Return the shape of the rows that `open_store` would find; None where there is no such store.

    Args:
        kind: As for `open_store`.
        name: As for `open_store`.
        dtype: As for `open_store`.
    """
    try:
        about = json.loads((_folder(kind, name) / _ABOUT).read_text(encoding="utf-8"))
        shape = tuple(int(each) for each in about["shape"])
        return shape if about == _about(shape, dtype) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def key_of(*parts: bytes | memoryview) -> bytes:
    """Return the key of some content."""
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for part in parts:
        digest.update(part)
    return digest.digest()


def _tidy(parent: Path, kept: Path, budget: int) -> None:
    sizes = {each: sum(file.stat().st_size for file in each.iterdir()) for each in parent.iterdir() if each.is_dir()}
    total = sum(sizes.values())
    for folder in sorted(sizes, key=lambda each: each.stat().st_mtime):
        if total <= budget:
            return
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)
            total -= sizes[folder]


def _folder(kind: str, name: str) -> Path:
    parent = Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)) / kind
    return parent / hashlib.blake2b(name.encode(), digest_size=12).hexdigest()


def _about(shape: tuple[int, ...], dtype: DTypeLike) -> dict[str, Any]:
    return {"shape": list(shape), "dtype": np.dtype(dtype).str}


def _holds(path: Path, about: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) == about)
    except (OSError, ValueError):
        return False


def _busy() -> None:
    raise _BusyError
