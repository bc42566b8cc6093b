"""The run folder: everything a run leaves on disk, written so that a crash never leaves half a file."""

import contextlib
import errno
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import IO, Any, Final

import torch
from safetensors.numpy import save as from_arrays
from torch import Tensor

import cnnstudio
from cnnstudio.core.changes import LIVE, merged
from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Changed, Phase, Scalar
from cnnstudio.core.lock import exclusive
from cnnstudio.core.serial import from_line, to_line
from cnnstudio.engine.resume import LAST, PREVIOUS

CONFIG: Final = "config.toml"
EVENTS: Final = "events.jsonl"
BEST: Final = "model.safetensors"
CLASSES: Final = "classes.json"
VERSIONS: Final = "versions.json"

_LOCK: Final = ".lock"
_PATIENCE: Final = 10  # tries to replace a file that somebody else holds


class RunFolder:
    """A run folder being written; nobody else can write to it until it is closed.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = contextlib.ExitStack()
        self._events: IO[str]

    @classmethod
    def make(cls, path: Path, config: Config, classes: tuple[str, ...]) -> "RunFolder":
        """Make the folder and write what is known before the first step.

        Raises:
            InputError: The folder holds something already, or cannot be written.
        """
        check_free(path)
        folder, there = cls(path), path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder._lock()
            write_file(path / CONFIG, lambda file: file.write(config.to_toml().encode()))
            write_file(path / CLASSES, lambda file: file.write(_json(list(classes))))
            write_file(path / VERSIONS, lambda file: file.write(_json(versions())))
            folder._open_log()
        except OSError as error:
            folder.close()
            with contextlib.suppress(OSError):  # a second try shall find the folder as free as this one
                for name in (CONFIG, CLASSES, VERSIONS, EVENTS):
                    (path / name).unlink(missing_ok=True)
                if not there:
                    path.rmdir()
            raise _not_written(path, error) from None
        return folder

    @classmethod
    def reopen(cls, path: Path) -> "RunFolder":
        """Open the folder of a run that goes on; nothing in it is changed yet.

        Raises:
            InputError: Another process writes to it, or it cannot be written.
        """
        folder = cls(path)
        try:
            folder._lock()
            folder._open_log()
        except OSError as error:
            folder.close()
            raise _not_written(path, error) from None
        except InputError:
            folder.close()
            raise
        return folder

    def _lock(self) -> None:
        self._held.enter_context(exclusive(self.path / _LOCK, self._refuse))

    def _refuse(self) -> None:
        raise InputError(
            "the run is being written by another window or program",
            where=self.path,
            remedy="stop it there first, or only look at the run",
        )

    def _open_log(self) -> None:
        """Open the event log; a line that was cut off by a crash stays alone."""
        path = self.path / EVENTS
        torn = path.exists() and not _ends_a_line(path)
        self._events = self._held.enter_context(path.open("a", encoding="utf-8", errors="surrogateescape"))
        if torn:
            self._events.write("\n")

    def record(self, event: Scalar) -> None:
        """Append an event to `events.jsonl`; the phases of a progress bar are not kept."""
        if not isinstance(event, Phase):
            self._events.write(to_line(event) + "\n")
            self._events.flush()

    def save_best(self, weights: Mapping[str, Tensor]) -> None:
        """Write a network's weights and buffers, by torchvision's keys, to `model.safetensors`."""
        write_file(self.path / BEST, lambda file: file.write(to_safetensors(weights)))

    def save_last(self, state: dict[str, Any]) -> None:
        """Write what a resumed run needs to `last.ckpt`; the one before becomes `previous.ckpt`."""
        write_file(self.path / LAST, lambda file: torch.save(state, file), before=self.path / PREVIOUS)

    @property
    def has_best(self) -> bool:
        """Whether weights have been kept."""
        return (self.path / BEST).exists()

    def close(self) -> None:
        """Close the event log, and let others write."""
        with contextlib.suppress(OSError):  # the log is closed even where the disk has no room for its last lines
            self._held.close()


def logged_changes(run: Path) -> tuple[Changed, ...]:
    """Return what a run has taken while it went on, as its log tells it, pauses left out; empty without a log."""
    changes: tuple[Changed, ...] = ()
    try:
        with (run / EVENTS).open(encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                if '"event": "changed"' not in line:  # the pulses of a large network make a long log
                    continue
                with contextlib.suppress(InputError):  # a line that a crash has cut off
                    event = from_line(line)
                    if isinstance(event, Changed) and event.key in LIVE:
                        changes = merged(changes, event)
    except OSError:
        return ()
    return changes


def check_free(path: Path) -> None:
    """Refuse a run folder that would mix with what is there.

    Raises:
        InputError: The path is a file, a folder that is not empty, or lies where nothing can be written.
    """
    try:
        taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
        parent = next(each for each in (path, *path.absolute().parents) if each.exists())
        writable = os.access(parent, os.W_OK)
    except OSError as error:
        raise _not_written(path, error) from None
    if not writable:
        raise _not_written(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if taken:
        raise InputError(
            "there is something here already, and nothing is overwritten",
            where=path,
            remedy="choose another folder for the run",
        )


def _not_written(path: Path, error: OSError) -> InputError:
    reason = (error.strerror or str(error)).lower()
    return InputError(f"the run folder cannot be written: {reason}", where=path, remedy="choose another --out")


def versions() -> dict[str, str]:
    """Return the versions that decide what a run computes."""
    return {
        "cnnstudio": cnnstudio.__version__,
        "torch": torch.__version__,
        "torchvision": metadata.version("torchvision"),  # importing it takes as long as torch
        "python": platform.python_version(),
    }


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1))
        return file.read() in {b"", b"\n"}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", errors="surrogateescape")


def to_safetensors(tensors: Mapping[str, Tensor], about: dict[str, str] | None = None) -> bytes:
    """Return tensors and words about them as a file of safetensors has them.

    Through NumPy, whose arrays it takes a third of the time to write.
    """
    return from_arrays({name: each.detach().cpu().contiguous().numpy() for name, each in tensors.items()}, about)


def write_file(path: Path, fill: Callable[[IO[bytes]], object], *, before: Path | None = None) -> None:
    """Write a file so that either the old or the new content is there, whatever happens.

    Args:
        path: The file.
        fill: Writes the content.
        before: Where the old content is kept.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
    except Exception:
        with contextlib.suppress(OSError):
            temporary.unlink()  # on a full disk it would be in the way
        raise
    if before is not None and path.exists():
        _rename(path, before)
    _rename(temporary, path)
    _sync_folder(path.parent)


def _rename(path: Path, target: Path) -> None:
    for patience in range(_PATIENCE, -1, -1):
        try:
            path.replace(target)
        except PermissionError:  # on Windows somebody who reads the old file, such as a virus scanner, holds it
            if patience == 0:
                raise
            time.sleep(0.05)
        else:
            return


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a loss of power, where the system can promise that."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network drives cannot
            os.fsync(handle)
    finally:
        os.close(handle)
