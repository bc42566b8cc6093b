"""Whole runs on a CUDA device: nothing waits for it within a step, and memory, bits and numbers are as promised."""

import hashlib
import subprocess
import sys
import warnings as warning
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.events import EpochEnded, Event, RunStarted, StepEnded
from cnnstudio.data.row_store import RowStore
from cnnstudio.engine.feed import FeatureFeed, PixelFeed
from cnnstudio.engine.trainer import train
from tests.engine.faults import ending, warnings
from tests.engine.resumed_runs import assert_same_state, resume, run, told

Configure = Callable[..., Config]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
DETERMINISTIC = ("compute.device=cuda", "compute.deterministic=true")
FINETUNED = ("transfer.mode=finetune", "model.pretrained=false")
FROZEN = ("transfer.mode=freeze", "model.pretrained=false")


@pytest.mark.parametrize(
    "switches",
    [
        ("data.augment=true",),
        ("train.optimizer=sgd", "train.mix=mixup", "train.ema=0.9"),
        ("train.mix=cutmix", "model.dropout2d=0.2"),
        ("compute.precision=float16",),
        ("model.arch=googlenet", "data.image_size=64", "data.batch_size=4"),
        FROZEN,
    ],
)
def test_no_step_waits_for_the_device(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switches: tuple[str, ...]
) -> None:
    """Between the first step of an epoch and its last, which is reported, whatever waits for the device raises."""
    monkeypatch.setattr("cnnstudio.engine.loop._REPORTS_AN_EPOCH", 1)
    steps = 0

    def watched(really: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
        def training(feed: Any, indices: Tensor) -> Tensor:
            nonlocal steps
            steps += 1
            quiet = steps % a_epoch in range(2, a_epoch)
            torch.cuda.set_sync_debug_mode("error" if quiet else "default")
            return really(feed, indices)

        return training

    for kind in (PixelFeed, FeatureFeed):
        monkeypatch.setattr(kind, "training", watched(kind.training))
    with warning.catch_warnings():
        warning.simplefilter("ignore")  # that torch may not see all that waits; said once a process
        torch.cuda.set_sync_debug_mode("warn")
        torch.cuda.set_sync_debug_mode("default")
    config = configure("compute.device=cuda", *switches)
    a_epoch = 10 if config.data.batch_size == 4 else 5
    try:
        ended = ending(run(config, tmp_path / "run"))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert (ended.reason, ended.message) == ("finished", "")
    assert steps == 2 * a_epoch


@pytest.mark.parametrize("arch", ["compact", "resnet18", "vgg11", "googlenet", "mobilenet_v3_small"])
def test_fresh_processes_give_the_same_bits(configure: Configure, tmp_path: Path, arch: str) -> None:
    config = configure(
        *DETERMINISTIC, *FINETUNED, f"model.arch={arch}", "data.image_size=96", "data.augment=true", "train.epochs=1"
    )
    (tmp_path / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    found = []
    for name in ("one", "other"):
        paths = [str(tmp_path / "config.toml"), "--out", str(tmp_path / name)]
        command = [sys.executable, "-m", "cnnstudio", "train", *paths]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(hashlib.sha256((tmp_path / name / "model.safetensors").read_bytes()).hexdigest())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "switches", [(*FINETUNED, "data.augment=true", "model.dropout2d=0.2", "train.ema=0.9"), FROZEN]
)
def test_a_deterministic_run_goes_on_to_the_same_bits(
    configure: Configure, tmp_path: Path, switches: tuple[str, ...]
) -> None:
    config = configure(*DETERMINISTIC, *switches)
    whole = run(config, tmp_path / "whole")
    first = run(config, tmp_path / "parts", stop_at=7)
    assert ending(first).reason == "stopped"
    assert told(first, resume(tmp_path / "parts")) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


@pytest.fixture
def scarce() -> Iterator[Callable[[int], None]]:
    """Return a function that leaves the process so many bytes beyond what it holds, as if others had taken the rest."""

    def leave(size: int) -> None:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + size) / total)

    yield leave
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def test_out_of_memory_in_the_middle_halves_the_batch(
    configure: Configure, tmp_path: Path, scarce: Callable[[int], None]
) -> None:
    settings = ("compute.device=cuda", "model.width=32", "data.image_size=224", "data.batch_size=16", "train.epochs=4")
    config = configure(*settings, "compute.precision=float32", "model.batchnorm=false", "train.lr=0.001")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    whole = run(config, tmp_path / "whole")
    needed = torch.cuda.max_memory_allocated() - before
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepEnded) and event.step == 3:
            scarce(needed // 3)

    train(config, sink, Control(), out=tmp_path / "divided")
    assert ending(events).reason == "finished", ending(events).message
    said = "the device ran out of memory: batches of 16 are computed as "
    (text,) = [each for each in warnings(events) if " in validation " not in each]
    assert text.startswith(said)
    assert text.endswith(" from step 4 on")
    losses = [[event.train_loss for event in each if isinstance(event, EpochEnded)] for each in (whole, events)]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)  # such sums are in another order


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_mixed_precision_learns_and_keeps_its_weights_in_float32(
    configure: Configure, tmp_path: Path, precision: str
) -> None:
    events = run(configure("compute.device=cuda", f"compute.precision={precision}", "train.epochs=6"), tmp_path / "run")
    (started,) = [event for event in events if isinstance(event, RunStarted)]
    assert started.config.compute.precision == precision
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    assert epochs[-1].train_loss < 0.5 * epochs[0].train_loss
    assert max(event.val_accuracy for event in epochs) >= 0.9
    norms = [event.gradient_norm for event in events if isinstance(event, StepEnded)]
    assert all(norm is None or 0 < norm < 1e3 for norm in norms)  # in units of the loss, not of the scaled one
    assert {each.dtype for each in load_file(tmp_path / "run" / "model.safetensors").values()} <= {
        torch.float32,
        torch.int64,
    }


def test_features_of_a_gpu_are_those_of_the_cpu(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Tensor] = {}
    really = FeatureFeed.__init__

    def noted(feed: FeatureFeed, module: Any, features: Tensor, *rest: Any, compute: Any, **others: Any) -> None:
        found[compute.device.type] = features.float().flatten(1)
        really(feed, module, features, *rest, compute=compute, **others)

    monkeypatch.setattr(FeatureFeed, "__init__", noted)
    monkeypatch.setattr(RowStore, "find", lambda _, keys: -torch.ones(len(keys)).long().numpy())  # computed anew
    for device in ("cpu", "cuda"):
        config = configure(*FROZEN, f"compute.device={device}", "compute.precision=float32", "data.augment=true")
        assert ending(run(config, tmp_path / device)).reason == "finished"
    assert found["cuda"].shape == found["cpu"].shape
    torch.testing.assert_close(found["cuda"], found["cpu"], rtol=2e-2, atol=2e-3)
    assert float(torch.cosine_similarity(found["cuda"], found["cpu"]).min()) > 0.9999
