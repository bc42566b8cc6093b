"""Work in threads, in order, and given up cleanly."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from cnnstudio.core.priority import give_way

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 256  # bounds the memory, whatever the number of items
_NICE: Final = 10  # steps: beside a thread that computes, one that gives way gets a tenth of the core


def in_threads(
    work: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int | None = None,
    ahead: int = _AHEAD,
    gently: bool = False,
) -> Generator[R, None, None]:
    """Yield `work(item)` for each item in order, computed in threads.

    Closing the iterator early (an exception in the loop does) cancels what has not begun.

    Args:
        work: Runs on the threads; what it raises is raised here.
        items: Taken ahead of their turn.
        threads: One a core unless given.
        ahead: Items a thread that are begun or done before their turn; fewer where results are large.
        gently: Whether they leave the cores to the other threads of this process: there are half as many, and on Linux
            each of them gives way.
    """
    cores = os.cpu_count() or 1
    workers = threads or (max(1, cores // 2) if gently else cores)
    executor = ThreadPoolExecutor(
        workers, thread_name_prefix="cnnstudio-decode", initializer=partial(give_way, _NICE) if gently else None
    )
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
