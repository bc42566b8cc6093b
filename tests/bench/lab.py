"""What the rows share: trees of images, sides that are warm already, and whole runs that were measured already."""

import contextlib
import itertools
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from cnnstudio.core.config import load_config
from cnnstudio.data.scan import Catalog
from cnnstudio.models.weight_sources import available, weight_source
from tests.bench.extent import Extent
from tests.bench.machine import usable_cores
from tests.bench.side import Block, Side, interleaved
from tests.bench.statistics import rotated
from tests.bench.task import Mode, Task
from tests.bench.trees import Tree, link_tree, opaque_copies, readable
from tests.bench.whole_run import WholeRun, run_whole

_ARCH: Final[dict[Mode, str]] = {"freeze": "efficientnet_lite0", "finetune": "resnet18"}
_CORES: Final = 3  # that a run takes with its loader processes


@dataclass(frozen=True, slots=True)
class Compared:
    """Whole runs of two sides, taken in turn; the runs with the same index are a pair.

    Attributes:
        ours: Of `train` by the command line.
        peer: Of the other side.
        control: Of ours again; empty where equal sides are not compared, as with `finetune`.
        caches: The user's cache folder that each of ours left behind.
    """

    ours: tuple[WholeRun, ...]
    peer: tuple[WholeRun, ...]
    control: tuple[WholeRun, ...]
    caches: tuple[Path, ...]


