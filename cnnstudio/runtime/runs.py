"""Where runs and samples live on the user's disk, and what they are called."""

import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from cnnstudio.core.changes import EPOCHS, PAUSED
from cnnstudio.core.config import Config, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Changed, EpochEnded, Pulse, RunEnded, RunStarted, Scalar, StepEnded
from cnnstudio.core.lock import held
from cnnstudio.core.serial import from_line

_TAIL: Final = 262_144  # bytes of a log that hold an epoch of the largest network, whose pulses are long

Curves = dict[str, tuple[list[float], list[float]]]


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run folder in brief.

    Attributes:
        path: The folder.
        config: Its configuration.
        classes: Its class names.
        best_val_accuracy: Of the weights that were kept; None if no epoch was completed.
        best_epoch: The epoch of those weights, counted from 1; None if no epoch was completed.
        reason: How it ended; `unfinished` if it did not say.
        modified: When it was last written, in seconds since 1970.
        next_epoch: The epoch in which it can go on, counted from 1; None if it has finished, has no checkpoint, or is
            under way.
        written: Whether a process writes it now.
    """

    path: Path
    config: Config
    classes: tuple[str, ...]
    best_val_accuracy: float | None
    best_epoch: int | None
    reason: str
    modified: float
    next_epoch: int | None = None
    written: bool = False


def user_folder() -> Path:
    """Return the folder for what the user makes with CNN Studio."""
    return Path(platformdirs.user_data_path("cnnstudio", appauthor=False))


def samples_folder() -> Path:
    """Return the folder in which sample data sets are written."""
    return user_folder() / "samples"


def runs_folder() -> Path:
    """Return the folder in which the window keeps runs."""
    return user_folder() / "runs"


def free_run_folder(config: Config, *, inside: Path | None = None) -> Path:
    """Return the next free path for a run, named after its images and its architecture: `birds-resnet18-2`."""
    parent = runs_folder() if inside is None else inside
    images = re.sub(r"[^\w-]+", "-", Path(config.data.folder).name.lower()).strip("-") or "images"
    number = 1
    while (path := parent / f"{images}-{config.model.arch}-{number}").exists():
        number += 1
    return path


def is_run(folder: Path) -> bool:
    """Whether a folder looks like a run."""
    return (folder / "config.toml").is_file() and (folder / "classes.json").is_file()


def is_written(folder: Path) -> bool:
    """Whether a process, here or on another machine, writes a run now."""
    return held(folder / ".lock")


def read_run(folder: Path) -> PastRun:
    """Read a run folder in brief.

    Raises:
        InputError: The folder is not a run, or is damaged.
    """
    if not is_run(folder):
        raise InputError("not a run folder", where=folder, remedy="name a folder that `cnnstudio train` made")
    config = load_config(folder / "config.toml")
    ended, epochs, planned = _ending(folder / "events.jsonl")
    try:
        classes = tuple(json.loads((folder / "classes.json").read_text(encoding="utf-8", errors="surrogateescape")))
    except ValueError:
        raise InputError("damaged file", where=folder / "classes.json", remedy="restore it or train again") from None
    kept = any((folder / name).is_file() for name in ("last.ckpt", "previous.ckpt"))
    written = is_written(folder)
    goes_on = kept and not written and (ended is None or ended.reason != "finished")
    return PastRun(
        path=folder,
        config=config,
        classes=classes,
        best_val_accuracy=ended.best_val_accuracy if ended else None,
        best_epoch=ended.best_epoch if ended else None,
        reason=ended.reason if ended else "unfinished",
        modified=(folder / "config.toml").stat().st_mtime,
        next_epoch=None if not goes_on or epochs >= (planned or config.train.epochs) else epochs + 1,
        written=written,
    )


def recent_runs(*, inside: Path | None = None, most: int = 5) -> tuple[PastRun, ...]:
    """Return the latest runs that have weights, can go on or are under way, the newest first.

    Damaged folders are passed over.
    """
    parent = runs_folder() if inside is None else inside
    if not parent.is_dir():
        return ()
    found = [path for path in parent.iterdir() if is_run(path) and _worth_listing(path)]
    found.sort(key=lambda path: (path / "config.toml").stat().st_mtime, reverse=True)
    runs: list[PastRun] = []
    for path in found[:most]:
        try:
            runs.append(read_run(path))
        except (InputError, OSError, TypeError):
            continue
    return tuple(runs)


def read_events(folder: Path) -> list[Scalar]:
    """Return what a run has reported, in order; lines that a crash has cut off are passed over."""
    events: list[Scalar] = []
    with (folder / "events.jsonl").open(encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            with contextlib.suppress(InputError):
                events.append(from_line(line))
    return events


def earlier(events: Iterable[Scalar], resumed: RunStarted) -> list[Scalar]:
    """Return steps, pulses, epochs and changes of before a run went on; what was done twice counts once."""
    done: dict[tuple[object, ...], Scalar] = {}
    for event in events:
        if isinstance(event, StepEnded | Pulse) and event.step <= resumed.resumed_step:
            done[event.event, event.step] = event
        elif isinstance(event, EpochEnded) and event.epoch * resumed.steps_per_epoch <= resumed.resumed_step:
            done["epoch", event.epoch] = event
        elif isinstance(event, Changed) and event.step <= resumed.resumed_step:
            done[event.event, event.step, event.key, event.key == PAUSED and event.new] = event
    return list(done.values())


def read_story(folder: Path) -> list[Scalar]:
    """Return what counts of what a run has reported, however often it was resumed; nothing without a log."""
    story: list[Scalar] = []
    with contextlib.suppress(FileNotFoundError):
        for event in read_events(folder):
            if isinstance(event, RunStarted):
                here = event.model_copy(update={"run": str(folder)})  # as this machine sees it
                story = [here, *earlier(story, here)]
            else:
                story.append(event)
    return story


def read_curves(folder: Path) -> Curves:
    """Return the curves of a run by the names of their figures: positions in epochs, and values.

    Raises:
        InputError: It has reported nothing that can be read.
    """
    try:
        events = read_events(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"the curves cannot be read: {reason}", where=folder, remedy="choose another run") from None
    found: Curves = {}

    def add(name: str, epoch: float, value: float) -> None:
        epochs, values = found.setdefault(name, ([], []))
        epochs.append(epoch)
        values.append(value)

    for event in events:
        if isinstance(event, StepEnded):
            add("train_loss", event.epoch, event.loss)
            add("train_accuracy", event.epoch, event.accuracy)
            add("lr", event.epoch, event.lr)
            add("images_per_second", event.epoch, event.images_per_second)
            if event.gradient_norm is not None:
                add("gradient_norm", event.epoch, event.gradient_norm)
        elif isinstance(event, EpochEnded):
            add("val_loss", event.epoch, event.val_loss)
            add("val_accuracy", event.epoch, event.val_accuracy)
    return found


def _worth_listing(run: Path) -> bool:
    kept = any((run / name).is_file() for name in ("model.safetensors", "last.ckpt", "previous.ckpt"))
    return kept or is_written(run)


def _ending(log: Path) -> tuple[RunEnded | None, int, int]:
    """Read the closing event, if it is the last one, and how many epochs are done and planned from the end of the log.

    That many are planned as was told last, which is 0 where nothing tells.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().decode("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None, 0, 0
    events: list[Scalar] = []
    for line in lines:
        with contextlib.suppress(InputError):
            events.append(from_line(line))
    last = events[-1] if events else None
    epochs = [event.epoch for event in events if isinstance(event, EpochEnded)]
    planned = 0
    for event in events:
        if isinstance(event, EpochEnded):
            planned = event.planned
        elif isinstance(event, Changed) and event.key == EPOCHS:
            planned = int(event.new)
    return last if isinstance(last, RunEnded) else None, max(epochs, default=0), planned
