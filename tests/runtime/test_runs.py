import json
from pathlib import Path

import pytest

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Changed, EpochEnded, Pulse, RunEnded, RunStarted, Scalar, StepEnded
from cnnstudio.core.serial import to_line
from cnnstudio.runtime.runs import earlier, free_run_folder, read_events, read_run, read_story, recent_runs
from tests.gui.events import started


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


def step(number: int, loss: float = 1.0) -> StepEnded:
    return StepEnded(step=number, epoch=number / 5, loss=loss, accuracy=0.5, lr=0.1, images_per_second=9)


def epoch(number: int) -> EpochEnded:
    figures = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "images_per_second", "seconds")
    return EpochEnded.model_validate({"epoch": number, "best": True, **dict.fromkeys(figures, 0.5)})


def write(folder: Path, *events: Scalar) -> None:
    (folder / "events.jsonl").write_text("".join(to_line(event) + "\n" for event in events))


@pytest.mark.parametrize(
    ("story", "checkpoint", "expected"),
    [
        ([epoch(1), epoch(2)], True, 3),
        ([step(1)], True, 1),
        ([epoch(1), epoch(2)], False, None),
        ([epoch(10)], True, None),  # of ten: only the closing event is missing
        ([epoch(4), RunEnded(reason="stopped", best_val_accuracy=0.5, seconds=1, run="")], True, 5),
        ([epoch(4), RunEnded(reason="failed", best_val_accuracy=0.5, seconds=1, run="")], True, 5),
        ([epoch(4), RunEnded(reason="finished", best_val_accuracy=0.5, seconds=1, run="")], True, None),
    ],
)
def test_where_a_run_can_go_on(tmp_path: Path, story: list[Scalar], checkpoint: bool, expected: int | None) -> None:
    folder = make_run(tmp_path / "a")
    write(folder, *story)
    if checkpoint:
        (folder / "previous.ckpt").write_bytes(b"")
    assert read_run(folder).next_epoch == expected


def test_a_run_that_broke_off_in_its_first_epoch_is_listed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", ended=False)
    (folder / "model.safetensors").unlink()
    assert recent_runs(inside=tmp_path) == ()
    (folder / "last.ckpt").write_bytes(b"")
    assert [run.next_epoch for run in recent_runs(inside=tmp_path)] == [1]


def test_what_was_done_before_a_run_went_on_counts_once(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a")
    write(folder, step(5, 3.0), epoch(1), step(8, 2.0), step(9, 9.9), step(8, 1.5))
    with (folder / "events.jsonl").open("a") as log:
        log.write('{"event": "st')
    resumed = RunStarted(
        run="", config=Config(), device="", precision="", classes=("a",), train_images=1, val_images=1,
        steps_per_epoch=5, parameters=1, trainable=1, weights="", resumed_step=8,
    )  # fmt: skip
    assert earlier(read_events(folder), resumed) == [step(5, 3.0), epoch(1), step(8, 1.5)]


def test_pulses_from_before_a_run_went_on_are_kept_too() -> None:
    pulses = [Pulse(step=number, epoch=number / 5, layers=()) for number in (2, 4, 6)]
    resumed = RunStarted(
        run="", config=Config(), device="", precision="", classes=("a",), train_images=1, val_images=1,
        steps_per_epoch=5, parameters=1, trainable=1, weights="", resumed_step=4,
    )  # fmt: skip
    assert earlier([step(2, 1.0), *pulses], resumed) == [step(2, 1.0), *pulses[:2]]


def test_a_run_that_was_made_longer_can_go_on_to_its_new_end(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ended=False)
    (run / "last.ckpt").write_bytes(b"")
    longer = Changed(step=50, epoch=9.5, key="train.epochs", old=10, new=15, label="", text="")
    epochs: list[Scalar] = [
        EpochEnded(
            epoch=number,
            train_loss=1,
            train_accuracy=0.5,
            val_loss=1,
            val_accuracy=0.5,
            images_per_second=9,
            seconds=1,
            best=False,
            planned=10 if number < 10 else 15,
        )
        for number in (9, 10)
    ]
    log = run / "events.jsonl"
    log.write_text("".join(to_line(each) + "\n" for each in epochs[:1]))
    assert read_run(run).next_epoch == 10
    log.write_text("".join(to_line(each) + "\n" for each in [epochs[0], longer]))
    assert read_run(run).next_epoch == 10
    log.write_text("".join(to_line(each) + "\n" for each in epochs))
    assert read_run(run).next_epoch == 11


def test_changes_of_before_a_run_went_on_count_once() -> None:
    opening = RunStarted(
        run="",
        config=Config(),
        device="",
        precision="float32",
        classes=("a", "b"),
        train_images=5,
        val_images=5,
        steps_per_epoch=5,
        parameters=1,
        trainable=1,
        weights="",
        resumed_step=7,
    )
    first, again, later = (
        Changed(step=step, epoch=step / 5, key="train.lr", old=1, new=new, label="", text="")
        for step, new in ((6, 0.5), (6, 0.25), (8, 0.1))
    )
    pause, on = (
        Changed(step=7, epoch=1.4, key="run.paused", old=not new, new=new, label="", text="") for new in (True, False)
    )
    assert earlier([first, again, pause, on, later], opening) == [again, pause, on]


def test_the_story_of_a_run_that_was_resumed_tells_each_epoch_once(tmp_path: Path) -> None:
    assert read_story(tmp_path) == []
    opening = started(run="/elsewhere/run", epochs=2)
    again = opening.model_copy(update={"resumed_step": 10})
    story: list[Scalar] = [
        opening,
        step(10, loss=0.5),
        epoch(1),
        step(15, loss=9.0),
        again,
        step(15, loss=0.4),
        epoch(2),
    ]
    lines = "".join(f"{to_line(event)}\n" for event in story)
    (tmp_path / "events.jsonl").write_text(f"{lines}cut off", encoding="utf-8")
    told = read_story(tmp_path)
    assert isinstance(told[0], RunStarted)
    assert (told[0].run, told[0].resumed_step) == (str(tmp_path), 10)
    assert [event.loss for event in told if isinstance(event, StepEnded)] == [0.5, 0.4]
    assert [event.epoch for event in told if isinstance(event, EpochEnded)] == [1, 2]
