"""Work in threads, in order, and given up cleanly."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 256  # bounds the memory, whatever the number of items


def in_threads(
    work: Callable[[T], R], items: Iterable[T], *, threads: int | None = None, ahead: int = _AHEAD
) -> Iterator[R]:
    """Yield `work(item)` for each item in order, computed in threads.

    Closing the iterator early (an exception in the loop does) cancels what has not begun.

    Args:
        work: Runs on the threads; what it raises is raised here.
        items: Taken ahead of their turn.
        threads: One a core unless given.
        ahead: Items a thread that are begun or done before their turn; fewer where results are large.
    """
    workers = threads or os.cpu_count() or 1
    executor = ThreadPoolExecutor(workers, thread_name_prefix="cnnstudio-decode")
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(work, item))
            if len(waiting) > workers * ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)
