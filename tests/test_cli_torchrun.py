"""The commands as torchrun starts them; whole runs of many processes are in tests/engine/test_dist.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnnstudio import cli
from cnnstudio.core.events import EndReason, RunEnded

QUICK = ("data.image_size=16", "data.batch_size=8", "data.augment=false", "train.epochs=1", "model.width=8")


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that puts this process into the place that torchrun gives it."""

    def put(rank: int = 0, size: int = 1, launch: str = "first") -> None:
        values = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "MASTER_ADDR": "localhost"}
        for name, value in {**values, "TORCHELASTIC_RUN_ID": launch}.items():
            monkeypatch.setenv(name, str(value))

    return put


@pytest.fixture
def arguments(image_tree: Callable[..., Path], tmp_path: Path) -> list[str]:
    folder = image_tree(("ant", "bee"), count=8)
    settings = [f"--set={each}" for each in QUICK]
    return ["train", "--data", str(folder), "--out", str(tmp_path / "run"), "--json", *settings]


def openings(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if line["event"] == "run_started"]


def test_the_same_launch_goes_on_and_another_one_is_refused(
    launched: Callable[..., None], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    launched()
    assert cli.main(arguments) == cli.DONE
    assert openings(capsys.readouterr().out)[0]["resumed_step"] == 0
    assert cli.main([*arguments, "--set=train.epochs=2"]) == cli.DONE  # as a cluster that starts a job again
    assert openings(capsys.readouterr().out)[0]["resumed_step"] > 0
    launched(launch="second")
    assert cli.main(arguments) == cli.BAD_INPUT
    assert "nothing is overwritten" in capsys.readouterr().err


def test_what_is_wrong_everywhere_is_said_once_a_machine(
    launched: Callable[..., None], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for rank, lines in ((0, 1), (1, 0)):
        launched(rank=rank, size=2)
        assert cli.main([*arguments, "--set=train.epohcs=3"]) == cli.BAD_INPUT
        assert capsys.readouterr().err.count("\n") == lines


@pytest.mark.parametrize(("reason", "code"), [("stopped", cli.DONE), ("failed", cli.FAILED), ("finished", cli.DONE)])
def test_torchrun_starts_only_what_failed_anew(
    reason: EndReason,
    code: int,
    launched: Callable[..., None],
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = RunEnded(reason=reason, best_val_accuracy=None, seconds=1.0, run="")
    monkeypatch.setattr("cnnstudio.engine.trainer.train", lambda *_, **__: ended)
    launched()
    assert cli.main(arguments) == code


def test_the_help_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("train", "resume"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        assert "torchrun --nproc-per-node 4 -m cnnstudio train --data DIR --out RUN" in capsys.readouterr().out
