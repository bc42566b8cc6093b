"""The row that asks how right a run at our defaults is: two data sets, several divisions, and two rivals."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from statistics import median
from typing import Final

from tests.bench.lab import Lab
from tests.bench.result import Result, Target
from tests.bench.statistics import Estimate, estimate
from tests.bench.task import Task
from tests.bench.whole_run import ROOT

ACCURACY: Final = Target(low=0.0)
FASHION: Final = ROOT / ".test-data" / "fashion10"
_FINE_TUNE: Final = 5  # fastai's epochs behind the one in which the body is frozen
OURS: Final = "ours fine-tuned"
OURS_FROZEN: Final = "ours frozen"
PROBE: Final = "logistic regression on the frozen features"
FASTAI: Final = f"fastai's fine_tune({_FINE_TUNE})"


def accuracy(lab: Lab) -> Result:
    """Fine-tuning at our defaults against the better of a linear probe on frozen features and fastai's `fine_tune`.

    Everybody has the same network, weights and divisions, and opaque copies of the images; the accuracy is that after
    the last epoch. The worse data set counts. A frozen run of ours is told beside it.
    """
    folders = [lab.data] if lab.data == FASHION or not FASHION.is_dir() else [lab.data, FASHION]
    missing = [] if FASHION in folders else ["Fashion-MNIST is not here (python tests/fetch_fashion_mnist.py)"]
    missing += [] if find_spec("fastai") is not None else ["fastai is not installed"]
    notes: list[str] = []
    margins: list[Estimate] = []
    for folder in folders:
        copies = lab.copies(folder)
        trees = tuple(lab.tree(seed, copies).folder for seed in range(lab.extent.seeds))
        found = _measured(lab, lab.task("freeze").but(tree=trees))
        margins.append(margin(found))
        notes += [f"{folder.name}: {name} {_shares(values)}" for name, values in found.items()]
    worst = min(margins, key=lambda each: each.value)
    target = None if missing else ACCURACY
    return Result(
        row="accuracy",
        what=f"accuracy of ours less that of the better rival, median of {lab.extent.seeds}, on the worse data set",
        unit=" points",
        found=worst,
        target=target,
        reached=target.reached(worst.value) if target else None,
        notes=(*notes, *(f"{each}: the target is not decided" for each in missing)),
    )


def margin(found: Mapping[str, Sequence[float]]) -> Estimate:
    """Return by how many points ours is ahead of the better rival, division by division.

    Args:
        found: Accuracy in each division, by the name of what was measured.
    """
    theirs = max((found[name] for name in (PROBE, FASTAI) if name in found), key=median)
    return estimate([100 * (one - other) for one, other in zip(found[OURS], theirs, strict=True)])


def _measured(lab: Lab, task: Task) -> dict[str, list[float]]:
    """Return the accuracy in each of the task's trees, by the name of what was measured."""
    asked = {OURS: task.but(mode="finetune"), OURS_FROZEN: task}
    if find_spec("fastai") is not None:
        asked = {FASTAI: task.but(kind="fastai", mode="finetune", epochs=_FINE_TUNE), **asked}  # the longest ones first
    single = [each.but(tree=(tree,), seed=seed) for each in asked.values() for seed, tree in enumerate(task.tree)]
    probed, *runs = lab.untimed([task.but(kind="probe"), *single])
    last = iter([run.last("epoch")["val_accuracy"] for run in runs])
    found = {name: [next(last) for _ in task.tree] for name in asked}
    return {**found, PROBE: [each["val_accuracy"] for each in probed.events]}


def _shares(values: Sequence[float]) -> str:
    return f"{median(values):.1%} ({', '.join(f'{each:.1%}' for each in values)})"
