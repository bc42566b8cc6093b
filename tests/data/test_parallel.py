import itertools
import threading
import time

import pytest

from cnnstudio.data.parallel import in_threads


@pytest.mark.parametrize("threads", [None, 1, 2, 7])
def test_results_come_in_order(threads: int | None) -> None:
    def work(item: int) -> int:
        time.sleep(0.002 if item % 5 == 0 else 0)  # later items are done before earlier ones
        return item * item

    assert list(in_threads(work, range(100), threads=threads)) == [item * item for item in range(100)]
    assert list(in_threads(work, [], threads=threads)) == []


def test_work_happens_on_as_many_threads_as_asked_for() -> None:
    together = threading.Barrier(3, timeout=10)

    def work(_: int) -> str:
        together.wait()  # goes on only where three work at once
        return threading.current_thread().name

    names = set(in_threads(work, range(9), threads=3))
    assert len(names) == 3
    assert all(name.startswith("cnnstudio-decode") for name in names)


def test_error_of_the_work_is_raised_in_its_turn_and_ends_the_threads() -> None:
    def work(item: int) -> int:
        return 1 // (3 - item)

    results = in_threads(work, range(1000), threads=2)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not decoding()


def test_giving_up_cancels_what_has_not_begun() -> None:
    begun = itertools.count()

    def work(item: int) -> int:
        next(begun)
        time.sleep(0.01)
        return item

    def give_up() -> None:
        for item in in_threads(work, range(500), threads=2):
            if item == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert not decoding()
    assert next(begun) < 60  # five, those under way, and what a slow machine let slip in


def test_endless_items_are_taken_a_few_hundred_ahead() -> None:
    items = itertools.count()
    results = in_threads(lambda item: item, items, threads=2)
    assert list(itertools.islice(results, 2000)) == list(range(2000))
    assert next(items) <= 2000 + 2 * 256 + 1
    del results
    assert not decoding()


def decoding() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("cnnstudio-decode")]
