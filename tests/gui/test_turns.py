from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.turns import Turns

Turn = Callable[[], None]


class Clock:
    """Processor time that passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turns(qtbot: QtBot, clock: Clock) -> Iterator[Turns]:
    turns = Turns(clock=clock)
    yield turns
    turns.keep(on=False)
    turns.finish()


class Ticks:
    """Notes in which tick each turn was taken."""

    def __init__(self, turns: Turns, clock: Clock) -> None:
        self.taken: list[int] = []
        self._clock = clock
        self._tick = 0
        turns._timer.timeout.connect(self._count)  # called behind the turns' own slot

    def _count(self) -> None:
        self._tick += 1

    def turn(self, seconds: float = 0.0001) -> Turn:
        """Return work that takes some processor time."""

        def work() -> None:
            self.taken.append(self._tick)
            self._clock.seconds += seconds

        return work


def test_what_takes_long_has_a_tick_of_its_own(qtbot: QtBot, turns: Turns, clock: Clock) -> None:
    ticks = Ticks(turns, clock)
    turns.later(*(ticks.turn(0.006) for _ in range(5)))
    qtbot.waitUntil(lambda: len(ticks.taken) == 5)
    assert ticks.taken == [0, 1, 2, 3, 4]


def test_what_is_known_to_be_quick_shares_a_tick(qtbot: QtBot, clock: Clock) -> None:
    turns = Turns(memory=5, clock=clock)
    ticks = Ticks(turns, clock)
    turns.later(*(ticks.turn(0.0012) for _ in range(16)))
    qtbot.waitUntil(lambda: len(ticks.taken) == 16)
    counts = [ticks.taken.count(tick) for tick in range(ticks.taken[-1] + 1)]
    assert counts == [1] * 5 + [4, 4, 3]  # one each until what had to be supposed at first is forgotten


def test_painting_counts_as_part_of_a_turn(qtbot: QtBot, turns: Turns, clock: Clock) -> None:
    ticks = Ticks(turns, clock)
    turns._costs[0] = 0.0001
    turns._timer.timeout.connect(ticks.turn(0.006))  # stands for what is painted after them
    turns.later(*(ticks.turn() for _ in range(60)))
    qtbot.waitUntil(lambda: not turns.waiting)
    counts = [ticks.taken.count(tick) for tick in range(ticks.taken[-1] + 1)]
    assert counts[0] > counts[1] > 1


def test_one_that_was_slow_is_not_forgotten_at_once(qtbot: QtBot, turns: Turns, clock: Clock) -> None:
    ticks = Ticks(turns, clock)
    turns._costs[0] = 0.0001  # so far all were quick
    turns.later(ticks.turn(), ticks.turn(), ticks.turn(0.01), *(ticks.turn() for _ in range(6)))
    qtbot.waitUntil(lambda: len(ticks.taken) == 9)
    assert ticks.taken == [0, 0, 0, 1, 2, 3, 4, 5, 6]


def test_turns_keep_their_order_and_may_ask_for_more(qtbot: QtBot, turns: Turns) -> None:
    story: list[str] = []

    def first() -> None:
        story.append("first")
        turns.later(lambda: story.append("third"))

    turns.later(first, lambda: story.append("second"))
    qtbot.waitUntil(lambda: len(story) == 3)
    assert story == ["first", "second", "third"]


def test_it_ticks_only_while_there_is_something_to_do(qtbot: QtBot, turns: Turns) -> None:
    assert not turns._timer.isActive()
    turns.later(lambda: None)
    assert turns.waiting
    qtbot.waitUntil(lambda: not turns._timer.isActive())
    assert not turns.waiting


def test_somebody_may_wait_for_a_free_tick(qtbot: QtBot, turns: Turns) -> None:
    story: list[str] = []
    turns.later(lambda: story.append("queued"))
    turns.free.connect(lambda: story.append("free"))
    turns.keep(on=True)
    qtbot.waitUntil(lambda: story.count("free") == 2)
    assert story == ["queued", "free", "free"]
    turns.keep(on=False)
    qtbot.waitUntil(lambda: not turns._timer.isActive())


def test_what_waits_can_be_done_at_once(turns: Turns) -> None:
    story: list[int] = []
    turns.later(lambda: story.append(1), lambda: turns.later(lambda: story.append(3)), lambda: story.append(2))
    turns.finish()
    assert (story, turns.waiting) == ([1, 2, 3], False)


def test_after_the_end_nothing_has_a_turn(qtbot: QtBot, turns: Turns) -> None:
    story: list[int] = []
    turns.later(lambda: story.append(1))
    turns.close()
    turns.later(lambda: story.append(2))
    qtbot.wait(80)
    assert (story, turns.waiting, turns._timer.isActive()) == ([], False, False)
