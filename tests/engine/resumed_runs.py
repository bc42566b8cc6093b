"""Runs that break off and go on, and whether they are what they would have been."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Control
from cnnstudio.core.events import EpochEnded, Event, StepEnded
from cnnstudio.engine.trainer import train

SWITCHES = ("data.augment=true", "model.dropout2d=0.2", "train.epochs=4", "model.width=8")


def run(config: Config, out: Path, *, stop_at: int = 0, resume: bool = False) -> list[Event]:
    """Train, and stop after so many steps of the run."""
    events: list[Event] = []
    control = Control()

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepEnded) and event.step == stop_at:
            control.stop()

    train(config, sink, control, out=out, resume=resume)
    return events


def resume(out: Path, *, stop_at: int = 0) -> list[Event]:
    return run(load_config(out / "config.toml"), out, stop_at=stop_at, resume=True)


def told(*stories: list[Event]) -> list[dict[str, Any]]:
    """Return what steps and epochs report, without times."""
    kept = [event for story in stories for event in story if isinstance(event, StepEnded | EpochEnded)]
    return [event.model_dump(exclude={"images_per_second", "seconds"}) for event in kept]


def assert_same_state(one: Path, other: Path) -> None:
    """Compare weights, buffers, optimizer, schedule and random numbers bit by bit."""
    assert all(
        map(torch.equal, load_file(one / "model.safetensors").values(), load_file(other / "model.safetensors").values())
    )
    first, second = (torch.load(path / "last.ckpt", weights_only=True) for path in (one, other))
    _assert_equal(first, second, "")


def _assert_equal(one: Any, other: Any, path: str) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), path
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one.keys() - {"spent", "seconds", "since", "images_per_second"}:
            _assert_equal(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), path
        for index, (each, its) in enumerate(zip(one, other, strict=True)):
            _assert_equal(each, its, f"{path}[{index}]")
    else:
        assert one == other, path
