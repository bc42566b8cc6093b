"""The rows of the benchmark by name, in the order in which they are measured."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Literal

from cnnstudio.core.errors import InputError, did_you_mean
from tests.bench import block_rows, whole_rows
from tests.bench.accuracy_row import accuracy
from tests.bench.frames_row import gui_frames
from tests.bench.growth_row import growth
from tests.bench.lab import Lab
from tests.bench.result import Result
from tests.bench.whole_run import MeasuredError


@dataclass(frozen=True, slots=True)
class Row:
    """A row before it is measured.

    Attributes:
        name: As on the command line.
        measure: Measures it.
        lane: What it shares with other rows; rows of different lanes can be measured at the same time, which only a
            quick look may do.
    """

    name: str
    measure: Callable[[Lab], Result]
    lane: Literal["blocks", "runs"]


ROWS: Final = (
    Row("frozen-lite0", whole_rows.frozen, "runs"),
    Row("frozen-fastai", whole_rows.frozen_fastai, "runs"),
    Row("second-run", whole_rows.second_run, "runs"),
    Row("finetune-resnet18", block_rows.finetune, "blocks"),
    Row("of-the-limit", block_rows.of_the_limit, "blocks"),
    Row("live-views", block_rows.live_views, "blocks"),
    Row("gui-frames", gui_frames, "runs"),
    Row("finetune-recipe", block_rows.finetune_recipe, "blocks"),
    Row("finetune-fastai", block_rows.finetune_fastai, "blocks"),
    Row("finetune-timm", block_rows.finetune_timm, "blocks"),
    Row("memory", whole_rows.memory, "runs"),
    Row("growth", growth, "runs"),
    Row("accuracy", accuracy, "runs"),
)


def chosen(names: Sequence[str]) -> tuple[Row, ...]:
    """Return the rows of these names in our order; all of them for no name.

    Raises:
        InputError: There is no such row.
    """
    known = [row.name for row in ROWS]
    for name in names:
        if name not in known:
            raise InputError(f"there is no row {name}", remedy=did_you_mean(name, known))
    return tuple(row for row in ROWS if row.name in names or not names)


def measure_all(rows: Sequence[Row], lab: Lab) -> Iterator[Result]:
    """Measure rows one after the other, or the lanes side by side where times do not matter.

    Raises:
        InputError: The images cannot be used.
    """
    lab.tree()
    if lab.extent.one_by_one:
        for row in rows:
            sys.stderr.write(f"{row.name} …\n")
            yield measure(row, lab)
        return
    lanes = [[row for row in rows if row.lane == lane] for lane in ("blocks", "runs")]
    with ThreadPoolExecutor(len(lanes), thread_name_prefix="bench-lane") as executor:
        for done in executor.map(lambda lane: [measure(row, lab) for row in lane], lanes):
            yield from done


def measure(row: Row, lab: Lab) -> Result:
    """Measure a row; what goes wrong is told in its notes."""
    began = time.perf_counter()
    try:
        result = row.measure(lab)
    except MeasuredError as error:
        result = Result(row=row.name, what="failed", reached=False, notes=tuple(str(error).splitlines()))
    return replace(result, seconds=time.perf_counter() - began)
