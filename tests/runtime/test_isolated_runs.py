"""Real runs in a process of their own, held to the same runs in this process."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Change, Control, Watch
from cnnstudio.core.events import Changed, EpochEnded, Event, RunEnded, RunStarted, StepEnded
from cnnstudio.core.pictures import STAGES, FeatureMaps, StepStage
from cnnstudio.engine.preview import Preview
from cnnstudio.engine.trainer import train
from cnnstudio.runtime.process_host import RemoteControl, train_isolated
from cnnstudio.runtime.runs import read_events

LAYER = "features.0"


@pytest.fixture
def config(image_tree: Callable[..., Path]) -> Config:
    folder = image_tree(("ant", "bee"), count=15, size=(24, 24))
    quick = (
        f"data.folder='{folder}'",
        "data.image_size=24",
        "data.batch_size=4",
        "model.depth=2",
        "model.width=8",
        "model.dropout2d=0.2",
        "train.epochs=3",
        "compute.device=cpu",
        "compute.precision=float32",
        "compute.memory_format=channels_last",
        "compute.isolated=true",
    )
    return load_config(None, quick)


def told(events: list[Event]) -> list[tuple[object, ...]]:
    """Return what has to be the same wherever a run computes."""
    found: list[tuple[object, ...]] = []
    for event in events:
        if isinstance(event, StepEnded):
            found.append((event.step, event.loss, event.accuracy, event.lr))
        elif isinstance(event, EpochEnded):
            found.append((event.epoch, event.train_loss, event.val_loss, event.val_accuracy, event.best))
        elif isinstance(event, RunStarted):
            found.append((event.classes, event.layers, event.parameters))
    return found


def assert_same_weights(one: Path, other: Path) -> None:
    found, wanted = (load_file(run / "model.safetensors") for run in (one, other))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def whole(config: Config, out: Path, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Train in this process, with feature maps after every step."""
    events: list[Event] = []
    control = Control()
    control.watch(Watch(LAYER))
    with monkeypatch.context() as patch:
        patch.setattr(Preview, "due", lambda _self, watch: bool(watch.layer))
        train(config, events.append, control, out=out)
    return events


