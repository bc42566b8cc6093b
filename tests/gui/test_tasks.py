import threading
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.tasks import CancelledError, Job, Tasks


@pytest.fixture
def tasks(qtbot: QtBot) -> Iterator[Tasks]:
    tasks = Tasks()
    yield tasks
    tasks.close()


def unexpected(error: Exception) -> None:
    raise AssertionError(error)


def our_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("cnnstudio-task")]


def test_a_result_arrives_on_the_gui_thread(qtbot: QtBot, tasks: Tasks) -> None:
    worked: list[str] = []
    arrived: list[tuple[int, str]] = []

    def work(_job: Job[int]) -> int:
        worked.append(threading.current_thread().name)
        return 42

    tasks.submit("sum", work, lambda result: arrived.append((result, threading.current_thread().name)), unexpected)
    assert tasks.busy("sum")
    qtbot.waitUntil(lambda: bool(arrived))
    assert arrived == [(42, "MainThread")]
    assert worked[0].startswith("cnnstudio-task")
    assert not tasks.busy("sum")


def test_an_error_arrives_on_the_gui_thread(qtbot: QtBot, tasks: Tasks) -> None:
    arrived: list[tuple[str, str]] = []

    def work(_job: Job[str]) -> str:
        raise OSError("disk full")

    def done(result: str) -> None:
        raise AssertionError(result)

    tasks.submit("save", work, done, lambda e: arrived.append((repr(e), threading.current_thread().name)))
    qtbot.waitUntil(lambda: bool(arrived))
    assert arrived == [("OSError('disk full')", "MainThread")]
    assert not tasks.busy("save")


def test_of_works_with_the_same_key_only_the_latest_counts(qtbot: QtBot, tasks: Tasks) -> None:
    go_on = threading.Event()
    arrived: list[str] = []

    def slow(_job: Job[str]) -> str:
        go_on.wait(10)
        return "first"

    tasks.submit("describe", slow, arrived.append, unexpected)
    tasks.submit("describe", lambda _job: "second", arrived.append, unexpected)
    tasks.submit("predict", lambda _job: "other key", arrived.append, unexpected)
    qtbot.waitUntil(lambda: len(arrived) == 2)
    go_on.set()
    qtbot.wait(100)
    assert sorted(arrived) == ["other key", "second"]


def test_a_late_error_of_work_that_was_replaced_is_dropped(qtbot: QtBot, tasks: Tasks) -> None:
    go_on = threading.Event()
    arrived: list[str] = []

    def fails(_job: Job[str]) -> str:
        go_on.wait(10)
        raise ValueError("of no interest")

    tasks.submit("describe", fails, arrived.append, unexpected)
    tasks.submit("describe", lambda _job: "second", arrived.append, unexpected)
    go_on.set()
    qtbot.waitUntil(lambda: arrived == ["second"])
    qtbot.wait(60)
    assert arrived == ["second"]


def test_work_that_is_cancelled_ends_at_its_next_report(qtbot: QtBot, tasks: Tasks) -> None:
    begun, ended = threading.Event(), threading.Event()
    arrived: list[object] = []
    seen: list[bool] = []

    def work(job: Job[str]) -> str:
        begun.set()
        try:
            while True:
                job.report("still at it")
                threading.Event().wait(0.001)
        except CancelledError:
            seen.append(job.cancelled)
            ended.set()
            raise

    tasks.submit("survey", work, arrived.append, arrived.append)
    assert begun.wait(5)
    tasks.cancel("survey")
    assert ended.wait(5)
    qtbot.wait(60)
    assert (arrived, seen) == ([], [True])
    assert not tasks.busy("survey")
    tasks.cancel("survey")  # a second time: nothing happens


def test_only_the_latest_report_is_shown(qtbot: QtBot, tasks: Tasks) -> None:
    reported, go_on = threading.Event(), threading.Event()
    shown: list[int] = []

    def work(job: Job[str]) -> str:
        for done in range(1000):
            job.report(done)
        reported.set()
        go_on.wait(10)
        job.report(1000)
        return "done"

    results: list[str] = []
    tasks.submit("survey", work, results.append, unexpected, shown.append)
    assert reported.wait(5)
    qtbot.waitUntil(lambda: bool(shown))
    assert shown == [999]
    qtbot.wait(60)
    assert shown == [999]
    go_on.set()
    qtbot.waitUntil(lambda: results == ["done"])
    assert shown == [999, 1000]


