"""The row that asks what the live views cost the window's thread."""

import sys
from statistics import median
from typing import Final

from tests.bench.lab import Lab
from tests.bench.result import Result, Target
from tests.bench.statistics import estimate
from tests.bench.trees import link_classes, write_images
from tests.bench.whole_run import run_whole

SMOOTH: Final = Target(high=8.0)
_KINDS: Final = ("view", "control")
_SIDE: Final = 96


def gui_frames(lab: Lab) -> Result:
    """The window beside a training of ResNet-18 in its thread, with each live view in turn.

    A tick is all that the thread computes from one tick of the window's timer to the next: events are taken from the
    mailbox, the view takes its pictures, and the window is painted anew. What it takes while a view opens, from the
    press on its name until a second after its first picture, is told apart: its widgets are made then.

    On a machine that is shared with others, processor time varies too. How much so is told by a piece of work that is
    always the same.
    """
    extent = lab.extent
    side = min(_SIDE, extent.image_size)
    paths = write_images(lab.fresh("written"), extent.growth, side=side)
    folder = link_classes(paths, lab.fresh("frames"))
    settings = [
        *("model.arch=resnet18", "model.pretrained=false", "model.dropout2d=0.1", "transfer.mode=scratch"),
        *(f"data.image_size={side}", f"data.batch_size={extent.batch}", "train.epochs=10000"),
    ]
    command = [sys.executable, "-m", "tests.bench.frames", str(folder), str(extent.view_seconds)]
    command += [f"--set={each}" for each in settings]
    told = [run_whole(command, cache=lab.fresh("cache")).events for _ in range(extent.runs)]
    runs, controls = ([[each for each in events if each["event"] == kind] for events in told] for kind in _KINDS)
    views = [str(each["view"]) for each in runs[0]]
    dearest = max(range(len(views)), key=lambda at: median([float(run[at]["tick"]) for run in runs]))
    found = estimate([float(run[dearest]["tick"]) for run in runs])
    usual, slow = (median([float(each[key]) for (each,) in controls]) for key in ("usual", "slow"))
    notes = [f"a piece of work that is always the same: {usual:.1f} ms (median), {slow:.1f} ms (p99)"]
    for at, view in enumerate(views):
        figures = {
            key: median([float(run[at][key]) for run in runs])
            for key in ("opening", "tick", "tick_longest", "late", "late_longest", "pictures")
        }
        notes.append(
            f"{view}: a tick {figures['tick']:.1f} ms (p99), {figures['tick_longest']:.1f} at most, "
            f"{figures['opening']:.1f} while it opens; a timer of 16 ms {figures['late']:.1f} ms late "
            f"(p99), {figures['late_longest']:.1f} at most; {figures['pictures']:.1f} pictures/s"
        )
    return Result(
        row="gui-frames",
        what="processor time of the window's thread in a tick of 33 ms (p99), with the dearest live view",
        unit=" ms",
        found=found,
        target=SMOOTH,
        reached=SMOOTH.reached(found.value),
        notes=tuple(notes),
    )