def test_an_isolated_run_is_the_same_run_to_the_last_bit(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(config, tmp_path / "whole", monkeypatch)
    (tmp_path / "cwd").mkdir()
    for name in ("random.py", "torch.py"):  # as may lie beside somebody's images
        (tmp_path / "cwd" / name).write_text("raise SystemExit(7)", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    events: list[Event] = []
    control = RemoteControl()
    control.watch(Watch(LAYER))
    ended = train_isolated(config, events.append, control, out=tmp_path / "own")
    assert (ended.reason, ended.message, ended.run) == ("finished", "", str(tmp_path / "own"))
    assert ended in events
    assert told(events) == told(expected)
    assert_same_weights(tmp_path / "own", tmp_path / "whole")
    wanted = {event.step: event for event in expected if isinstance(event, FeatureMaps)}
    pictures = [event for event in events if isinstance(event, FeatureMaps)]
    assert pictures
    for picture in pictures:
        assert picture.layer == LAYER
        assert picture.image == wanted[picture.step].image
        assert picture.shape == wanted[picture.step].shape
        np.testing.assert_array_equal(picture.tiles, wanted[picture.step].tiles)
        np.testing.assert_array_equal(picture.probabilities, wanted[picture.step].probabilities)


@pytest.mark.skipif(sys.platform == "win32", reason="has no signals")
@pytest.mark.slow
def test_a_run_that_crashed_goes_on_to_the_same_end(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config.replace("train.epochs", 30)  # so many that the crash comes before the end
    expected = whole(config, tmp_path / "whole", monkeypatch)
    first: list[Event] = []

    def crash(event: Event) -> None:
        first.append(event)
        if isinstance(event, EpochEnded) and event.epoch == 2:  # by now the checkpoint of the first is on disk
            (process,) = psutil.Process().children()
            process.send_signal(signal.SIGSEGV)

    out = tmp_path / "own"
    ended = train_isolated(config, crash, RemoteControl(), out=out)
    assert ended == first[-1]
    done = max(event.epoch for event in read_events(out) if isinstance(event, EpochEnded))
    best = next(event for event in reversed(first) if isinstance(event, EpochEnded) and event.best)
    assert (ended.reason, ended.run) == ("failed", str(out))
    assert (ended.best_val_accuracy, ended.best_epoch) == (best.val_accuracy, best.epoch)
    assert ended.message == (
        "the training process died (segmentation fault). Its last checkpoint is kept: "
        f"Resume goes on from epoch {done + 1} (details in isolated.log of the run folder)."
    )
    second: list[Event] = []
    assert train_isolated(config, second.append, RemoteControl(), out=out, resume=True).reason == "finished"
    resumed = next(event.resumed_step for event in second if isinstance(event, RunStarted))
    assert resumed > 0
    steps = [each for each in told(expected) if isinstance(each[0], int)]
    again = [each for each in told(second) if isinstance(each[0], int)]
    assert again == steps[-len(again) :]
    assert_same_weights(out, tmp_path / "whole")


@pytest.mark.slow
def test_a_run_whose_host_dies_stops_and_keeps_its_weights(config: Config, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(config.replace("train.epochs", 100_000).to_toml(), encoding="utf-8")
    code = f"""
        import os, signal
        from pathlib import Path
        import psutil
        from cnnstudio.core.config import load_config
        from cnnstudio.runtime.process_host import RemoteControl, train_isolated
        def sink(event):
            if event.event == "epoch":
                print(psutil.Process().children()[0].pid, flush=True)
                os.kill(os.getpid(), signal.{"SIGKILL" if os.name == "posix" else "SIGTERM"})
        folder = Path({str(tmp_path)!r})
        train_isolated(load_config(folder / "config.toml"), sink, RemoteControl(), out=folder / "run")
    """
    host = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True, text=True, timeout=120
    )
    with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended already
        psutil.Process(int(host.stdout)).wait(timeout=30)
    ended = read_events(tmp_path / "run")[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.reason, ended.best_epoch is not None) == ("stopped", True)
    assert (tmp_path / "run" / "model.safetensors").stat().st_size > 1000
    assert (tmp_path / "run" / "last.ckpt").stat().st_size > 1000


def test_changes_reach_the_process_each_once(config: Config, tmp_path: Path) -> None:
    control = RemoteControl()
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, RunStarted):
            control.pause()
        elif isinstance(event, Changed) and event.label == "paused":
            for value in (0.002, 0.001):
                control.change(Change("train.lr", value))
            control.change(Change("train.epochs", 4))
            control.resume()

    train_isolated(config, sink, control, out=tmp_path / "run")
    found = [(each.key, each.new) for each in events if isinstance(each, Changed) and each.key != "run.paused"]
    assert found == [("train.lr", 0.002), ("train.lr", 0.001), ("train.epochs", 4)]
    assert sum(isinstance(event, EpochEnded) for event in events) == 4


@pytest.mark.slow
def test_a_run_in_another_process_can_be_stepped_through_and_is_the_same(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(config, tmp_path / "whole", monkeypatch)
    events: list[Event] = []
    stages: list[StepStage] = []
    control = RemoteControl()

    def step_through(event: Event) -> None:
        events.append(event)
        if isinstance(event, RunStarted):
            control.step()
        elif isinstance(event, StepStage):
            stages.append(event)
            control.step() if len(stages) < 6 else control.resume()

    control.watch(Watch(tensor=LAYER))
    ended = train_isolated(config, step_through, control, out=tmp_path / "own")
    assert ended.reason == "finished"
    first = stages[0].step  # the wish takes a while to reach the other process
    assert [(each.step, each.stage) for each in stages] == [
        *((first, stage) for stage in STAGES),
        (first + 1, "forward"),
        (first + 1, "loss"),
    ]
    assert stages[0].tensor == LAYER
    assert stages[0].tiles.shape == (8, 24, 24)
    assert told(events) == told(expected)
    assert_same_weights(tmp_path / "own", tmp_path / "whole")
