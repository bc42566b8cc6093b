import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from cnnstudio.core.control import Control, Watch
from cnnstudio.core.errors import StopRun

PATIENCE = 20.0  # seconds after which something that should happen counts as not happening
A_WHILE = 0.1  # seconds for which something is watched not to happen

pytestmark = pytest.mark.timeout(60)


class Run:
    """Takes steps on a thread of its own, as training does.

    Attributes:
        steps: One entry for each step boundary that was passed.
        looks: What was watched at each call of `while_paused`.
        ended: Set when StopRun has come out of `check`.
    """

    def __init__(self, control: Control) -> None:
        self.control = control
        self.steps: queue.Queue[int] = queue.Queue()
        self.looks: queue.Queue[Watch] = queue.Queue()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._steps, name="cnnstudio-test-run", daemon=True)
        self.thread.start()

    def _steps(self) -> None:
        step = 0
        try:
            while True:
                self.control.check(while_paused=lambda: self.looks.put(self.control.watched))
                self.steps.put(step := step + 1)
                time.sleep(0.001)
        except StopRun:
            self.ended.set()

    def held(self) -> bool:
        """Wait for the pause to begin, and tell whether no step is taken during it."""
        self.looks.get(timeout=PATIENCE)
        while not self.steps.empty():
            self.steps.get_nowait()
        return not self.goes_on(A_WHILE)

    def goes_on(self, patience: float = PATIENCE) -> bool:
        try:
            self.steps.get(timeout=patience)
        except queue.Empty:
            return False
        return True


@pytest.fixture
def control() -> Iterator[Control]:
    control = Control()
    yield control
    control.stop()


@pytest.fixture
def start(control: Control) -> Iterator[Callable[[], Run]]:
    runs: list[Run] = []

    def new() -> Run:
        runs.append(Run(control))
        return runs[-1]

    yield new
    control.stop()
    for run in runs:
        run.thread.join(PATIENCE)
        assert not run.thread.is_alive()


def test_check_passes_while_nobody_asks_for_anything(control: Control) -> None:
    control.check(while_paused=lambda: pytest.fail("nobody paused"))
    assert not control.paused
    assert not control.stopping
    assert control.watched == Watch(layer="", image="")


def test_pause_holds_and_resume_goes_on(control: Control, start: Callable[[], Run]) -> None:
    run = start()
    assert run.goes_on()
    for _ in range(3):
        control.pause()
        assert run.held()
        assert control.paused
        control.resume()
        assert run.goes_on()
        assert not control.paused


def test_pause_before_the_start_holds_the_first_step(control: Control, start: Callable[[], Run]) -> None:
    control.pause()
    assert start().held()


def test_stop_raises_at_the_next_boundary_and_at_all_later_ones(control: Control, start: Callable[[], Run]) -> None:
    run = start()
    assert run.goes_on()
    control.stop()
    assert run.ended.wait(PATIENCE)
    assert control.stopping
    for _ in range(2):
        with pytest.raises(StopRun):
            control.check()


def test_stop_while_paused_raises_at_once(control: Control, start: Callable[[], Run]) -> None:
    run = start()
    control.pause()
    assert run.held()
    control.stop()
    assert run.ended.wait(PATIENCE)
    assert not run.goes_on(A_WHILE)


def test_stop_wins_over_a_pause_that_follows(control: Control) -> None:
    control.stop()
    control.pause()
    with pytest.raises(StopRun):
        control.check(while_paused=lambda: pytest.fail("a stopped run does not pause"))


def test_stop_from_inside_a_look_raises(control: Control) -> None:
    control.pause()
    with pytest.raises(StopRun):
        control.check(while_paused=control.stop)


def test_resume_from_inside_a_look_goes_on(control: Control) -> None:
    control.pause()
    control.check(while_paused=control.resume)


def test_error_in_a_look_reaches_the_run(control: Control) -> None:
    def fail() -> None:
        raise RuntimeError("out of memory")

    control.pause()
    with pytest.raises(RuntimeError, match="out of memory"):
        control.check(while_paused=fail)


