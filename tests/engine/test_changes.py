"""A run takes changes while it goes on, and a resumed one takes them again to the same bits."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from cnnstudio.core.changes import PAUSED
from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Change, Control
from cnnstudio.core.events import Changed, EpochEnded, Event, Phase, RunEnded, RunStarted, StepEnded, Warned
from cnnstudio.core.serial import from_line
from cnnstudio.engine.changes import LiveChanges
from cnnstudio.engine.checkpoint import logged_changes
from cnnstudio.engine.dist import World
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.trainer import train
from cnnstudio.models import registry
from tests.engine.resumed_runs import assert_same_state, told

Configure = Callable[..., Config]
Requests = Mapping[int, tuple[Change, ...]]  # by the step after which they are made

STEPS = 5  # of an epoch
SMALL = ("data.augment=true", "model.width=8", "train.epochs=4")
FROZEN = (*SMALL, "transfer.mode=freeze", "model.pretrained=false", "train.epochs=4")
HALVED = Change("train.lr", 0.0015)


def run(config: Config, out: Path, requests: Requests, *, stop_at: int = 0, resume: bool = False) -> list[Event]:
    """Train, ask for changes after some steps, and stop after another."""
    events: list[Event] = []
    control = Control()

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepEnded):
            for change in requests.get(event.step, ()):
                control.change(change)
            if event.step == stop_at:
                control.stop()

    train(config, sink, control, out=out, resume=resume)
    return events


def resume(out: Path, requests: Requests | None = None, *, stop_at: int = 0) -> list[Event]:
    return run(load_config(out / "config.toml"), out, requests or {}, stop_at=stop_at, resume=True)


def changes(events: list[Event]) -> list[Changed]:
    return [event for event in events if isinstance(event, Changed)]


def rates(events: list[Event]) -> list[float]:
    return [event.lr for event in events if isinstance(event, StepEnded)]


def epochs(events: list[Event]) -> int:
    return sum(isinstance(event, EpochEnded) for event in events)


def warnings(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Warned)]


def finished(events: list[Event]) -> bool:
    return isinstance(events[-1], RunEnded) and events[-1].reason == "finished"


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "constant"])
def test_all_rates_change_in_proportion(configure: Configure, tmp_path: Path, schedule: str) -> None:
    config = configure(*SMALL, f"train.schedule={schedule}", "transfer.lr_decay=0.5")
    plain = run(config, tmp_path / "plain", {})
    changed = run(config, tmp_path / "changed", {7: (HALVED,)})
    before, after = rates(plain), rates(changed)
    assert after[:7] == before[:7]
    assert after[7:] == pytest.approx([rate / 2 for rate in before[7:]], rel=1e-9)
    (event,) = changes(changed)
    assert event.model_dump() == {
        "event": "changed",
        "step": 7,
        "epoch": 1.4,
        "key": "train.lr",
        "old": 0.003,
        "new": 0.0015,
        "label": "lr × 0.5",
        "text": "the peak learning rate goes from 0.003 to 0.0015",
    }
    assert [from_line(line) for line in (tmp_path / "changed" / "events.jsonl").read_text().splitlines()].count(event)
    last = [torch.load(tmp_path / name / "last.ckpt", weights_only=True)["optimizer"] for name in ("plain", "changed")]
    ratios = [
        two["initial_lr"] / one["initial_lr"] for one, two in zip(*(x["param_groups"] for x in last), strict=True)
    ]
    assert ratios == pytest.approx([0.5] * len(ratios))
    assert load_config(tmp_path / "changed" / "config.toml").train.lr == 0.003


@pytest.mark.parametrize(
    ("switches", "requests"),
    [
        (SMALL, {3: (HALVED,), 8: (Change("train.lr", 0.004),), 11: (Change("train.epochs", 5),)}),
        (SMALL, {8: (Change("model.dropout2d", 0.4),)}),
        (
            (*FROZEN, "train.ema=0.9"),
            {7: (Change("transfer.train_last", 3), HALVED), 12: (Change("model.dropout2d", 0.3),)},
        ),
        pytest.param(
            (*SMALL, "model.dropout2d=0.2"),
            {6: (Change("model.dropout2d", 0.5),), 13: (Change("model.dropout2d", 0),)},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            (*SMALL, "train.schedule=cosine"), {8: (Change("train.epochs", 3), HALVED)}, marks=pytest.mark.slow
        ),
        pytest.param((*SMALL, "train.schedule=constant"), {20: (Change("train.epochs", 5),)}, marks=pytest.mark.slow),
        pytest.param(
            (*FROZEN, "transfer.mode=freeze_then_finetune", "train.epochs=8"),
            {3: (Change("transfer.train_last", 2), Change("train.epochs", 9)), 12: (Change("train.epochs", 7),)},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_stopped_run_goes_on_with_its_changes_to_the_same_bits(
    configure: Configure, tmp_path: Path, switches: tuple[str, ...], requests: Requests
) -> None:
    config = configure(*switches)
    whole = run(config, tmp_path / "whole", requests)
    assert finished(whole), whole[-1]
    assert not warnings(whole)
    assert len(changes(whole)) == sum(map(len, requests.values()))
    parts = [run(config, tmp_path / "parts", requests, stop_at=9)]
    later = {step: asked for step, asked in requests.items() if step > 9}
    for stop_at in (10, 14) if "train.ema=0.9" in switches else ():
        parts.append(resume(tmp_path / "parts", later, stop_at=stop_at))
        later = {step: asked for step, asked in later.items() if step > stop_at}
    parts.append(resume(tmp_path / "parts", later))
    assert told(*parts) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    assert [event for part in parts for event in changes(part)] == changes(whole)


def test_changes_after_the_checkpoint_are_taken_again_at_the_same_steps(configure: Configure, tmp_path: Path) -> None:
    """Such as after a crash: the log knows of them, the checkpoint does not."""
    requests = {
        6: (HALVED,),
        11: (Change("train.lr", 0.002), Change("transfer.train_last", 2), Change("train.epochs", 6)),
        13: (Change("train.lr", 0.001),),
        18: (Change("model.dropout2d", 0.3),),
    }
    config = configure(*FROZEN)
    whole = run(config, tmp_path / "whole", requests)
    run(config, tmp_path / "parts", {6: requests[6]}, stop_at=8)
    early = (tmp_path / "parts" / "last.ckpt").read_bytes()
    resume(tmp_path / "parts", requests, stop_at=23)
    (tmp_path / "parts" / "last.ckpt").write_bytes(early)
    again = resume(tmp_path / "parts")
    assert told(again) == told(whole)[-len(told(again)) :]
    assert changes(again) == changes(whole)[1:]
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    assert logged_changes(tmp_path / "parts") == tuple(changes(whole))


@pytest.mark.slow
def test_a_killed_run_takes_its_changes_again(configure: Configure, tmp_path: Path) -> None:
    config = configure(*SMALL)
    requests = {6: (HALVED,), 9: (Change("model.dropout2d", 0.3),)}
    whole = run(config, tmp_path / "whole", requests)
    (tmp_path / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    code = f"""
        import os, signal
        from pathlib import Path
        from cnnstudio.core.config import load_config
        from cnnstudio.core.control import Change, Control
        from cnnstudio.engine.trainer import train
        control = Control()
        def sink(event):
            if event.event == "step":
                if event.step == 6:
                    control.change(Change("train.lr", 0.0015))
                elif event.step == 9:
                    control.change(Change("model.dropout2d", 0.3))
                elif event.step == 13:
                    os.kill(os.getpid(), signal.{"SIGKILL" if os.name == "posix" else "SIGTERM"})
        folder = Path({str(tmp_path)!r})
        train(load_config(folder / "config.toml"), sink, control, out=folder / "parts")
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    second = resume(tmp_path / "parts")
    assert told(second) == told(whole)[-len(told(second)) :]
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


