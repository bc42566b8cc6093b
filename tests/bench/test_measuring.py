"""What a process costs, measured on processes whose cost is known."""

import sys
from pathlib import Path

import pytest

from cnnstudio.core.errors import InputError
from tests.bench.extent import Extent
from tests.bench.growth_row import slope_ratio
from tests.bench.result import Result, Target
from tests.bench.rows import ROWS, chosen
from tests.bench.statistics import Estimate
from tests.bench.table import cells
from tests.bench.task import Task
from tests.bench.whole_rows import _projected
from tests.bench.whole_run import MeasuredError, WholeRun, run_whole

pytestmark = pytest.mark.nightly  # they watch processes, whose turn comes late on a busy machine

MEGA = 2**20

HUNGRY = """
import json, os, sys, time
block = bytearray(os.urandom(1)) * (60 * 2**20)
child = os.fork()
if child == 0:
    own = bytearray(b"x") * (80 * 2**20)
    ends = time.monotonic() + 0.6
    while time.monotonic() < ends:
        pass
    os._exit(0)
os.waitpid(child, 0)
print(json.dumps({"event": "done", "cache": os.environ["XDG_CACHE_HOME"]}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="shared pages are counted once on Linux only")
def test_children_count_and_shared_pages_count_once(tmp_path: Path) -> None:
    run = run_whole([sys.executable, "-c", HUNGRY], cache=tmp_path / "cache", every=0.05)
    assert 140 * MEGA <= run.peak < 190 * MEGA  # 60 of both, 80 of the child, and the interpreter
    assert run.cpu >= 0.3
    assert run.wall >= 0.6
    assert run.last("done")["cache"] == str(tmp_path / "cache")


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(MeasuredError, match="ended with 3:\nbad news"):
        run_whole(
            [sys.executable, "-c", "import sys; print('bad news', file=sys.stderr); sys.exit(3)"], cache=tmp_path / "c"
        )


def test_epochs_that_were_not_run_are_projected_without_the_warm_up() -> None:
    events = (
        {"event": "warm", "seconds": 3.0, "cpu": 4.0},
        {"event": "epoch", "seconds": 10.0, "cpu": 15.0},
        {"event": "epoch", "seconds": 12.0, "cpu": 17.0},
    )
    run = WholeRun(wall=30.0, cpu=38.0, peak=0, events=events)
    assert _projected(run, 25) == (5.0 + 25 * 11.0, 2.0 + 25 * 16.0)


def test_a_run_to_its_end_is_taken_as_it_is() -> None:
    events = tuple({"event": "epoch", "seconds": 2.0, "cpu": 3.0} for _ in range(25))
    assert _projected(WholeRun(wall=54.0, cpu=77.0, peak=0, events=events), 25) == (54.0, 77.0)
    assert Extent().extrapolated
    assert not Extent(peer_epochs=25).extrapolated


def test_what_a_run_costs_once_does_not_matter_for_the_growth() -> None:
    assert slope_ratio((32, 256, 2048), (5 + 32 * 0.1, 5 + 256 * 0.1, 5 + 2048 * 0.1)) == pytest.approx(1.0)
    assert slope_ratio((10, 20, 40), (1.0, 2.0, 8.0)) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("target", "value", "reached"),
    [
        (Target(low=2.8), 2.8, True),
        (Target(low=2.8), 2.79, False),
        (Target(high=1.0), 1.01, False),
        (Target(low=0.9, high=1.1), 1.0, True),
        (Target(low=0.9, high=1.1), 1.2, False),
    ],
)
def test_targets(target: Target, value: float, reached: bool) -> None:
    assert target.reached(value) is reached


def test_a_task_survives_its_way_to_the_process() -> None:
    task = Task(kind="tutorial", tree=(Path("/a b"), Path("/ö")), mode="freeze", arch="efficientnet_lite0", epochs=3)
    assert Task.from_json(task.to_json()) == task


def test_resnet_starts_from_the_same_weights_on_both_sides() -> None:
    task = Task(kind="ours", tree=())
    assert "model.pretrained=false" in task.settings()
    assert "model.pretrained=/w.pth" in task.but(weights="/w.pth").settings()
    assert not any("pretrained" in each for each in task.but(arch="efficientnet_lite0", mode="freeze").settings())


def test_rows_are_chosen_by_name_and_a_wrong_one_is_corrected() -> None:
    assert chosen([]) == ROWS
    assert [row.name for row in chosen(["growth", "frozen-lite0"])] == ["frozen-lite0", "growth"]
    with pytest.raises(InputError, match="did you mean live-views"):
        chosen(["live-view"])


def test_a_row_of_the_table() -> None:
    result = Result(
        row="of-the-limit",
        what="",
        unit=" %",
        found=Estimate(91.26, 88.0, 93.44, 10),
        target=Target(low=85.0),
        reached=True,
        control=Estimate(1.0, 0.98, 1.02, 10),
        ours=1_500_000_000,
        peer=2_000_000_000,
        seconds=61.4,
    )
    assert cells(result) == (
        "of-the-limit",
        "91.3 %",
        "≥ 85 %",
        "yes",
        "88.0 … 93.4",
        "0.98 … 1.02",
        "–",
        "1.50 / 2.00 GB",
        "61",
    )
