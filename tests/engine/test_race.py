"""Who wins, and when there is no race; the time is made up."""

import math
from collections.abc import Callable

import pytest

from cnnstudio.engine.race import BUDGET, Result, race


class Clock:
    """Stands still, but for what takes steps by it.

    Attributes:
        now: Seconds.
        laps: Way and images of each lap, in order.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.laps: list[tuple[int, int]] = []

    def way(self, number: int, seconds_an_image: float, *, warm_up: float = 0.0) -> Callable[[int], None]:
        """Return a way whose first lap takes longer."""

        def take(images: int) -> None:
            first = number not in {each for each, _ in self.laps}
            self.laps.append((number, images))
            self.now += images * seconds_an_image + (warm_up if first else 0.0)

        return take


def run(
    clock: Clock,
    *ways: Callable[[int], None],
    batch_size: int = 32,
    run_images: int = 1_000_000,
    whole_batches: bool = False,
    between: Callable[[], None] = lambda: None,
) -> Result:
    return race(
        ways,
        batch_size=batch_size,
        run_images=run_images,
        whole_batches=whole_batches,
        between=between,
        clock=lambda: clock.now,
    )


def paces(result: Result) -> list[float]:
    return [seconds / result.images for seconds in result.seconds]


def test_the_fastest_lap_counts_and_warming_up_does_not() -> None:
    clock = Clock()
    result = run(clock, clock.way(0, 0.002, warm_up=0.3), clock.way(1, 0.001, warm_up=0.4))
    assert (result.ending, result.images) == ("raced", 32)
    assert paces(result) == pytest.approx([0.002, 0.001])


def test_who_is_near_takes_turns_and_who_is_far_behind_drops_out() -> None:
    clock = Clock()
    result = run(clock, clock.way(0, 0.0010), clock.way(1, 0.0014), clock.way(2, 0.0016))
    turns = [way for way, images in clock.laps if images == 32]
    assert turns[:6] == [0, 0, 1, 1, 2, 2]
    assert turns[6:10] == [0, 1, 0, 1]
    assert turns.count(2) == 2
    assert paces(result) == pytest.approx([0.0010, 0.0014, 0.0016])


def test_a_part_of_a_batch_is_enough_where_a_whole_one_takes_long() -> None:
    clock = Clock()
    result = run(clock, clock.way(0, 0.05), clock.way(1, 0.06))
    assert result.ending == "raced"
    assert 2 <= result.images < 32
    assert paces(result) == pytest.approx([0.05, 0.06])
    assert clock.now < 3


@pytest.mark.parametrize("pace", [0.001, 0.01, 0.05, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("others", [1, 7])
def test_the_budget_holds_but_for_one_lap(pace: float, others: int) -> None:
    clock = Clock()
    ways = [clock.way(0, pace), *(clock.way(number + 1, 2 * pace) for number in range(others))]
    run(clock, *ways)
    assert clock.now <= BUDGET + 2 * pace * clock.laps[-1][1]
    assert clock.now < 3.5


def test_where_even_two_images_take_long_there_is_no_race() -> None:
    clock = Clock()
    result = run(clock, clock.way(0, 0.8), clock.way(1, 0.1))
    assert result.ending == "too slow"
    assert clock.laps == [(0, 2), (0, 2)]


@pytest.mark.parametrize(("batch_size", "ending"), [(32, "too slow"), (2, "raced")])
def test_laps_of_a_few_images_of_many_say_too_little(batch_size: int, ending: str) -> None:
    """Of eight ways, two images a lap is what there is time for; that is a whole batch or next to nothing of one."""
    clock = Clock()
    ways = [clock.way(number, 0.04) for number in range(8)]
    assert run(clock, *ways, batch_size=batch_size).ending == ending


def test_after_a_very_long_first_lap_there_is_no_second() -> None:
    clock = Clock()
    assert run(clock, clock.way(0, 9.0), clock.way(1, 0.1)).ending == "too slow"
    assert clock.laps == [(0, 2)]


def test_a_short_run_gains_nothing() -> None:
    clock = Clock()
    assert run(clock, clock.way(0, 0.01), clock.way(1, 0.001), run_images=2_900).ending == "too short"
    assert clock.laps == [(0, 2), (0, 2)]
    longer = Clock()
    assert run(longer, longer.way(0, 0.01), longer.way(1, 0.001), run_images=3_100).ending == "raced"


def test_a_batch_may_show_that_a_run_is_short() -> None:
    """Two images take as long as 32 where the time goes into calls."""
    clock = Clock()

    def take(images: int) -> None:
        clock.laps.append((0, images))
        clock.now += 0.02

    result = run(clock, take, clock.way(1, 0.001), run_images=32_000)
    assert (result.ending, clock.laps) == ("too short", [(0, 2), (0, 2), (0, 32), (0, 32)])


def test_on_a_gpu_all_laps_are_whole_batches() -> None:
    clock = Clock()
    result = run(clock, clock.way(0, 0.001, warm_up=1.0), clock.way(1, 0.0005), batch_size=64, whole_batches=True)
    assert {images for _, images in clock.laps} == {64}
    assert paces(result) == pytest.approx([0.001, 0.0005])


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), ValueError("more than 1 value per channel")])
def test_a_way_that_fails_is_out(error: Exception) -> None:
    def fail(_: int) -> None:
        raise error

    clock = Clock()
    assert run(clock, clock.way(0, 0.001), fail).seconds[1] == math.inf
    assert run(clock, fail, clock.way(1, 0.001)).ending == "failed"


def test_time_between_laps_is_not_counted() -> None:
    clock = Clock()

    def pause() -> None:
        clock.now += 60.0

    result = run(clock, clock.way(0, 0.002), clock.way(1, 0.001), between=pause)
    assert result.ending == "raced"
    assert paces(result) == pytest.approx([0.002, 0.001])
