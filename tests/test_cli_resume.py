"""`cnnstudio resume`, as a person at a terminal uses it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnstudio import cli
from cnnstudio.core.config import load_config
from cnnstudio.core.control import Control
from cnnstudio.core.events import Event, StepEnded
from cnnstudio.core.serial import from_line
from cnnstudio.engine.trainer import train


@pytest.fixture
def stopped(image_tree: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a run that was stopped after its first step."""
    folder = image_tree(("ant", "bee"), count=8)
    control = Control()

    def sink(event: Event) -> None:
        if isinstance(event, StepEnded):
            control.stop()

    quick = [f"data.folder='{folder}'", "data.image_size=32", "data.batch_size=8", "train.epochs=2", "model.width=8"]
    assert train(load_config(None, quick), sink, control, out=tmp_path / "run").reason == "stopped"
    return tmp_path / "run"


def test_a_stopped_run_goes_on(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["resume", str(stopped), "--json"]) == cli.DONE
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    started = next(event for event in events if event["event"] == "run_started")
    assert (started["resumed_step"], started["run"]) == (1, str(stopped))
    assert events[-1]["event"] == "run_ended"
    assert events[-1]["reason"] == "finished"
    logged = [from_line(line) for line in (stopped / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    frame = [event.event for event in logged if event.event in {"run_started", "run_ended"}]
    assert frame == ["run_started", "run_ended"] * 2


def test_a_finished_run_says_so(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["resume", str(stopped)]) == cli.DONE
    capsys.readouterr()
    assert cli.main(["resume", str(stopped)]) == cli.BAD_INPUT
    assert "the run has finished" in capsys.readouterr().err


def test_what_is_no_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["resume", str(tmp_path)]) == cli.BAD_INPUT
    assert f"not a run folder [{tmp_path}]" in capsys.readouterr().err
