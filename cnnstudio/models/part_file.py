"""A file that grows to its full length in several goes: what is there is kept and hashed, and moved when complete."""

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_BLOCK: Final = 1 << 20
_PATIENCE: Final = 10  # tries to move a file that somebody else holds


def has_size(path: Path, size: int, *, within: int) -> bool:
    """Whether there is such a file, and of about this size; quick enough for the GUI thread.

    Args:
        path: The file.
        size: Its size in bytes.
        within: How many bytes it may be off.
    """
    found = size_of(path)
    return found > 0 and abs(found - size) <= within


def size_of(path: Path) -> int:
    """Return the bytes of a file, which may get another name at any moment; 0 where there is none."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def sha256(path: Path, check: Callable[[], None]) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Args:
        path: The file.
        check: Called every few milliseconds; what it raises ends the reading.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            check()
    return digest.hexdigest()


class PartFile:
    """A file beside its final place, `weights.pth.part`, which outlives the process so that a later one can go on.

    To be used in a `with` block. A file that is empty at its end is removed.

    Attributes:
        target: Where the complete file will be.
        path: Where it is.
        done: Number of bytes that are there.
        inherited: Whether its beginning was there before.
    """

    def __init__(self, target: Path, check: Callable[[], None]) -> None:
        """Open the file, and read what is there.

        Args:
            target: Where the complete file will be.
            check: Called every few milliseconds; what it raises ends the reading.

        Raises:
            OSError: The file cannot be opened.
        """
        self.path = part_path(target)
        self.target = target
        self._digest = hashlib.sha256()
        self.done = 0
        self._file = self.path.open("a+b", buffering=0)  # a buffer would try to write again when a full disk closes
        try:
            self._file.seek(0)
            while block := self._file.read(_BLOCK):
                self._count(block)
                check()
        except BaseException:
            self._file.close()
            raise
        self.inherited = self.done > 0

    def __enter__(self) -> "PartFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self.done == 0:
            self.path.unlink(missing_ok=True)

    def append(self, block: bytes) -> None:
        """Write at the end.

        Raises:
            OSError: The disk is full or broken.
        """
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._count(block)

    def clear(self) -> None:
        """Forget everything that is there."""
        self._file.truncate(0)
        self._digest = hashlib.sha256()
        self.done = 0
        self.inherited = False

    def sha256(self) -> str:
        """Return the SHA-256 of all that is there, in hexadecimal."""
        return self._digest.hexdigest()

    def move(self) -> None:
        """Close the file and give it its final name, over an older file of that name.

        Raises:
            OSError: Somebody holds one of the two.
        """
        os.fsync(self._file.fileno())
        self._file.close()
        for patience in range(_PATIENCE, -1, -1):
            try:
                self.path.replace(self.target)
            except PermissionError:  # on Windows somebody who reads the file, such as a virus scanner, holds it
                if patience == 0:
                    raise
                time.sleep(0.05)
            else:
                return

    def _count(self, block: bytes) -> None:
        self._digest.update(block)
        self.done += len(block)


def part_path(target: Path) -> Path:
    """Return where the incomplete file lies."""
    return target.with_name(target.name + ".part")