class Lab:
    """Gives the rows what they measure with; leaving it as a context ends all processes."""

    def __init__(self, data: Path, folder: Path, extent: Extent, *, most: int | None = None) -> None:
        """Prepare nothing yet.

        Args:
            data: One folder of images for each class.
            folder: An empty folder for everything that is written.
            extent: How much to measure.
            most: Take no more images of `data` than this.
        """
        self.extent = extent
        self.folder = folder
        self.data = data
        self._most = most
        self._numbers = itertools.count()
        self._sides: dict[str, Side] = {}
        self._open = contextlib.ExitStack()
        self._compared: dict[Mode, Compared] = {}
        self._catalogs: dict[Path, Catalog] = {}
        self._trees: dict[tuple[Path, int], Tree] = {}
        self._first: list[tuple[WholeRun, Path]] = []

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def tree(self, seed: int = 0, data: Path | None = None) -> Tree:
        """Return the tree of the division that a seed decides, of the images that every side can read.

        Args:
            seed: Of the division.
            data: The folder of images, if it is another.
        """
        folder = self.data if data is None else data
        if (folder, seed) not in self._trees:
            self._trees[folder, seed] = link_tree(self._catalog(folder), self.fresh("tree"), seed=seed)
        return self._trees[folder, seed]

    def copies(self, data: Path) -> Path:
        """Return a folder of opaque copies of images, no larger than training wants them."""
        return opaque_copies(self._catalog(data), self.fresh("copies"), side=2 * self.extent.image_size)

    def _catalog(self, folder: Path) -> Catalog:
        if folder not in self._catalogs:
            self._catalogs[folder] = readable(folder, most=self._most)
        return self._catalogs[folder]

    def fresh(self, name: str) -> Path:
        """Return the path of a folder that is not there yet."""
        return self.folder / f"{name}-{next(self._numbers)}"

    @cached_property
    def weights(self) -> str:
        """The file of torchvision's weights of ResNet-18; empty where it is not here, and all start at random."""
        source = weight_source("resnet18", batchnorm=True)
        found = available(source) if source is not None else None
        return "" if found is None else str(found)

    def task(self, mode: Mode) -> Task:
        """Return our side's task."""
        extent = self.extent
        return Task(
            kind="ours",
            tree=(self.tree().folder,),
            arch=_ARCH[mode],
            mode=mode,
            weights=self.weights if mode == "finetune" else "",
            batch=extent.batch,
            image_size=extent.image_size,
            epochs=extent.epochs,
            warm_up=extent.warm_up,
        )

    def command(self, task: Task, out: Path) -> list[str]:
        """Return the command line of a whole run of ours."""
        settings = [f"--set={each}" for each in task.settings()]
        command = [sys.executable, "-m", "cnnstudio", "train", "--data", str(task.tree[0]), "--out", str(out), "--json"]
        load_config(None, task.settings())  # said here and not by each process
        return [*command, *settings]

    def whole(self, task: Task, cache: Path | None = None, *, timed: bool = True) -> WholeRun:
        """Measure one whole process, with an empty cache unless an earlier run's is given."""
        out = self.fresh("run")
        if task.kind == "ours":
            command = self.command(task, out)
        else:
            module = "tests.bench.probe" if task.kind == "probe" else "tests.bench.worker"
            command = [sys.executable, "-m", module, task.to_json()]
        sys.stderr.write(f"  a whole run: {task.kind}, {task.mode}, {task.arch}\n")
        return run_whole(command, cache=self.fresh("cache") if cache is None else cache, timed=timed)

    def untimed(self, tasks: Sequence[Task]) -> list[WholeRun]:
        """Run whole processes of which only the outcome counts, several at a time where there are cores for them."""
        at_once = usable_cores() // _CORES
        if at_once < 2:
            return [self._untimed(task) for task in tasks]
        with ThreadPoolExecutor(at_once, thread_name_prefix="bench-whole") as executor:
            return list(executor.map(self._untimed, tasks))

    def _untimed(self, task: Task) -> WholeRun:
        """Run a whole process, and tell its accuracy at once: it is known also if a later one is interrupted."""
        run = self.whole(task, timed=False)
        told = ", ".join(f"{each['val_accuracy']:.2%}" for each in run.events if "val_accuracy" in each)
        sys.stderr.write(f"  {task.kind}, {task.mode}, seed {task.seed}, {task.tree[0].name}: {told}\n")
        return run

    def compared(self, mode: Mode) -> Compared:
        """Measure whole runs of ours and the tutorial in turn; a second call gives the same runs."""
        if mode not in self._compared:
            self._compared[mode] = self._compare(mode)
        return self._compared[mode]

    def first_runs(self, count: int) -> list[tuple[WholeRun, Path]]:
        """Return frozen runs of ours that found nothing in the user's cache, and the caches that they left behind.

        Those that were compared already are taken first; no peer runs for the others.
        """
        known = self._compared.get("freeze")
        if known is not None:
            self._first = list(zip(known.ours, known.caches, strict=True))
        while len(self._first) < count:
            cache = self.fresh("cache")
            self._first.append((self.whole(self.task("freeze"), cache), cache))
        return self._first[:count]

    def _compare(self, mode: Mode) -> Compared:
        extent = self.extent
        ours = self.task(mode)
        tutorial = ours.but(kind="tutorial", epochs=extent.peer_epochs)
        sides = [ours, tutorial, ours] if extent.control else [ours, tutorial]
        if mode == "finetune":  # only its peak of memory is asked for, which one epoch shows
            sides = [each.but(epochs=1) for each in sides[:2]]
        runs: list[list[WholeRun]] = [[] for _ in sides]
        caches: list[Path] = []
        for turn in range(extent.runs):
            for index in rotated(len(sides), turn):
                cache = self.fresh("cache")
                runs[index].append(self.whole(sides[index], cache))
                if index == 0:
                    caches.append(cache)
        control = tuple(runs[2]) if len(runs) > 2 else ()
        return Compared(tuple(runs[0]), tuple(runs[1]), control, tuple(caches))

    def blocks(self, peer: Task) -> tuple[list[Block], list[Block], list[Block]]:
        """Let our side fine-tune in turn with a peer, and with itself once more as control.

        Returns:
            The blocks of ours, the peer and the control (none where equal sides are not compared).
        """
        with self.started(peer) as other:
            names = ["ours", "control"] if self.extent.control else ["ours"]
            ours = [self._side(name) for name in names]
            found = interleaved([ours[0], other, *ours[1:]], rounds=self.extent.pairs, images=self._block())
        return found[0], found[1], found[2] if self.extent.control else []

    @contextlib.contextmanager
    def started(self, task: Task) -> Iterator[Side]:
        """Start a side for one row; where time is short, those that all rows share start at the same time."""
        with Side(task, self.fresh("cache")) as side:
            if not self.extent.one_by_one and "ours" not in self._sides:
                self._side("ours")
            side.ready()
            yield side

    def _side(self, name: str) -> Side:
        """Return a side of ours that all rows share; it stays warm between them."""
        if name not in self._sides:
            side = self._open.enter_context(Side(self.task("finetune"), self.fresh("cache")))
            side.ready()
            self._sides[name] = side
        return self._sides[name]

    def _block(self) -> int:
        """Return how many images a block has: an epoch holds it, and the reports that settle before it."""
        return max(self.extent.batch, min(self.extent.block, self.tree().train // 2))
