"""A lock between processes that ends with the process that holds it, however that ends."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_TICK: Final = 0.1  # seconds between two tries


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a file as a lock, so that only one process, and only one thread of it, is inside.

    Where the file system knows no locks, everybody is let in.

    Args:
        path: The lock file; it is made, and gone afterwards.
        waiting: Called about ten times a second while somebody else holds the lock; what it raises ends the wait.

    Raises:
        OSError: The lock file cannot be made.
    """
    while (file := _taken(path)) is None:
        waiting()
        time.sleep(_TICK)
    try:
        yield
    finally:
        _release(file, path)


def held(path: Path) -> bool:
    """Whether somebody holds a lock file now; nothing is made.

    Where the file system knows no locks the file itself tells: who lets go of it removes it.
    """
    try:
        file = path.open("rb")
    except OSError:
        return False
    with file:
        if sys.platform == "win32":
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
            except PermissionError:
                return True
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _taken(path: Path) -> IO[bytes] | None:
    file = path.open("ab")
    if _lock(file) and _is_still(path, file):
        return file
    file.close()
    return None


def _lock(file: IO[bytes]) -> bool:
    if sys.platform == "win32":
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
    else:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # as on some network drives
    return True


def _is_still(path: Path, file: IO[bytes]) -> bool:
    """Whether the file that we have locked is the one of that name: the last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _release(file: IO[bytes], path: Path) -> None:
    if sys.platform == "win32":  # where nobody can remove a file that somebody has open
        file.close()
        with suppress(OSError):
            path.unlink()
    else:
        with suppress(OSError):
            path.unlink()
        file.close()
