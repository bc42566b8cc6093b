"""The run folder: everything a run leaves on disk, written so that a crash never leaves half a file."""

import errno
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

import torch
import torchvision
from safetensors.torch import save as to_safetensors
from torch import nn

import cnnstudio
from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import EpochEnded, Phase, RunEnded, RunStarted, StepEnded, Warned
from cnnstudio.core.serial import to_line

CONFIG: Final = "config.toml"
EVENTS: Final = "events.jsonl"
BEST: Final = "model.safetensors"
LAST: Final = "last.ckpt"
CLASSES: Final = "classes.json"
VERSIONS: Final = "versions.json"

_PATIENCE: Final = 10  # tries to replace a file that somebody else holds


class RunFolder:
    """A run folder being written.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path, config: Config, classes: tuple[str, ...]) -> None:
        """Make the folder and write what is known before the first step.

        Raises:
            InputError: The folder holds something already, or cannot be written.
        """
        self.path = path
        check_free(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            _write(path / CONFIG, lambda file: file.write(config.to_toml().encode()))
            _write(path / CLASSES, lambda file: file.write(_json(list(classes))))
            _write(path / VERSIONS, lambda file: file.write(_json(versions())))
            self._events = (path / EVENTS).open("a", encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise _not_written(path, error) from None

    def record(self, event: RunStarted | Phase | StepEnded | EpochEnded | Warned | RunEnded) -> None:
        """Append an event to `events.jsonl`; the phases of a progress bar are not kept."""
        if not isinstance(event, Phase):
            self._events.write(to_line(event) + "\n")
            self._events.flush()

    def save_best(self, network: nn.Module) -> None:
        """Write the network's weights and buffers to `model.safetensors`."""
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
        _write(self.path / BEST, lambda file: file.write(to_safetensors(state)))

    def save_last(self, state: dict[str, Any]) -> None:
        """Write what a resumed run needs to `last.ckpt`."""
        _write(self.path / LAST, lambda file: torch.save(state, file))

    @property
    def has_best(self) -> bool:
        """Whether weights have been kept."""
        return (self.path / BEST).exists()

    def close(self) -> None:
        """Close the event log."""
        self._events.close()


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
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
    }


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", errors="surrogateescape")


def _write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Write a file so that either the old or the new content is there, whatever happens."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        fill(file)
        file.flush()
        os.fsync(file.fileno())
    for patience in range(_PATIENCE, -1, -1):
        try:
            temporary.replace(path)
        except PermissionError:  # on Windows somebody who reads the old file, such as a virus scanner, holds it
            if patience == 0:
                raise
            time.sleep(0.05)
        else:
            return