def test_another_watch_during_a_pause_is_looked_at_once(control: Control, start: Callable[[], Run]) -> None:
    first, second = Watch(layer="stem", image="a.png"), Watch(layer="head", image="a.png")
    control.watch(first)
    control.pause()
    run = start()
    assert run.looks.get(timeout=PATIENCE) == first
    control.watch(second)
    assert run.looks.get(timeout=PATIENCE) == second
    control.watch(Watch(layer="head", image="a.png"))  # the same once more
    with pytest.raises(queue.Empty):
        run.looks.get(timeout=A_WHILE)
    assert not run.goes_on(A_WHILE)


def test_watch_that_changes_during_a_look_is_not_lost(control: Control) -> None:
    looks: list[str] = []

    def look() -> None:
        looks.append(control.watched.layer)
        if len(looks) < 3:
            control.watch(Watch(layer=f"layer{len(looks)}"))
        else:
            control.resume()

    control.pause()
    control.check(while_paused=look)
    assert looks == ["", "layer1", "layer2"]


def test_watch_while_running_neither_holds_nor_looks(control: Control, start: Callable[[], Run]) -> None:
    run = start()
    control.watch(Watch(layer="stem"))
    assert run.goes_on()
    assert run.looks.empty()


def test_pause_without_a_look_holds_too(control: Control) -> None:
    passed = threading.Event()

    def step() -> None:
        control.check()
        passed.set()

    control.pause()
    thread = threading.Thread(target=step)
    thread.start()
    assert not passed.wait(A_WHILE)
    control.resume()
    assert passed.wait(PATIENCE)
    thread.join(PATIENCE)


def test_one_control_steers_several_runs(control: Control, start: Callable[[], Run]) -> None:
    runs = [start() for _ in range(4)]
    control.pause()
    assert all(run.held() for run in runs)
    control.resume()
    assert all(run.goes_on() for run in runs)
    control.stop()
    assert all(run.ended.wait(PATIENCE) for run in runs)


def test_requests_from_many_threads_never_lose_the_stop(control: Control, start: Callable[[], Run]) -> None:
    run = start()

    def pester() -> None:
        for number in range(200):
            control.pause()
            control.watch(Watch(layer=f"layer{number}"))
            control.resume()

    threads = [threading.Thread(target=pester) for _ in range(4)]
    for thread in threads:
        thread.start()
    control.stop()
    assert run.ended.wait(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    assert control.stopping


def test_a_stage_is_taken_and_the_run_holds_behind_it(control: Control) -> None:
    control.step()
    assert control.paused
    assert control.stepping
    control.check(while_paused=lambda: pytest.fail("a stage is to be taken first"))
    looks: list[bool] = []

    def look() -> None:
        looks.append(control.holding)
        control.step()

    control.stage_taken()
    control.wait(while_paused=look)
    assert looks == [True]
    assert control.stepping
    assert not control.holding


def test_a_stage_that_is_asked_for_again_while_it_is_taken_is_one_stage(control: Control) -> None:
    for _ in range(3):
        control.step()
    control.stage_taken()
    assert not control.stepping


def test_to_go_on_or_to_stop_is_to_take_no_more_stages(control: Control) -> None:
    control.step()
    control.resume()
    assert not control.stepping
    control.check(while_paused=lambda: pytest.fail("it goes on"))
    control.step()
    control.stop()
    assert not control.stepping
    control.wait(while_paused=lambda: pytest.fail("a run that is to stop finishes its step"))
    with pytest.raises(StopRun):
        control.check()


def test_a_stop_ends_the_wait_between_two_stages(control: Control) -> None:
    control.pause()
    control.wait(while_paused=control.stop)
    assert control.stopping


@pytest.mark.parametrize(
    ("watch", "views"),
    [
        (Watch(), 1),
        (Watch(layer="stem", batchnorm="stem.1", filters="stem.0"), 1),
        (Watch(dropout="*"), 1),
        (Watch(layers=("stem", "head"), dropout="*"), 2),
    ],
)
def test_views_share_the_time_that_looking_may_take(watch: Watch, views: int) -> None:
    assert watch.share == pytest.approx(0.026 / views)
