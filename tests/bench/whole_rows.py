"""Rows that compare whole runs, from a folder of images to the final accuracy."""

from collections.abc import Sequence
from importlib.util import find_spec
from statistics import median
from typing import Final

from tests.bench.lab import Lab
from tests.bench.result import Result, Target
from tests.bench.statistics import Estimate, paired_ratio
from tests.bench.task import Mode
from tests.bench.whole_run import WholeRun

FASTER: Final = Target(low=60.0, aim="150×")
THAN_FASTAI: Final = Target(low=10.0, aim="25×")
SECOND: Final = Target(low=20.0)
MEMORY: Final = Target(high=1.0)
_FASTAI_EPOCHS: Final = 5
_MODES: Final[dict[Mode, str]] = {"freeze": "frozen EfficientNet-Lite0", "finetune": "fine-tuned ResNet-18"}


def frozen(lab: Lab) -> Result:
    """A frozen EfficientNet-Lite0 against the tutorial's 25 epochs."""
    runs, extent = lab.compared("freeze"), lab.extent
    wall, cpu = (
        paired_ratio([_projected(each, extent.tutorial)[index] for each in runs.peer], costs)
        for index, costs in enumerate((_walls(runs.ours), [each.cpu for each in runs.ours]))
    )
    accuracy = median([each.last("run_ended")["best_val_accuracy"] for each in runs.ours])
    theirs = median([max(each["val_accuracy"] for each in _epochs(run)) for run in runs.peer])
    enough = extent.extrapolated or accuracy >= theirs
    seconds = median([_projected(each, extent.tutorial)[0] for each in runs.peer])
    measured = f"{extent.peer_epochs} of {extent.tutorial} epochs measured, the rest extrapolated linearly"
    notes = (
        f"ours {median(_walls(runs.ours)):.1f} s, the tutorial {seconds:,.0f} s"
        + (f" ({measured})" if extent.extrapolated else ""),
        f"accuracy ours {accuracy:.1%}, the tutorial {theirs:.1%}"
        + (f" after {extent.peer_epochs}; --full compares the final ones" if extent.extrapolated else ""),
    )
    return Result(
        row="frozen-lite0",
        what=f"time from folder to final accuracy of the tutorial's {extent.tutorial} epochs, in times ours",
        found=wall,
        target=FASTER,
        reached=FASTER.reached(wall.value) and enough,
        control=paired_ratio(_walls(runs.control), _walls(runs.ours)) if runs.control else None,
        cpu=cpu,
        ours=_peak(runs.ours),
        peer=_peak(runs.peer),
        notes=notes,
    )


def frozen_fastai(lab: Lab) -> Result:
    """The same against fastai's one-cycle schedule over five epochs on a frozen body."""
    what = f"time from folder to final accuracy of fastai's fit_one_cycle({_FASTAI_EPOCHS}), in times ours"
    if find_spec("fastai") is None:
        return Result(row="frozen-fastai", what=what, notes=("skipped: fastai is not installed",))
    ours = [run for run, _ in lab.first_runs(lab.extent.runs)]
    task = lab.task("freeze").but(kind="fastai", epochs=_FASTAI_EPOCHS)
    peer = [lab.whole(task) for _ in ours]
    found = paired_ratio(_walls(peer), _walls(ours))
    accuracy, theirs = (median([each.last("epoch")["val_accuracy"] for each in runs]) for runs in (ours, peer))
    return Result(
        row="frozen-fastai",
        what=what,
        found=found,
        target=THAN_FASTAI,
        reached=THAN_FASTAI.reached(found.value) and accuracy >= theirs,
        cpu=paired_ratio([each.cpu for each in peer], [each.cpu for each in ours]),
        ours=_peak(ours),
        peer=_peak(peer),
        notes=(
            f"ours {median(_walls(ours)):.1f} s, fastai {median(_walls(peer)):,.0f} s",
            f"accuracy ours {accuracy:.1%}, fastai {theirs:.1%}",
        ),
    )


def second_run(lab: Lab) -> Result:
    """A second run on images whose features are known."""
    found_first = lab.first_runs(lab.extent.runs)
    first, caches = [run for run, _ in found_first], [cache for _, cache in found_first]
    again = [lab.whole(lab.task("freeze"), cache) for cache in caches]
    control = [lab.whole(lab.task("freeze"), cache) for cache in caches] if lab.extent.control else []
    found = paired_ratio(_inside(first), _inside(again))
    whole = paired_ratio(_walls(first), _walls(again))
    return Result(
        row="second-run",
        what="time of a first run in times a second one, whose features are known",
        found=found,
        target=SECOND,
        reached=SECOND.reached(found.value),
        control=paired_ratio(_inside(control), _inside(again)) if control else None,
        ours=_peak(again),
        notes=(
            f"{median(_inside(first)):.1f} s, then {median(_inside(again)):.2f} s, torch being loaded already",
            f"with the start of the processes {whole.value:.1f}× ({median(_walls(again)):.1f} s for the second)",
        ),
    )


def memory(lab: Lab) -> Result:
    """Peak memory of all processes in both modes; the worse mode counts."""
    found: list[tuple[Estimate, str, Sequence[WholeRun], Sequence[WholeRun]]] = []
    for mode in lab.extent.modes:
        runs = lab.compared(mode)
        found.append((paired_ratio(_peaks(runs.ours), _peaks(runs.peer)), _MODES[mode], runs.ours, runs.peer))
    worst, words, ours, peer = max(found, key=lambda each: each[0].value)
    return Result(
        row="memory",
        what=f"peak memory of all processes, of the tutorial's ({words}, the worse mode)",
        found=worst,
        target=MEMORY,
        reached=MEMORY.reached(worst.value),
        ours=_peak(ours),
        peer=_peak(peer),
        notes=tuple(
            f"{name}: {ratio.value:.2f}× ({_peak(one) / 1e9:.2f} against {_peak(other) / 1e9:.2f} GB)"
            for ratio, name, one, other in found
        ),
    )


def _epochs(run: WholeRun) -> list[dict[str, float]]:
    return [each for each in run.events if each["event"] == "epoch"]


def _projected(run: WholeRun, epochs: int) -> tuple[float, float]:
    """Return wall-clock and processor time of a run of that many epochs, without its warm-up.

    What is done once (loading torch, building the network) is counted once.
    """
    told = [each for each in run.events if each["event"] in {"warm", "epoch"}]
    each_epoch = _epochs(run)
    totals = []
    for whole, key in ((run.wall, "seconds"), (run.cpu, "cpu")):
        once = max(0.0, whole - sum(each[key] for each in told))
        totals.append(once + epochs * sum(each[key] for each in each_epoch) / len(each_epoch))
    return totals[0], totals[1]


def _walls(runs: Sequence[WholeRun]) -> list[float]:
    return [each.wall for each in runs]


def _inside(runs: Sequence[WholeRun]) -> list[float]:
    """Return how long `train` took in each run, without the start of the process."""
    return [each.last("run_ended")["seconds"] for each in runs]


def _peaks(runs: Sequence[WholeRun]) -> list[float]:
    return [float(each.peak) for each in runs]


def _peak(runs: Sequence[WholeRun]) -> int:
    return int(median(_peaks(runs)))
