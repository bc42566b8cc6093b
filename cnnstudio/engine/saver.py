"""Writes checkpoints beside the training: a step waits for copies in memory only, never for the disk."""

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch

from cnnstudio.engine.resume import Checkpoint

State = dict[str, Any]

_EVERY: Final = 60.0  # seconds between two checkpoints within an epoch
_APART: Final = 1.0  # seconds between those of two epochs, of which a head on known features does several a second
_SHARE: Final = 0.02  # of the run's time that copying may take


class Saver:
    """Keeps the latest state of a run on disk.

    Errors of the writing thread are raised in the training thread, by the next call.
    """

    def __init__(self, write: Callable[[State], None] | None, keep: Callable[[State], None]) -> None:
        """Make a saver.

        Args:
            write: Puts a state into a file, atomically; called on a thread of its own. None where another process
                does so.
            keep: Takes each state as well, ahead of `write` and on the same thread.
        """
        self._write = write
        self._keep = keep
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._owed: State | None = None
        self._written = -math.inf
        self._next = time.monotonic() + _EVERY

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return (
            self._write is not None
            and time.monotonic() >= self._next
            and not (self._thread and self._thread.is_alive())
        )

    def begin(self, checkpoint: Checkpoint) -> None:
        """Copy the state of a run before its first step and have it kept, but not written.

        Raises:
            OSError, RuntimeError: The checkpoint before could not be written, such as on a full disk.
        """
        self._join()
        if self._write is not None:
            self._start(_copied(checkpoint.to_dict()), self._keep)

    def save(self, checkpoint: Checkpoint, *, can_wait: bool = False) -> None:
        """Copy a state and have it written and kept.

        Args:
            checkpoint: The state.
            can_wait: Whether it is enough to write it a little later, or a newer one instead; `wait` writes it.

        Raises:
            OSError, RuntimeError: The checkpoint before could not be written, such as on a full disk.
        """
        self._join()
        if self._write is None:
            return
        began = time.monotonic()
        self._owed = None  # this state takes its place, and there is not always memory for both
        state = _copied(checkpoint.to_dict())
        if can_wait and began < self._written + _APART:
            self._owed = state
            self._start(state, self._keep)
        else:
            self._written = began
            self._start(state, self._keep, self._write)
        now = time.monotonic()
        self._next = now + max(_EVERY, (now - began) / _SHARE)

    def wait(self) -> None:
        """Wait until the latest state is on disk.

        Raises:
            OSError, RuntimeError: It could not be written.
        """
        self._join()
        if self._owed is not None and self._write is not None:
            owed, self._owed = self._owed, None
            self._write(owed)

    def _start(self, state: State, *work: Callable[[State], None]) -> None:
        self._thread = threading.Thread(target=self._run, args=(state, work), name="cnnstudio-checkpoint")
        self._thread.start()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self, state: State, work: Iterable[Callable[[State], None]]) -> None:
        try:
            for each in work:
                each(state)
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
