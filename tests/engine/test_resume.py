"""A run that breaks off and goes on ends as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event, Phase, RunEnded, RunStarted, Warned
from cnnstudio.engine.checkpoint import RunFolder
from cnnstudio.engine.resume import read_checkpoint
from cnnstudio.engine.trainer import train
from tests.engine.resumed_runs import SWITCHES, assert_same_state, resume, run, told

Configure = Callable[..., Config]


@pytest.mark.parametrize("stop_at", [1, 5, 7, 15])
@pytest.mark.parametrize(
    "switches", [(), ("train.optimizer=sgd", "transfer.mode=freeze_then_finetune", "model.pretrained=false")]
)
def test_a_stopped_run_goes_on_to_the_same_bits(
    configure: Configure, tmp_path: Path, stop_at: int, switches: tuple[str, ...]
) -> None:
    config = configure(*SWITCHES, *switches)
    whole = run(config, tmp_path / "whole")
    first = run(config, tmp_path / "parts", stop_at=stop_at)
    assert isinstance(first[-1], RunEnded)
    assert first[-1].reason == "stopped"
    spent = read_checkpoint(tmp_path / "parts")[0].position.spent
    second = resume(tmp_path / "parts")

    assert told(first, second) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    started = next(event for event in second if isinstance(event, RunStarted))
    assert (started.resumed_step, started.weights) == (stop_at, f"those of the run after step {stop_at}")
    ended = second[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "finished"
    assert ended.seconds > spent > 0


def test_a_run_may_be_stopped_again_and_again(configure: Configure, tmp_path: Path) -> None:
    config = configure(*SWITCHES)
    whole = run(config, tmp_path / "whole")
    parts = [run(config, tmp_path / "parts", stop_at=2)]
    parts += [resume(tmp_path / "parts", stop_at=step) for step in (3, 11, 12)]
    parts.append(resume(tmp_path / "parts"))
    assert told(*parts) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


def test_a_stop_while_validating_loses_nothing(configure: Configure, tmp_path: Path) -> None:
    config = configure(*SWITCHES)
    whole = run(config, tmp_path / "whole")
    control = Control()
    first: list[Event] = []

    def sink(event: Event) -> None:
        first.append(event)
        if isinstance(event, Phase) and event.text == "Validating epoch 2":
            control.stop()

    train(config, sink, control, out=tmp_path / "parts")
    second = resume(tmp_path / "parts")
    assert told(first, second) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


def test_a_killed_process_goes_on_from_its_last_checkpoint(configure: Configure, tmp_path: Path) -> None:
    config = configure(*SWITCHES)
    whole = run(config, tmp_path / "whole")
    (tmp_path / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    code = f"""
        import os, signal, time
        from pathlib import Path
        from cnnstudio.core.config import load_config
        from cnnstudio.core.control import Control
        from cnnstudio.engine import saver
        from cnnstudio.engine.trainer import train
        saver._EVERY = 0.0  # a checkpoint a step, or as many as the thread can write
        def sink(event):
            if event.event == "step" and event.step == 9:
                while not (folder / "parts" / "last.ckpt").exists():  # the first one may still be being written
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.{"SIGKILL" if os.name == "posix" else "SIGTERM"})
        folder = Path({str(tmp_path)!r})
        train(load_config(folder / "config.toml"), sink, Control(), out=folder / "parts")
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    second = resume(tmp_path / "parts")
    started = next(event for event in second if isinstance(event, RunStarted))
    assert 1 <= started.resumed_step <= 9
    kept = [each for each in told(second) if "step" in each]
    assert kept == [each for each in told(whole) if "step" in each][-len(kept) :]
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnstudio.engine.saver._APART", 0.0)  # these epochs are shorter
    config = configure(*SWITCHES)
    run(config, tmp_path / "whole")
    run(config, tmp_path / "parts", stop_at=13)
    last = tmp_path / "parts" / "last.ckpt"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1  # one bit, in the middle of some tensor
    last.write_bytes(content)
    second = resume(tmp_path / "parts")
    started = next(event for event in second if isinstance(event, RunStarted))
    assert started.resumed_step == 10
    warned = [event.text for event in second if isinstance(event, Warned)]
    assert warned == ["last.ckpt is damaged: the run goes on from the checkpoint before it"]
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("name", ["last.ckpt", "both"])
def test_a_checkpoint_cut_off_anywhere_is_noticed(configure: Configure, tmp_path: Path, name: str) -> None:
    run(configure("train.epochs=2", "model.width=4", "model.depth=2"), tmp_path / "run")
    whole = (tmp_path / "run" / "last.ckpt").read_bytes()
    if name == "both":
        (tmp_path / "run" / "previous.ckpt").write_bytes(b"")
    for size in range(0, len(whole), 4096):
        (tmp_path / "run" / "last.ckpt").write_bytes(whole[:size])
        if name == "both":
            with pytest.raises(InputError, match=r"last\.ckpt is damaged, and no whole one is before it"):
                read_checkpoint(tmp_path / "run")
        else:
            checkpoint, why = read_checkpoint(tmp_path / "run")
            assert checkpoint.position.epoch == 2
            assert why


