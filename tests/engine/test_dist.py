"""Many processes that train one network: who takes which images, and whole runs under torchrun."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import EpochEnded, Event, RunEnded, StepEnded
from cnnstudio.core.serial import from_line
from cnnstudio.engine.checkpoint import RunFolder
from cnnstudio.engine.device import Compute
from cnnstudio.engine.dist import World
from cnnstudio.engine.evaluate import load_model
from cnnstudio.engine.losses import losses
from cnnstudio.engine.standing import LAUNCH, standing
from cnnstudio.engine.trainer import train
from tests.engine.conftest import Configure

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "TORCHELASTIC_RUN_ID": "job 7"}
PATIENCE = 100  # seconds after which a run counts as hanging

# The program, with a process that dies in its `calls`th look at what is wanted of it, unless it was started anew.
DYING = """
import os, signal, sys
from cnnstudio import cli
from cnnstudio.core.control import Control

rank, calls = sys.argv[1:3]
check, count = Control.check, 0

def dying(self, while_paused=None):
    global count
    count += 1
    if (str(count), os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]) == (calls, rank, "0"):
        os.kill(os.getpid(), signal.SIGKILL)
    check(self, while_paused)

Control.check = dying
sys.exit(cli.main(sys.argv[3:]))
"""


def test_a_process_without_torchrun_is_alone() -> None:
    world = World.of_environment({})
    assert world == World()
    assert (world.many, world.leads) == (False, True)
    batch = torch.arange(5)
    share = world.share(batch)
    assert (share.indices.tolist(), share.own, share.whole, share.weight) == ([0, 1, 2, 3, 4], 5, True, 1.0)
    module = nn.Linear(2, 2)
    assert world.spread(module, None) is module  # type: ignore[arg-type]  # not even looked at
    assert world.any_of(True, False) == (True, False)
    assert world.from_leader(lambda: 7) == world.together(lambda: 7) == 7
    assert not torch.distributed.is_initialized()


def test_torchrun_tells_who_a_process_is() -> None:
    world = World.of_environment({**TORCHRUN, "TORCHELASTIC_RESTART_COUNT": "2"})
    assert world == World(rank=3, size=4, local_rank=1, launch="job 7", restarts=2)
    assert (world.many, world.leads) == (True, False)


@pytest.mark.parametrize("change", [{"RANK": "4"}, {"RANK": "-1"}, {"LOCAL_RANK": "x"}, {"WORLD_SIZE": "0"}])
def test_an_environment_that_contradicts_itself_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(InputError, match="torchrun"):
        World.of_environment({**TORCHRUN, **change})


def test_what_is_missing_in_the_environment_is_refused() -> None:
    with pytest.raises(InputError, match="MASTER_ADDR"):
        World.of_environment({name: value for name, value in TORCHRUN.items() if name != "MASTER_ADDR"})


@given(st.lists(st.integers(0, 999), min_size=1, max_size=40, unique=True), st.integers(1, 9))
def test_every_image_of_a_batch_is_one_ranks_own(images: list[int], size: int) -> None:
    batch = torch.tensor(images)
    worlds = [World(rank=rank, size=size, local_rank=rank) for rank in range(size)]
    shares = [world.share(batch) for world in worlds]
    own = [each for share in shares for each in share.indices[: share.own].tolist()]
    assert sorted(own) == sorted(images)
    assert [world.own(batch).tolist() for world in worlds] == [each.indices[: each.own].tolist() for each in shares]
    counts = [share.own for share in shares]
    assert max(counts) - min(counts) <= 1
    for share in shares:
        seen = share.indices.tolist()
        assert len(seen) >= min(2, len(images))  # enough for BatchNorm
        assert len(set(seen)) == len(seen)
        assert set(seen) <= set(images)
    assert sum(share.weight for share in shares) / size == pytest.approx(1)


@given(st.integers(1, 12), st.integers(1, 5))
def test_weighted_shares_give_the_gradient_of_the_whole_batch(count: int, size: int) -> None:
    torch.manual_seed(count)
    inputs, labels = torch.randn(count, 3, dtype=torch.float64), torch.randint(4, (count,))
    weights = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    config = Config()
    (whole,) = torch.autograd.grad(losses(inputs @ weights, labels, config).total, weights)
    mean = torch.zeros_like(whole)
    for rank in range(size):
        share = World(rank=rank, size=size).share(torch.arange(count))
        counting = share.indices[: max(1, share.own)]
        found = losses(inputs[counting] @ weights, labels[counting], config).total * share.weight
        (gradient,) = torch.autograd.grad(found, weights)
        mean += gradient / size
    torch.testing.assert_close(mean, whole)


@pytest.mark.parametrize(("launch", "restarts", "ours"), [("job 7", 0, True), ("none", 1, True), ("none", 0, False)])
def test_processes_started_anew_go_on_in_their_own_folder(
    launch: str, restarts: int, ours: bool, tmp_path: Path
) -> None:
    world = World(launch=launch, restarts=restarts)
    RunFolder.make(tmp_path / "run", Config(), ("ant",)).close()
    with pytest.raises(InputError, match="nothing is overwritten"):  # somebody else's
        standing(world, tmp_path / "run", resume=False)
    (tmp_path / "run" / LAUNCH).write_text(launch)
    if ours:
        assert standing(world, tmp_path / "run", resume=False)[:3] == (None, "", True)
    else:
        with pytest.raises(InputError, match="nothing is overwritten"):
            standing(world, tmp_path / "run", resume=False)


def test_apples_gpus_train_in_one_process_only() -> None:
    config = Config().replace("compute.device", "mps")
    with pytest.raises(InputError, match=r"compute\.device"):
        World(size=2).with_own_device(config)
    assert World().with_own_device(config) is config
    cuda = Config().replace("compute.device", "cuda:0")  # as the configuration of a run that goes on has it
    assert World(rank=5, size=8, local_rank=1).with_own_device(cuda).compute.device == "cuda:1"


def test_it_is_said_where_batchnorm_sees_a_share_only() -> None:
    compute = Compute(torch.device("cpu"), "", "float32", torch.contiguous_format)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    (said,) = World(size=2).notes(Config(), network, compute)
    assert said.startswith("each of the 2 processes normalises its own share of a batch")
    assert World().notes(Config(), network, compute) == ()
    network.requires_grad_(False)  # then its statistics are not those of a batch
    assert World(size=2).notes(Config(), network, compute) == ()


# Whole runs


class Launch:
    """A run under torchrun."""

    def __init__(self, tmp_path: Path, config: Config, *program: str, processes: int, restarts: int = 0) -> None:
        self.out = tmp_path / "run"
        (tmp_path / "config.toml").write_text(config.to_toml())
        begin = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        begin += ["--max-restarts", str(restarts), *program]
        end = ["train", str(tmp_path / "config.toml"), "--out", str(self.out), "--json"]
        environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0"}
        environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, *begin, *end], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
        )

    def interrupt_after(self, event: str) -> None:
        """Press Ctrl-C as soon as the run has told something."""
        log, deadline = self.out / "events.jsonl", time.monotonic() + PATIENCE
        while not log.exists() or f'"{event}"' not in log.read_text():
            assert time.monotonic() < deadline, "the run does not begin"
            time.sleep(0.05)
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, list[dict[str, Any]], str]:
        """Wait for the end; return exit code, lines on stdout and stderr."""
        try:
            out, err = self._process.communicate(timeout=PATIENCE)
        finally:
            self._process.kill()
        return self._process.returncode, [json.loads(line) for line in out.splitlines()], err

    def log(self) -> list[Event]:
        return [from_line(line) for line in (self.out / "events.jsonl").read_text().splitlines()]


@pytest.fixture
def plain(configure: Configure) -> Callable[..., Config]:
    """Return a function that configures a run whose figures do not depend on who computes which image."""

    def make(*changes: str) -> Config:
        quick = ("model.batchnorm=false", "model.depth=2", "model.width=8", "data.batch_size=9", "data.augment=true")
        exact = ("compute.device=cpu", "compute.precision=float32", "compute.memory_format=contiguous")
        return configure(*quick, *exact, *changes)

    return make


def losses_of(events: Sequence[Event]) -> list[tuple[float, ...]]:
    figures: list[tuple[float, ...]] = []
    for event in events:
        if isinstance(event, StepEnded):
            figures.append((event.step, event.loss, event.accuracy))
        elif isinstance(event, EpochEnded):
            figures.append((event.epoch, event.train_loss, event.val_loss, event.val_accuracy))
    return figures


@pytest.mark.slow
def test_nothing_that_trained_in_step_lives_on(plain: Callable[..., Config], tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import gc, sys\n"
        "from cnnstudio import cli\n"
        "gc.disable()  # what is found below is freed by the program, not by chance\n"
        "code = cli.main(sys.argv[1:])\n"
        "from torch.nn.parallel import DistributedDataParallel\n"
        "left = sum(isinstance(each, DistributedDataParallel) for each in gc.get_objects())\n"
        "sys.exit(code or left)\n"
    )
    code, _, err = Launch(tmp_path, plain("train.epochs=1"), str(script), processes=2).end()
    assert code == 0, err


@pytest.mark.slow
def test_three_processes_train_as_one_does(plain: Callable[..., Config], tmp_path: Path) -> None:
    config = plain()  # of 38 images, 9 at a time, the last batch has 2: one process has none
    launch = Launch(tmp_path, config, "-m", "cnnstudio", processes=3)
    code, lines, err = launch.end()
    assert code == 0, err
    alone: list[Event] = []
    train(config, alone.append, Control(), out=tmp_path / "alone")
    told = [from_line(json.dumps(line)) for line in lines if line["event"] != "phase"]
    assert losses_of(told) == losses_of(launch.log())  # one process speaks, and the same one writes
    for ours, theirs in zip(losses_of(told), losses_of(alone), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)
    assert lines[-1]["reason"] == "finished"
    image = next(Path(config.data.folder).glob("*/*.png"))
    answers = [load_model(folder, device="cpu").predict(image) for folder in (launch.out, tmp_path / "alone")]
    assert answers[0].probabilities == pytest.approx(answers[1].probabilities, abs=1e-3)


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_and_keeps_the_run(plain: Callable[..., Config], tmp_path: Path) -> None:
    launch = Launch(tmp_path, plain("train.epochs=1000"), "-m", "cnnstudio", processes=2, restarts=1)
    launch.interrupt_after("epoch")
    _, lines, err = launch.end()
    ended = launch.log()[-1]
    assert isinstance(ended, RunEnded), err
    assert ended.reason == "stopped"
    assert lines[-1]["event"] == "run_ended"
    assert (launch.out / "last.ckpt").is_file()
    assert load_model(launch.out, device="cpu").classes == ("left", "top")


@pytest.mark.slow
def test_a_process_that_dies_is_started_anew_and_the_run_finishes(plain: Callable[..., Config], tmp_path: Path) -> None:
    program = tmp_path / "dying.py"
    program.write_text(DYING)
    # A look for each batch: in the third epoch, behind a checkpoint.
    launch = Launch(tmp_path, plain("train.epochs=3"), str(program), "1", "20", processes=2, restarts=1)
    code, _, err = launch.end()
    assert code == 0, err
    events = launch.log()
    openings = [event.resumed_step for event in events if event.event == "run_started"]  # type: ignore[union-attr]
    assert openings[0] == 0
    assert openings[1] > 0
    assert [event.epoch for event in events if isinstance(event, EpochEnded)][-1] == 3
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished"