def test_a_resumed_run_tells_how_it_goes_on(configure: Configure, tmp_path: Path) -> None:
    run(configure(*SMALL), tmp_path / "run", {3: (HALVED, Change("train.epochs", 5))}, stop_at=8)
    second = resume(tmp_path / "run")
    started = next(event for event in second if isinstance(event, RunStarted))
    assert (started.config.train.lr, started.config.train.epochs) == (0.0015, 5)
    assert not changes(second)
    assert epochs(second) == 4
    assert {event.planned for event in second if isinstance(event, EpochEnded)} == {5}


@pytest.mark.parametrize(("schedule", "length"), [("onecycle", 6), ("cosine", 3)])
def test_another_length_stretches_the_rest_of_the_schedule(
    configure: Configure, tmp_path: Path, schedule: str, length: int
) -> None:
    config = configure(*SMALL, f"train.schedule={schedule}")
    plain = rates(run(config, tmp_path / "plain", {}))
    changed = rates(run(config, tmp_path / "changed", {10: (Change("train.epochs", length),)}))
    assert len(changed) == STEPS * length
    assert changed[:10] == plain[:10]
    assert abs(changed[10] / plain[9] - 1) < 0.35  # no jump: as far as a step goes, or two
    assert changed[10:] == sorted(changed[10:], reverse=True)
    assert changed[-1] < 0.08 * max(plain)


