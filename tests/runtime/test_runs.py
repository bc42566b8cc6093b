import json
from pathlib import Path

import pytest

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import RunEnded
from cnnstudio.core.serial import to_line
from cnnstudio.runtime.runs import free_run_folder, read_run, recent_runs


def make_run(folder: Path, *, ended: bool = True) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(Config().to_toml())
    (folder / "classes.json").write_text(json.dumps(["ant", "bee"]))
    (folder / "model.safetensors").write_bytes(b"")
    event = RunEnded(reason="finished", best_val_accuracy=0.9, best_epoch=3, seconds=1.0, run=str(folder))
    (folder / "events.jsonl").write_text((to_line(event) + "\n") if ended else "")
    return folder


def test_a_new_run_never_takes_the_name_of_an_old_one(tmp_path: Path) -> None:
    config = load_config(None, ["data.folder='/data/Garden birds & more/'", "model.arch=resnet18"])
    names = []
    for _ in range(3):
        folder = free_run_folder(config, inside=tmp_path)
        folder.mkdir()
        names.append(folder.name)
    assert names == ["garden-birds-more-resnet18-1", "garden-birds-more-resnet18-2", "garden-birds-more-resnet18-3"]


def test_a_run_in_brief(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "a"))
    assert (run.classes, run.best_val_accuracy, run.reason) == (("ant", "bee"), 0.9, "finished")
    assert read_run(make_run(tmp_path / "b", ended=False)).reason == "unfinished"


def test_what_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run folder"):
        read_run(tmp_path)


def test_recent_runs_pass_over_what_is_damaged_or_has_no_model(tmp_path: Path) -> None:
    import os

    assert recent_runs(inside=tmp_path / "nowhere") == ()
    for number, name in enumerate(("old", "new", "broken", "empty")):
        folder = make_run(tmp_path / name)
        os.utime(folder / "config.toml", (1000 + number, 1000 + number))
    (tmp_path / "broken" / "config.toml").write_text("= nonsense")
    os.utime(tmp_path / "broken" / "config.toml", (9000, 9000))
    (tmp_path / "empty" / "model.safetensors").unlink()
    assert [run.path.name for run in recent_runs(inside=tmp_path)] == ["new", "old"]
