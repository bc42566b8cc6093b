"""What is frozen stays as it was, bit for bit, and what learns has a rate of its own."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.events import EpochEnded, Event, RunEnded, RunStarted, StepEnded
from cnnstudio.engine.resume import read_checkpoint
from cnnstudio.engine.trainer import train
from cnnstudio.models.create import create
from cnnstudio.models.network import Network
from cnnstudio.models.weights import locate
from tests.models.made_weights import written
from tests.models.random_weights import random_network

Configure = Callable[..., Config]
SMALL = {"depth": 3, "width": 8}


@pytest.fixture
def trained() -> Network:
    """Return the network of weights that are worth keeping: three classes, and statistics of some images."""
    return random_network(32, classes=3, **SMALL)


@pytest.fixture
def transfer(configure: Configure, trained: Network, tmp_path: Path) -> Configure:
    """Return a function that makes a run from these weights."""
    file = written(tmp_path / "weights.safetensors", trained.state_dict(), "safetensors")

    def make(*changes: str) -> Config:
        sizes = [f"model.{name}={value}" for name, value in SMALL.items()]
        return configure(*sizes, f"model.pretrained='{file}'", *changes)

    return make


def run(config: Config, out: Path, listener: Callable[[Event], None] = lambda _event: None) -> list[Event]:
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        listener(event)

    train(config, sink, Control(), out=out)
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished", events[-1].message
    return events


def last(out: Path) -> dict[str, Tensor]:
    """Return the network as the run left it."""
    checkpoint, _ = read_checkpoint(out)
    assert checkpoint is not None
    return dict(checkpoint.network)


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """Return the keys whose bits differ; those of new last layers do in any case."""
    assert before.keys() == after.keys()
    return {key for key in before if before[key].shape != after[key].shape or not torch.equal(before[key], after[key])}


def keys_of(network: Network, stages: slice) -> set[str]:
    paths = tuple(f"{path}." for stage in network.stages[stages] for path in stage.modules)
    return {key for key in network.state_dict() if key.startswith(paths)}


@pytest.mark.parametrize("whole", [False, True], ids=["features", "whole"])
def test_frozen_weights_and_statistics_stay_bit_identical(
    transfer: Configure, trained: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Whether features of the frozen part are kept or it runs in every step, in training mode all around it."""
    if whole:
        scarce = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=4096))
        monkeypatch.setattr("cnnstudio.engine.feature_room.psutil", scarce)
        monkeypatch.setattr("cnnstudio.engine.feature_room.disk_room", lambda: 0)
    run(transfer("transfer.mode=freeze", "transfer.train_last=2", "model.dropout2d=0.1"), tmp_path / "run")
    frozen, learning = keys_of(trained, slice(-2)), keys_of(trained, slice(-2, None))
    assert {key.rpartition(".")[2] for key in frozen} == {
        *("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    for after in (last(tmp_path / "run"), load_file(tmp_path / "run" / "model.safetensors")):
        assert changed(trained.state_dict(), after) == learning


def test_bundled_weights_stay_bit_identical_where_they_are_frozen(configure: Configure, tmp_path: Path) -> None:
    config = configure(
        *("model.arch=efficientnet_lite0", "transfer.mode=freeze", "transfer.train_last=2", "data.image_size=64"),
        *("train.epochs=1", "compute.precision=float32"),
    )
    events = run(config, tmp_path / "run")
    started = next(event for event in events if isinstance(event, RunStarted))
    assert started.weights.startswith("EfficientNet-Lite0, ImageNet")
    after = changed(locate(config).read(), last(tmp_path / "run"))
    assert {".".join(key.split(".")[:2]) for key in after} == {"features.8", "classifier.1"}
    assert {"features.8.1.running_mean", "features.8.1.num_batches_tracked"} <= after


def test_the_first_phase_leaves_what_is_frozen_and_the_second_moves_everything(
    transfer: Configure, trained: Network, tmp_path: Path
) -> None:
    first: list[dict[str, Tensor]] = []

    def listener(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 1:
            first.append(load_file(tmp_path / "run" / "model.safetensors"))

    config = transfer("transfer.mode=freeze_then_finetune", "transfer.train_last=2", "train.epochs=4")
    events = run(config, tmp_path / "run", listener)
    before = trained.state_dict()
    assert changed(before, first[0]) == keys_of(trained, slice(-2, None))
    assert changed(before, last(tmp_path / "run")) == set(before)
    started = next(event for event in events if isinstance(event, RunStarted))
    assert 0 < started.trainable < started.parameters


def test_a_stage_that_is_kept_still_by_its_rate_keeps_its_statistics_too(
    transfer: Configure, trained: Network, tmp_path: Path
) -> None:
    config = transfer("transfer.mode=finetune", "train.epochs=1")
    run(config.replace("transfer.lr_multipliers", {"stage2": 0}), tmp_path / "run")
    still = keys_of(trained, slice(1, 2))
    assert changed(trained.state_dict(), last(tmp_path / "run")) == set(trained.state_dict()) - still


def test_early_stages_move_less_than_late_ones(transfer: Configure, trained: Network, tmp_path: Path) -> None:
    settings = ("transfer.mode=finetune", "train.epochs=1", "train.optimizer=adamw", "train.schedule=constant")
    distances = {}
    for decay in (1.0, 0.1):
        run(transfer(*settings, f"transfer.lr_decay={decay}"), tmp_path / f"run{decay}")
        after = last(tmp_path / f"run{decay}")
        before = trained.state_dict()
        moved = [key for key in before if key.endswith("weight") and before[key].ndim == 4]
        distances[decay] = [(after[key] - before[key]).abs().mean().item() for key in moved]
    shares = [small / large for small, large in zip(distances[0.1], distances[1.0], strict=True)]
    assert shares == pytest.approx([1e-3, 1e-2, 1e-1, 1e-1], rel=0.3)  # the last stage has two convolutions


@pytest.mark.parametrize(
    ("settings", "heads"),
    [
        (["model.aux=0.3"], ["aux1", "aux2"]),
        (["model.aux=0"], []),
        (["transfer.mode=freeze", "model.pretrained=false"], []),
    ],
    ids=str,
)
def test_auxiliary_losses_are_told_head_by_head_while_they_learn(
    configure: Configure, tmp_path: Path, settings: list[str], heads: list[str]
) -> None:
    config = configure("model.arch=googlenet", "train.epochs=1", "data.batch_size=19", *settings)
    steps = [event for event in run(config, tmp_path / "run") if isinstance(event, StepEnded)]
    assert len(steps) == 2
    for step in steps:
        assert sorted(step.aux_losses) == heads
        assert all(0 < loss < 10 for loss in step.aux_losses.values())


def test_auxiliary_heads_learn_by_their_weight(configure: Configure, tmp_path: Path) -> None:
    """With next to no weight they hardly move; Adam would hide that, plain descent does not."""
    moved = {}
    for weight in (1.0, 0.001):
        settings = ("model.arch=googlenet", "train.epochs=1", "train.optimizer=sgd", "train.schedule=constant")
        config = configure(*settings, "data.batch_size=38", f"model.aux={weight}", "train.lr=0.001")
        run(config, tmp_path / f"run{weight}")
        torch.manual_seed(config.train.seed)
        before, _ = create(config, classes=2)
        after = last(tmp_path / f"run{weight}")["aux1.fc2.bias"]
        moved[weight] = (after - before.state_dict()["aux1.fc2.bias"]).abs().max().item()
    assert moved[0.001] == pytest.approx(moved[1.0] / 1000, rel=0.1)
