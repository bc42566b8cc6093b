"""The row that asks whether an image costs the same in a large folder as in a small one."""

from statistics import median
from typing import Final

from tests.bench.lab import Lab
from tests.bench.result import Result, Target
from tests.bench.statistics import estimate, rotated
from tests.bench.trees import link_classes, write_images
from tests.bench.whole_run import WholeRun

FLAT: Final = Target(low=0.9, high=1.1)
TIMES: Final = 8


def growth(lab: Lab) -> Result:
    """Runs on N / 8, N and 8 N written images, all of which cost the same to read.

    What a run costs once would make an image in a small folder look dear, so the slopes are compared: what each image
    from N to 8 N costs more, by what each from N / 8 to N does.
    """
    extent = lab.extent
    sizes = (extent.growth // TIMES, extent.growth, extent.growth * TIMES)
    paths = write_images(lab.fresh("written"), sizes[-1], side=max(32, extent.image_size * 8 // 7), classes=2)
    folders = [link_classes(paths[:size], lab.fresh("growth")) for size in sizes]
    runs: list[list[WholeRun]] = [[] for _ in sizes]
    for turn in range(extent.runs):
        for index in rotated(len(sizes), turn):
            runs[index].append(lab.whole(lab.task("freeze").but(tree=(folders[index],))))
    cpu, seconds = (
        [slope_ratio(sizes, (few, some, many)) for few, some, many in zip(*costs, strict=True)]
        for costs in (
            [[run.cpu for run in each] for each in runs],
            [[run.last("run_ended")["seconds"] for run in each] for each in runs],
        )
    )
    found = estimate(seconds)
    medians = [median([run.last("run_ended")["seconds"] for run in each]) for each in runs]
    told = ", ".join(f"{size:,} images {each:.1f} s" for size, each in zip(sizes, medians, strict=True))
    return Result(
        row="growth",
        what=f"cost of a further image from {sizes[1]:,} to {sizes[2]:,}, of one up to {sizes[1]:,}",
        found=found,
        target=FLAT,
        reached=FLAT.reached(found.value),
        cpu=estimate(cpu),
        ours=max(run.peak for run in runs[-1]),
        notes=(told,),
    )


def slope_ratio(sizes: tuple[int, int, int], costs: tuple[float, float, float]) -> float:
    """Return the slope of the costs between the last two sizes, divided by that between the first two.

    Where noise hides the first slope, the size is too small to tell; the ratio is then huge instead of infinite.
    """
    early = (costs[1] - costs[0]) / (sizes[1] - sizes[0])
    late = (costs[2] - costs[1]) / (sizes[2] - sizes[1])
    return late / max(early, 1e-9)
