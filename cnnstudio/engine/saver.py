"""Writes checkpoints beside the training: a step waits for copies in memory only, never for the disk."""

import math
import threading
import time
from collections.abc import Callable
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
        self._frozen: State = {}
        self._kept = threading.Event()
        self._kept.set()  # nothing is to be kept yet
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
            self._start(self._copy(checkpoint))

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
        state = self._copy(checkpoint)
        if can_wait and began < self._written + _APART:
            self._owed = state
            self._start(state)
        else:
            self._written = began
            self._start(state, self._write)
        now = time.monotonic()
        self._next = now + max(_EVERY, (now - began) / _SHARE)

    def wait_until_kept(self) -> None:
        """Wait until the latest state is kept; it may not be written yet.

        Raises:
            OSError, RuntimeError: It could not be kept.
        """
        self._kept.wait()
        if self._error is not None:
            self._join()

    def wait(self) -> None:
        """Wait until the latest state is on disk.

        Raises:
            OSError, RuntimeError: It could not be written.
        """
        self._join()
        if self._owed is not None and self._write is not None:
            owed, self._owed = self._owed, None
            self._write(owed)

    def _copy(self, checkpoint: Checkpoint) -> State:
        """Return a state that the next step cannot change; what is frozen is the same object as the last time."""
        frozen = {key: each for key, each in self._frozen.items() if key in checkpoint.frozen}
        network = {key: frozen[key] if key in frozen else _copied(each) for key, each in checkpoint.network.items()}
        self._frozen = {key: network[key] for key in checkpoint.frozen}
        others = {name: _copied(each) for name, each in checkpoint.to_dict().items() if name != "network"}
        return {**others, "network": network}

    def _start(self, state: State, write: Callable[[State], None] | None = None) -> None:
        self._kept.clear()
        self._thread = threading.Thread(target=self._run, args=(state, write), name="cnnstudio-checkpoint")
        self._thread.start()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self, state: State, write: Callable[[State], None] | None) -> None:
        try:
            self._keep(state)
            self._kept.set()
            if write is not None:
                write(state)
        except (OSError, RuntimeError) as error:  # torch makes the latter of the former
            self._error = error
        finally:
            self._kept.set()


def _copied(tree: Any) -> Any:
    """Return a state with all tensors copied to the CPU, so that the next step cannot change it."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().to("cpu", copy=True)
    if isinstance(tree, dict):
        return {key: _copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_copied(value) for value in tree)
    return tree