def test_a_callback_may_submit_the_same_key_again(qtbot: QtBot, tasks: Tasks) -> None:
    arrived: list[int] = []

    def done(number: int) -> None:
        arrived.append(number)
        if number < 3:
            tasks.submit("count", lambda _job: number + 1, done, unexpected)

    tasks.submit("count", lambda _job: 1, done, unexpected)
    qtbot.waitUntil(lambda: arrived == [1, 2, 3])
    assert not tasks.busy("count")


def test_a_report_may_lead_to_other_work_with_the_same_key(qtbot: QtBot, tasks: Tasks) -> None:
    arrived: list[str] = []

    def replace(_report: object) -> None:
        tasks.submit("survey", lambda _job: "second", arrived.append, unexpected)

    def work(job: Job[str]) -> str:
        job.report("half")
        return "first"

    tasks.submit("survey", work, arrived.append, unexpected, replace)
    qtbot.waitUntil(lambda: bool(arrived))
    qtbot.wait(60)
    assert arrived == ["second"]


def test_a_callback_may_cancel_other_work_that_is_done(qtbot: QtBot, tasks: Tasks) -> None:
    arrived: list[str] = []
    both = threading.Barrier(2)

    def work(name: str) -> Callable[[Job[str]], str]:
        def run(_job: Job[str]) -> str:
            both.wait(10)
            return name

        return run

    def first(name: str) -> None:
        arrived.append(name)
        tasks.cancel("b")

    tasks.submit("a", work("a"), first, unexpected)
    tasks.submit("b", work("b"), arrived.append, unexpected)
    both_done = [pending.future for pending in tasks._pending.values()]
    for future in both_done:
        future.result(10)  # both are done before the GUI thread looks
    qtbot.waitUntil(lambda: bool(arrived))
    qtbot.wait(60)
    assert arrived == ["a"]


def test_closing_waits_and_leaves_no_thread(qtbot: QtBot) -> None:
    tasks = Tasks()
    arrived: list[object] = []
    begun, finished = threading.Event(), threading.Event()

    def work(job: Job[None]) -> None:
        begun.set()
        while not job.cancelled:
            threading.Event().wait(0.001)
        finished.set()

    tasks.submit("survey", work, arrived.append, arrived.append)
    assert begun.wait(5)
    assert our_threads() != []
    tasks.close()
    assert finished.is_set()
    assert our_threads() == []
    qtbot.wait(60)
    assert arrived == []


def test_after_closing_nothing_is_started(qtbot: QtBot) -> None:
    tasks = Tasks()
    arrived: list[object] = []
    tasks.close()
    tasks.submit("late", lambda _job: 1, arrived.append, arrived.append)
    qtbot.wait(60)
    assert (arrived, tasks.busy("late"), our_threads()) == ([], False, [])
    tasks.close()


def test_work_waits_for_the_one_that_is_to_be_done_first(qtbot: QtBot, tasks: Tasks) -> None:
    go_on = threading.Event()
    order: list[str] = []

    def first(_job: Job[None]) -> None:
        go_on.wait(10)
        order.append("first")

    def second(_job: Job[None]) -> None:
        order.append("second")

    tasks.submit("describe", first, lambda _: None, unexpected)
    tasks.submit("weights", second, lambda _: None, unexpected, after="describe")
    qtbot.wait(50)
    assert order == []
    go_on.set()
    qtbot.waitUntil(lambda: order == ["first", "second"])
    tasks.submit("weights", second, lambda _: None, unexpected, after="describe")
    qtbot.waitUntil(lambda: len(order) == 3)


def test_work_that_waited_in_vain_is_not_begun(qtbot: QtBot, tasks: Tasks) -> None:
    go_on = threading.Event()
    begun: list[str] = []
    tasks.submit("describe", lambda _job: go_on.wait(10), lambda _: None, unexpected)
    tasks.submit("weights", lambda _job: begun.append("old"), lambda _: None, unexpected, after="describe")
    tasks.submit("weights", lambda _job: begun.append("new"), lambda _: None, unexpected, after="describe")
    go_on.set()
    qtbot.waitUntil(lambda: not tasks.busy("weights"))
    assert begun == ["new"]