def test_an_epoch_more_may_be_wished_for_until_the_last_has_been_validated(
    configure: Configure, tmp_path: Path
) -> None:
    control = Control()
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, Phase) and event.text == "Validating epoch 2":
            control.change(Change("train.epochs", 3))

    train(configure("model.width=8"), sink, control, out=tmp_path / "run")
    assert epochs(events) == 3
    assert finished(events)


def test_dropout_appears_where_there_was_none(configure: Configure, tmp_path: Path) -> None:
    config = configure(*SMALL)
    plain = run(config, tmp_path / "plain", {})
    changed = run(config, tmp_path / "changed", {5: (Change("model.dropout2d", 0.5),)})
    assert told(changed)[:6] == told(plain)[:6]
    losses = [[each["loss"] for each in told(story) if "loss" in each] for story in (plain, changed)]
    assert losses[1][6] != losses[0][6]
    assert [each.label for each in changes(changed)] == ["p 0.5"]


def test_an_unfrozen_stage_learns_with_its_batchnorm_from_the_next_epoch_on(
    configure: Configure, tmp_path: Path
) -> None:
    config = configure(*FROZEN, "transfer.lr_decay=0.5")
    states: dict[int, dict[str, Any]] = {}
    for stop_at in (5, 10, 15):
        out = tmp_path / str(stop_at)
        events = run(config, out, {7: (Change("transfer.train_last", 2),)}, stop_at=stop_at)
        states[stop_at] = torch.load(out / "last.ckpt", weights_only=True)
    (event,) = changes(events)
    assert (event.step, event.epoch, event.label) == (7, 2.0, "stage4 learns")
    assert event.text.startswith("stage4 learns from epoch 3 on")
    networks = [states[step]["network"] for step in (5, 10, 15)]
    lower = [name for name in networks[0] if "classifier" not in name and "num_batches" not in name]
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in lower)
    moved = {name for name in lower if not torch.equal(networks[1][name], networks[2][name])}
    assert any("running_mean" in name for name in moved)
    assert any("weight" in name for name in moved)
    groups = states[15]["optimizer"]["param_groups"]
    assert groups[-1]["initial_lr"] == pytest.approx(groups[0]["initial_lr"] / 2)
    phases = [each.phase for each in events if isinstance(each, StepEnded)]
    assert phases[:10] == ["head only"] * 10
    assert phases[10:] == ["last 2 stages"] * 5


