"""Writes checkpoints beside the training: a step waits for copies in memory only, never for the disk."""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import torch

from cnnstudio.engine.resume import Checkpoint

_EVERY: Final = 60.0  # seconds between two checkpoints within an epoch
_SHARE: Final = 0.02  # of the run's time that copying may take


class Saver:
    """Keeps the latest state of a run on disk.

    Errors of the writing thread are raised in the training thread, by the next call.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None] | None, *, every: float = _EVERY) -> None:
        """Make a saver.

        Args:
            write: Puts a state into a file, atomically; called on a thread of its own. None where another process
                does so.
            every: Seconds between two checkpoints.
        """
        self._write = write
        self._every = every
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._next = time.monotonic() + every

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return (
            self._write is not None
            and time.monotonic() >= self._next
            and not (self._thread and self._thread.is_alive())
        )

    def save(self, checkpoint: Checkpoint, write: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Copy a state and have it written.

        Args:
            checkpoint: The state.
            write: Puts it somewhere else than usual.

        Raises:
            OSError, RuntimeError: The checkpoint before could not be written, such as on a full disk.
        """
        self.wait()
        if self._write is None:
            return
        began = time.monotonic()
        state = _copied(checkpoint.to_dict())
        work = write or self._write, state
        self._thread = threading.Thread(target=self._run, args=work, name="cnnstudio-checkpoint")
        self._thread.start()
        now = time.monotonic()
        self._next = now + max(self._every, (now - began) / _SHARE)

    def wait(self) -> None:
        """Wait until the checkpoint that is being written is on disk.

        Raises:
            OSError, RuntimeError: It could not be written.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self, write: Callable[[dict[str, Any]], None], state: dict[str, Any]) -> None:
        try:
            write(state)
        except (OSError, RuntimeError) as error:  # torch makes the latter of the former
            self._error = error


def _copied(tree: Any) -> Any:
    """Return a state with all tensors copied to the CPU, so that the next step cannot change it."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().to("cpu", copy=True)
    if isinstance(tree, dict):
        return {key: _copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_copied(value) for value in tree)
    return tree
