"""Images by their number while others are still being decoded: who needs one waits for that one only."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import numpy as np

from cnnstudio.data.parallel import in_threads

R = TypeVar("R")

_LOOK: Final = 1.0  # seconds after which a wait makes sure that somebody still reads


class FewerImagesError(Exception):
    """An image cannot be read that a run has counted on; the run is to be divided and begun anew without it."""


class Reading:
    """Decodes images on threads in an order, beside whoever uses those that are there.

    One thread takes the results one after the other, so an image is there as soon as all before it in the order are.
    When an image turns out to be unreadable, the others are decoded all the same.
    """

    def __init__(
        self,
        count: int,
        order: Sequence[int],
        decode: Callable[[int], R],
        take: Callable[[int, R], bool],
        *,
        held: contextlib.ExitStack,
        threads: int | None,
        ahead: int,
    ) -> None:
        """Begin.

        Args:
            count: Of all images; those that are not in the order are there already.
            order: Numbers of the images that are to be decoded.
            decode: Called on many threads.
            take: Called for each image in order, on one thread; returns whether it can be used.
            held: What is to be closed on that thread when the last one has been taken, or the reading is given up.
            threads: As for `in_threads`.
            ahead: As for `in_threads`.
        """
        self._place = np.full(count, -1)
        self._place[list(order)] = np.arange(len(order))
        self._left, self._done = len(order), 0
        self._fewer = self._over = self._given_up = False
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self._free = threading.Event()
        self._free.set()

        def work(index: int) -> R | None:
            self._free.wait()
            return None if self._given_up else decode(index)

        def read() -> None:
            found = in_threads(work, order, threads=threads, ahead=ahead, gently=True)
            with held, contextlib.closing(found):
                for index, one in zip(order, found, strict=True):
                    if one is None:  # given up
                        return
                    good = take(index, one)
                    with self._changed:
                        self._fewer = self._fewer or not good
                        self._done += 1
                        self._changed.notify_all()

        def run() -> None:
            try:
                read()
            except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it
                self._error = error
            with self._changed:
                self._over = True
                self._changed.notify_all()

        self._thread = threading.Thread(target=run, name="cnnstudio-reading")
        self._thread.start()

    @property
    def left(self) -> int:
        """How many images are still to come; none once all that belongs to the reading is done."""
        return 0 if self._over else max(1, self._left - self._done)

    @property
    def fewer(self) -> bool:
        """Whether an image could not be read."""
        return self._fewer

    def wait(self, images: Sequence[int] | None = None, *, seconds: float | None = None) -> bool:
        """Wait until images are there; return whether they are.

        Args:
            images: Their numbers; all unless given.
            seconds: How long at most; for ever unless given.

        Raises:
            Exception: Whatever has ended the reading before its end.
        """
        last = None if images is None else int(self._place[np.asarray(images, dtype=np.int64)].max(initial=-1))
        until = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            while not self._over and (last is None or last >= self._done):
                patience = _LOOK if until is None else until - time.monotonic()
                if patience <= 0:
                    return False
                self._changed.wait(patience)
        if self._error is not None:
            raise self._error
        there = self._done == self._left if last is None else last < self._done
        if self._over and not there:
            raise RuntimeError("the images were given up while somebody waited for them")
        return there

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Begin with no further image meanwhile, as what happens is being timed."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def close(self) -> None:
        """Give up what has not begun, and wait for the threads."""
        self._given_up = True
        self._free.set()
        self._thread.join()
