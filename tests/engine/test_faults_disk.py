"""The disk is full from the n-th write on: the run says so, and what was kept before can be used."""

import errno
import io
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import EpochEnded, Event, RunEnded, RunStarted
from cnnstudio.core.serial import from_line
from cnnstudio.engine.evaluate import load_model
from cnnstudio.engine.resume import read_checkpoint
from cnnstudio.engine.trainer import train
from tests.engine.faults import SMALL
from tests.engine.resumed_runs import assert_same_state, resume, run

Configure = Callable[..., Config]
MODEL, LAST = "model.safetensors.part", "last.ckpt.part"


class FullDisk:
    """A disk below a folder that has no room from some write to some file on, and stays full.

    Attributes:
        full: Whether it is.
    """

    def __init__(self, folder: Path, name: str, number: int) -> None:
        self.full = False
        self._folder = folder
        self._name = name
        self._number = number
        self._count = itertools.count(1)
        self._really = Path.open

    def method(self) -> Callable[..., Any]:
        """Return what takes the place of `Path.open`."""
        disk = self

        def opened(path: Path, mode: str = "r", *given: Any, **options: Any) -> Any:
            return disk._open(path, mode, *given, **options)

        return opened

    def fill_up(self, number: int) -> None:
        """Be full from some write on, counted from now."""
        self._number, self._count = number, itertools.count(1)

    def charge(self, path: Path) -> None:
        if self._name in {path.name, ""} and next(self._count) == self._number:
            self.full = True
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self, path: Path, mode: str = "r", *given: Any, **options: Any) -> Any:
        if not path.is_relative_to(self._folder) or not set(mode) & set("wa"):
            return self._really(path, mode, *given, **options)
        if self.full and not path.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        disk = self

        class Raw(io.FileIO):
            def write(self, data: Any) -> int:
                disk.charge(path)
                return super().write(data)

        buffered = io.BufferedWriter(Raw(path, mode.replace("b", "")))
        return buffered if "b" in mode else io.TextIOWrapper(buffered, **options)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_disk_that_is_full_from_the_start_is_bad_input_and_leaves_nothing(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    filled = FullDisk(tmp_path / "run", "", number)
    monkeypatch.setattr(Path, "open", filled.method())
    with pytest.raises(InputError, match="the run folder cannot be written: no space left on device"):
        run(configure(*SMALL), tmp_path / "run")
    assert filled.full
    assert not (tmp_path / "run").exists()  # so that the same command works once there is room


@pytest.mark.parametrize(
    ("name", "number", "best", "step"),
    [
        ("events.jsonl", 1, None, None),
        ("events.jsonl", 2, None, None),
        (MODEL, 1, None, None),
        (LAST, 1, 1, None),
        ("events.jsonl", 9, 1, 5),
        (LAST, "second", 1, 5),
    ],
)
def test_a_disk_that_fills_up_ends_the_run_in_words_and_spoils_nothing(
    configure: Configure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    number: int | str,
    best: int | None,
    step: int | None,
) -> None:
    config = configure(*SMALL, "train.epochs=3")
    run(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        filled = FullDisk(tmp_path / "run", name, number if isinstance(number, int) else 10**9)
        patch.setattr(Path, "open", filled.method())
        events: list[Event] = []

        def sink(event: Event) -> None:
            events.append(event)
            if isinstance(event, EpochEnded) and event.epoch == 1 and step:
                while not (tmp_path / "run" / "last.ckpt").exists():
                    time.sleep(0.01)
                if number == "second":
                    filled.fill_up(2)

        train(config, sink, Control(), out=tmp_path / "run")
    ended = events[-1]
    assert filled.full
    assert isinstance(ended, RunEnded)
    assert ended.reason == "failed"
    assert ended.message.startswith("the disk is full; make room" + (" and resume the run" if step else ""))
    assert "error.txt" not in ended.message  # which cannot be written either
    assert not list((tmp_path / "run").glob("*.part"))
    if best or step:
        assert load_model(tmp_path / "run", device="cpu").classes == ("left", "top")
    if step:
        checkpoint, why = read_checkpoint(tmp_path / "run")
        assert (checkpoint.position.step, why) == (step, "")
        second = resume(tmp_path / "run")
        assert next(event for event in second if isinstance(event, RunStarted)).resumed_step == step
        assert_same_state(tmp_path / "whole", tmp_path / "run")
    for line in (tmp_path / "run" / "events.jsonl").read_text(encoding="utf-8").splitlines():
        assert from_line(line)
