"""Images are there as they are decoded: in their order, for whoever waits, and until somebody gives up."""

import contextlib
import threading
import time
from collections.abc import Callable

import pytest

from cnnstudio.data.reading import Reading

Decode = Callable[[int], str]


def begin(
    order: list[int],
    decode: Decode,
    *,
    count: int = 10,
    bad: tuple[int, ...] = (),
    taken: list[int] | None = None,
    held: contextlib.ExitStack | None = None,
    threads: int = 2,
) -> Reading:
    def take(index: int, found: str) -> bool:
        assert found == f"image {index}"
        if taken is not None:
            taken.append(index)
        return index not in bad

    held = held or contextlib.ExitStack()
    return Reading(count, order, decode, take, held=held, threads=threads, ahead=256)


def named(index: int) -> str:
    return f"image {index}"


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_images_are_taken_in_the_order_that_was_asked_for(threads: int) -> None:
    order = [7, 2, 9, 0, 4]

    def decode(index: int) -> str:
        time.sleep(0.01 if index == 7 else 0)
        return named(index)

    taken: list[int] = []
    reading = begin(order, decode, taken=taken, threads=threads)
    assert reading.wait()
    assert taken == order
    assert (reading.left, reading.fewer) == (0, False)
    assert not decoding()


def test_only_those_that_are_wanted_are_waited_for() -> None:
    gate = threading.Event()

    def decode(index: int) -> str:
        if index in {1, 3}:
            gate.wait(10)
        return named(index)

    reading = begin([5, 4, 3, 1], decode)
    assert reading.wait([4, 5])
    assert reading.wait([0, 2, 9])  # were there before
    assert not reading.wait([4, 3], seconds=0.05)
    assert not reading.wait(seconds=0.05)
    assert reading.left == 2
    gate.set()
    assert reading.wait([1])
    assert reading.wait()


def test_the_others_are_decoded_where_one_cannot_be_used() -> None:
    reading = begin([3, 1, 2], named, bad=(1,))
    assert reading.wait()
    assert reading.fewer


def test_an_error_reaches_whoever_waits() -> None:
    def decode(index: int) -> str:
        if index == 2:
            raise ZeroDivisionError("decoder lost count")
        return named(index)

    closed: list[str] = []
    held = contextlib.ExitStack()
    held.callback(closed.append, "store")
    reading = begin([1, 2, 3], decode, held=held)
    with pytest.raises(ZeroDivisionError, match="lost count"):
        reading.wait()
    assert closed == ["store"]
    reading.close()


def test_giving_up_ends_the_threads_and_closes_what_was_held() -> None:
    begun = threading.Event()
    seen: list[int] = []

    def decode(index: int) -> str:
        seen.append(index)
        begun.set()
        time.sleep(0.01)
        return named(index)

    closed: list[str] = []
    held = contextlib.ExitStack()
    held.callback(closed.append, "store")
    reading = begin(list(range(500)), decode, count=500, held=held)
    begun.wait(10)
    reading.close()
    assert not decoding()
    assert closed == ["store"]
    assert len(seen) < 60
    with pytest.raises(RuntimeError, match="given up"):
        reading.wait()


def test_nothing_begins_while_time_is_taken() -> None:
    seen: list[int] = []

    def decode(index: int) -> str:
        seen.append(index)
        time.sleep(0.002)
        return named(index)

    reading = begin(list(range(300)), decode, count=300)
    with reading.held():
        time.sleep(0.05)
        before = len(seen)
        time.sleep(0.1)
        assert len(seen) == before < 300
    assert reading.wait()


def decoding() -> list[str]:
    ours = ("cnnstudio-decode", "cnnstudio-reading")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(ours)]