def test_code_in_a_checkpoint_is_never_run(configure: Configure, tmp_path: Path) -> None:
    run(configure("train.epochs=1"), tmp_path / "run")

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"version": 1, "network": Trap()}, tmp_path / "run" / "last.ckpt")
    with pytest.raises(InputError, match="is damaged"):
        read_checkpoint(tmp_path / "run")
    assert not (tmp_path / "sprung").exists()


def test_a_run_of_a_newer_version_is_refused_and_left_alone(configure: Configure, tmp_path: Path) -> None:
    run(configure("train.epochs=1"), tmp_path / "run")
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    torch.save({**state, "version": 99}, tmp_path / "run" / "last.ckpt")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="newer version"):
        resume(tmp_path / "run")
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_a_folder_that_another_process_writes_is_refused(configure: Configure, tmp_path: Path) -> None:
    run(configure("train.epochs=2"), tmp_path / "run", stop_at=3)
    other = RunFolder.reopen(tmp_path / "run")
    try:
        with pytest.raises(InputError, match="written by another window or program"):
            resume(tmp_path / "run")
    finally:
        other.close()
    assert isinstance(resume(tmp_path / "run")[-1], RunEnded)


def test_images_that_have_gone_and_come_are_told(configure: Configure, bright_and_dark: Path, tmp_path: Path) -> None:
    shutil.copytree(bright_and_dark, tmp_path / "images")
    config = configure("train.epochs=2", f"data.folder='{tmp_path / 'images'}'")
    run(config, tmp_path / "run", stop_at=3)
    checkpoint, _ = read_checkpoint(tmp_path / "run")
    (tmp_path / "images" / checkpoint.train[0]).unlink()
    shutil.copy(tmp_path / "images" / checkpoint.val[0], tmp_path / "images" / "left" / "new.png")
    second = resume(tmp_path / "run")
    warned = [event.text for event in second if isinstance(event, Warned)]
    assert warned == ["the folder has changed since: 1 of its images are gone and 1 new ones are left out"]
    started = next(event for event in second if isinstance(event, RunStarted))
    assert (started.train_images, started.val_images) == (len(checkpoint.train) - 1, len(checkpoint.val))


def test_other_classes_are_refused(configure: Configure, bright_and_dark: Path, tmp_path: Path) -> None:
    shutil.copytree(bright_and_dark, tmp_path / "images")
    run(configure("train.epochs=2", f"data.folder='{tmp_path / 'images'}'"), tmp_path / "run", stop_at=3)
    (tmp_path / "images" / "left").rename(tmp_path / "images" / "right")
    with pytest.raises(InputError, match="the classes are no longer those of the run: left, top"):
        resume(tmp_path / "run")


def test_without_a_checkpoint_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no checkpoint to go on from"):
        read_checkpoint(tmp_path)


def test_the_log_has_whole_lines_after_a_crash(configure: Configure, tmp_path: Path) -> None:
    run(configure("train.epochs=2"), tmp_path / "run", stop_at=3)
    log = tmp_path / "run" / "events.jsonl"
    log.write_bytes(log.read_bytes() + b'{"event": "st')
    resume(tmp_path / "run")
    lines = log.read_text(encoding="utf-8").splitlines()
    torn = [line for line in lines if not line.endswith("}")]
    assert torn == ['{"event": "st']
