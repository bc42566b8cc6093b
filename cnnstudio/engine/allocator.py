"""The C library's memory, kept between the steps of a run that ask for the same amounts again and again."""

import contextlib
import ctypes
import platform
from collections.abc import Iterator
from typing import Final

# malloc.h of glibc
_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
_MMAP_MAX: Final = -4
_ARENA_MAX: Final = -8

_LARGE: Final = 2**20  # bytes of a block that is mapped on its own while memory is given back
_MAPPINGS: Final = 65536  # at a time, glibc's own limit


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Let glibc keep what is freed until the run is over, then give it back; does nothing elsewhere.

    By itself glibc maps every large tensor anew and unmaps it when it is freed, so that each step pays for clearing
    the same pages: up to half of the time of a run on the CPU. The settings hold for the process: no block is mapped
    on its own, nothing is trimmed, and all threads share one arena, since those of other threads cannot grow large.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    libc.mallopt(_TOP_PAD, 256 * 2**20)
    libc.mallopt(_ARENA_MAX, 1)
    try:
        yield
    finally:
        libc.malloc_trim(0)


@contextlib.contextmanager
def given_back() -> Iterator[None]:
    """Let large blocks go back as soon as they are freed, for work that asks for a different amount each time.

    Kept, the pictures that are decoded one after the other leave gaps of all sizes, which nothing fits into and which
    add up to more than the images themselves. Goes inside `kept_memory`, to which it returns.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    libc.mallopt(_MMAP_MAX, _MAPPINGS)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, 0)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
