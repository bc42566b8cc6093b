"""Work in threads, in order, and given up cleanly."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_threads(work: Callable[[T], R], items: Iterable[T], *, threads: int | None = None) -> Iterator[R]:
    """Yield `work(item)` for each item in order, computed in threads.

    Closing the iterator early (an exception in the loop does) cancels what has not begun.

    Args:
        work: Runs on the threads; what it raises is raised here.
        items: Taken all at once.
        threads: One a core unless given.
    """
    executor = ThreadPoolExecutor(max_workers=threads or os.cpu_count() or 1, thread_name_prefix="cnnstudio-decode")
    try:
        yield from executor.map(work, items)
    finally:
        executor.shutdown(cancel_futures=True)