def test_a_pause_is_told_and_takes_changes(configure: Configure, tmp_path: Path) -> None:
    control = Control()
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepEnded) and event.step == 3:
            control.pause()
        elif isinstance(event, Changed) and event.label == "paused":
            control.change(Change("train.lr", 0.001))
        elif isinstance(event, Changed) and event.new == 0.001:
            control.change(Change("train.lr", 0.006))
        elif isinstance(event, Changed) and event.new == 0.006:
            control.resume()

    train(configure("model.width=8"), sink, control, out=tmp_path / "run")
    found = [(each.step, each.key, each.old, each.new, each.label) for each in changes(events)]
    assert found == [
        (3, PAUSED, False, True, "paused"),
        (3, "train.lr", 0.003, 0.001, "lr × 0.33"),
        (3, "train.lr", 0.003, 0.006, "lr × 2"),
        (3, PAUSED, True, False, "goes on"),
    ]
    assert [(each.old, each.new) for each in logged_changes(tmp_path / "run")] == [(0.003, 0.006)]


@pytest.mark.parametrize(
    ("switches", "change", "why"),
    [
        ((), Change("train.optimizer", 1), "train.optimizer cannot be changed while a run goes on"),
        ((), Change("train.lr", -1), "train.lr cannot be -1"),
        ((), Change("model.dropout2d", 1.5), "model.dropout2d cannot be 1.5"),
        ((), Change("train.epochs", 1), r"1 epochs are too few: epoch 2 is under way \[train.epochs\]: set 2 or more"),
        ((), Change("transfer.train_last", 2), "all stages learn already"),
        (("train.progressive=true",), Change("train.epochs", 2), "the images are small until epoch 2"),
        (FROZEN, Change("transfer.train_last", 9), "the network has 5 stages"),
        ((*FROZEN, "transfer.train_last=2"), Change("transfer.train_last", 1), "cannot be frozen again"),
        ((*FROZEN, "train.epochs=2"), Change("transfer.train_last", 2), "no epoch is left"),
        (FROZEN, Change("model.dropout2d", 0.5), "no stage that learns has a Dropout2d"),
        (
            (*FROZEN, "transfer.mode=freeze_then_finetune", "train.epochs=12"),
            Change("train.epochs", 3),
            "3 epochs are too few: another phase is to come .*: set 4 or more",
        ),
    ],
)
def test_what_a_run_cannot_take_is_said(
    configure: Configure, tmp_path: Path, switches: tuple[str, ...], change: Change, why: str
) -> None:
    config = configure("model.width=4", "train.epochs=4", *switches)
    events = run(config, tmp_path / "run", {7: (change,)}, stop_at=9)
    assert not changes(events)
    (said,) = warnings(events)
    assert said.startswith("not changed: ")
    assert re.search(why, said), said


def test_what_is_so_already_is_no_change(configure: Configure, tmp_path: Path) -> None:
    wishes = (Change("train.lr", 0.003), Change("train.epochs", 2), Change("model.dropout2d", 0))
    events = run(configure("model.width=4"), tmp_path / "run", {2: wishes})
    assert not changes(events)
    assert not warnings(events)


def test_many_processes_take_only_what_one_took_before(configure: Configure) -> None:
    config = configure("model.width=4")
    network = registry.build(registry.resolved(config.model), classes=2)
    prepared = cast("Prepared", SimpleNamespace(config=config, network=network))
    logged = Changed(step=3, epoch=0.6, key="train.lr", old=0.003, new=0.001, label="", text="")
    said: list[Changed | Warned] = []
    control = Control()
    live = LiveChanges(prepared, control, World(size=2), said.append, steps=STEPS, coming=(logged,))
    control.change(HALVED)
    live.take(2)
    live.take(3)
    assert [each.event for each in said] == ["warning", "changed"]
    assert live.config.train.lr == 0.001
