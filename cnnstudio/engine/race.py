"""Which of several ways to do the same step is the fastest, found out in a few seconds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

BUDGET: Final = 2.5  # seconds; with copies, and the lap that is under way when they are over, it stays below three
WORTHWHILE: Final = 30.0  # seconds of a run, below which it gains less than the race takes
_TASTE: Final = 2  # images of the first laps, which tell how large the others can be
_TELLING: Final = 4  # images of a lap, below which it says little of a whole batch: short types gain with its size
_MOST: Final = 12  # laps of each way that count
_HOPELESS: Final = 1.5  # times the fastest

Ending = Literal["raced", "too short", "too slow", "failed"]


@dataclass(frozen=True, slots=True)
class Result:
    """How a race ended.

    Attributes:
        ending: `raced`; or why not: the run is `too short` to gain, its steps are `too slow` to try several ways in
            time, or the first way `failed`.
        images: Of a lap.
        seconds: Of the fastest lap of each way; infinite where it failed, or there was no time for it.
        pace: Seconds that the first way has taken for an image at most; infinite where that is not known.
    """

    ending: Ending
    images: int
    seconds: tuple[float, ...]
    pace: float = math.inf


def race(
    ways: Sequence[Callable[[int], None]],
    *,
    batch_size: int,
    run_images: int,
    whole_batches: bool,
    between: Callable[[], None],
    clock: Callable[[], float],
) -> Result:
    """Let several ways take steps in turns; those that fall far behind drop out.

    Where a batch takes long, laps are made with a part of it. The budget counts laps, not what happens between them.

    Args:
        ways: Each takes a step with so many images; an error, as of too little memory, puts it out. The first one is
            what a run would do without a race.
        batch_size: Images of a step in the run.
        run_images: Images that the run will see, each as often as it sees it.
        whole_batches: Never take a part of a batch, since the device is made for many images at once.
        between: Called before each lap; raises to give up.
        clock: Gives seconds.
    """
    laps = _Laps(ways, between, clock)
    images = batch_size
    if not whole_batches:
        images = min(batch_size, _TASTE)
        laps.run(0, images)
        pace = laps.pace = laps.run(0, images) / images
        if pace * run_images < WORTHWHILE:
            return laps.result("too short", images)
        left = BUDGET - laps.spent
        possible = int(left / (3 * len(ways) * pace))  # a lap to warm up and two that count
        if possible < min(batch_size, _TELLING):
            return laps.result("failed" if 0 in laps.failed else "too slow", images)
        images = min(batch_size, possible)
    for way in range(len(ways)):
        laps.run(way, images)
        laps.count(way, images)
        if laps.best[0] == math.inf:
            return laps.result("failed" if 0 in laps.failed else "too slow", images)
        laps.pace = laps.best[0] / images
        if laps.pace * run_images < WORTHWHILE:
            return laps.result("too short", images)
    for _ in range(_MOST - 1):
        for way, best in enumerate(laps.best):
            if best <= _HOPELESS * min(laps.best):
                laps.count(way, images)
    return laps.result("raced", images)


class _Laps:
    """Takes the time.

    Attributes:
        best: Seconds of the fastest lap of each way that counted.
        pace: Seconds that the first way takes for an image, as far as known.
        spent: Seconds of all laps.
        failed: Ways that are out.
    """

    def __init__(
        self, ways: Sequence[Callable[[int], None]], between: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self.best = [math.inf] * len(ways)
        self.pace = math.inf
        self.spent = 0.0
        self.failed: set[int] = set()
        self._ways, self._between, self._clock = ways, between, clock

    def run(self, way: int, images: int) -> float:
        """Return the seconds of a lap; infinite if the way is out, or the time is up."""
        if way in self.failed or self.spent >= BUDGET:
            return math.inf
        self._between()
        began = self._clock()
        try:
            self._ways[way](images)
        except (RuntimeError, ValueError):
            self.failed.add(way)
            self.best[way] = math.inf
            return math.inf
        took = self._clock() - began
        self.spent += took
        return max(took, 1e-9)

    def count(self, way: int, images: int) -> None:
        """Let a lap count."""
        took = self.run(way, images)
        if way not in self.failed:
            self.best[way] = min(self.best[way], took)

    def result(self, ending: Ending, images: int) -> Result:
        """Return what is known now."""
        return Result(ending, images, tuple(self.best), self.pace)
