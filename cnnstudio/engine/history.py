"""The weights of each epoch, kept in the run folder, so that any of them can be looked at and used later.

The first file has the whole network, further ones the tensors that have changed since: of a frozen network with a new
head only that head. Weights are kept as they are, in float32, so that each epoch gives the accuracy it was validated
with; half of the bytes would have been for pictures only.
"""

import contextlib
import shutil
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Warned
from cnnstudio.core.history import HISTORY, LostEpochError, epoch_file, kept_epochs
from cnnstudio.engine.checkpoint import BEST, to_safetensors, write_file
from cnnstudio.engine.resume import LAST, validated

BUDGET: Final = 512 * 2**20
"""Bytes that the epochs of a run may take, beside the first one."""


class History:
    """Keeps what a run has learnt after each epoch, within a budget of bytes.

    Where they would take more, every other epoch goes. The first, the best and the latest one stay.
    """

    def __init__(self, run: Path, *, budget: int = BUDGET) -> None:
        """Make a history; nothing is written yet.

        Args:
            run: The run folder.
            budget: Bytes, without those of the first epoch.
        """
        self._run = run
        self._budget = budget
        self._base: int | None = None  # the first epoch
        self._same: dict[str, weakref.ref[Tensor]] = {}  # tensors that are known to be those of the first epoch
        self._digests: dict[str, bytes] = {}  # of others of that epoch; to read it each time is dear
        self._trouble: str | None = None
        self._told = False

    def keep(self, state: Mapping[str, Any]) -> None:
        """Keep the weights that were validated, if an epoch has just ended or the first one is about to begin.

        Whatever the disk does, nothing is raised: `trouble` tells.

        Args:
            state: What a checkpoint is made of, as `engine.resume.Checkpoint.to_dict` gives it, on the CPU.
        """
        if state["batch"]:
            return
        epoch, best = state["epoch"] - 1, state["best"]
        about = {"epoch": str(epoch), "step": str(state["step"])}
        try:
            self._keep(epoch, validated(state), about)
            self._thin(always={epoch, best["epoch"] if best else epoch})
        except (OSError, RuntimeError, SafetensorError) as error:  # a run does without its history
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            self._trouble = f"the weights of epoch {epoch} are not kept for the time machine: {reason}"

    def trouble(self) -> Warned | None:
        """Return why an epoch could not be kept, once a run."""
        if self._trouble is None or self._told:
            return None
        self._told = True
        return Warned(text=self._trouble, path=str(self._run / HISTORY))

    def _keep(self, epoch: int, weights: Mapping[str, Tensor], about: dict[str, str]) -> None:
        (self._run / HISTORY).mkdir(exist_ok=True)
        for later in [each for each in kept_epochs(self._run) if each > epoch]:
            epoch_file(self._run, later).unlink(missing_ok=True)  # the run goes on from before, and tells them anew
        changed = self._changed(epoch, weights, about)
        data = to_safetensors(changed, about)
        reserve = sum(path.stat().st_size for name in (LAST, BEST) if (path := self._run / name).exists())
        if shutil.disk_usage(self._run).free < len(data) + reserve:
            raise OSError("the disk has room for checkpoints only")
        write_file(epoch_file(self._run, epoch), lambda file: file.write(data))
        if changed is weights:
            self._compare_with(epoch, weights)

    def _changed(self, epoch: int, weights: Mapping[str, Tensor], about: dict[str, str]) -> Mapping[str, Tensor]:
        """Return what differs from the first epoch that is kept; everything without such a one.

        What is frozen comes as the same object again, so only the rest is read and compared.
        """
        base = next((each for each in kept_epochs(self._run) if each < epoch), None)
        if base is None:
            return weights
        if base != self._base:
            self._compare_with(base, {})
        same = {name for name, each in weights.items() if name in self._same and self._same[name]() is each}
        try:
            self._digests |= _digests_of(self._run, base, weights.keys() - same - self._digests.keys())
        except LostEpochError:
            return weights
        same |= {name for name in weights.keys() - same if self._digests[name] == _digest(weights[name])}
        about["base"] = str(base)
        self._same = {name: weakref.ref(weights[name]) for name in same}
        return {name: each for name, each in weights.items() if name not in same}

    def _compare_with(self, epoch: int, weights: Mapping[str, Tensor]) -> None:
        self._base, self._digests = epoch, {}
        self._same = {name: weakref.ref(each) for name, each in weights.items()}

    def _thin(self, *, always: set[int]) -> None:
        sizes = {epoch: epoch_file(self._run, epoch).stat().st_size for epoch in kept_epochs(self._run)}
        always = {min(sizes), *always}
        del sizes[min(sizes)]
        stride = 1
        while sum(sizes.values()) > self._budget and (removable := sizes.keys() - always):
            stride *= 2
            for epoch in sorted(each for each in removable if each % stride):
                epoch_file(self._run, epoch).unlink(missing_ok=True)
                del sizes[epoch]


@dataclass(frozen=True, slots=True, eq=False)
class KeptEpoch:
    """What is kept of an epoch.

    Attributes:
        epoch: Its number, counted from 1; 0 stands for the time before the first step.
        step: Optimizer steps done.
        base: The epoch that has the tensors which have not changed; None if this one has all.
        keys: Of the tensors that are kept.
        tensors: Those of them that were asked for, by key.
    """

    epoch: int
    step: int
    base: int | None
    keys: frozenset[str]
    tensors: dict[str, Tensor]


def read_epoch(run: Path, epoch: int, keys: Iterable[str] | None = None) -> KeptEpoch:
    """Read what is kept of an epoch, as it is on the disk.

    Args:
        run: The run folder.
        epoch: Its number.
        keys: Of the tensors to read, which must be there; all of them unless given.

    Raises:
        LostEpochError: It is damaged, or not kept.
    """
    with _opened(run, epoch) as file:
        about = file.metadata() or {}
        here = frozenset(file.keys())
        tensors = {key: file.get_tensor(key).clone() for key in (here if keys is None else keys)}
        base = int(about["base"]) if "base" in about else None
        return KeptEpoch(int(about["epoch"]), int(about["step"]), base, here, tensors)


@contextlib.contextmanager
def _opened(run: Path, epoch: int) -> Iterator[Any]:
    path = epoch_file(run, epoch)
    if not path.is_file():
        raise LostEpochError(f"the weights of epoch {epoch} are not kept", where=path, remedy="choose another epoch")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (OSError, SafetensorError, LookupError, ValueError, RuntimeError) as error:
        raise LostEpochError(
            f"the weights of epoch {epoch} are damaged", where=path, remedy="choose another epoch"
        ) from error


def weights_of(run: Path, epoch: int) -> dict[str, Tensor]:
    """Return all tensors of a network as they were validated after an epoch, by torchvision's keys.

    Raises:
        LostEpochError: They are damaged, or not kept.
    """
    kept = read_epoch(run, epoch)
    return kept.tensors if kept.base is None else read_epoch(run, kept.base).tensors | kept.tensors


def write_weights(run: Path, epoch: int, path: Path) -> None:
    """Write all tensors of an epoch to a file like a run's `model.safetensors`; one that is there is replaced whole.

    Raises:
        InputError: They are damaged or not kept, or the file cannot be written.
    """
    data = to_safetensors(weights_of(run, epoch))
    try:
        write_file(path, lambda file: file.write(data))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"the weights cannot be written: {reason}", where=path, remedy="choose another path") from None


def _digests_of(run: Path, epoch: int, keys: Iterable[str]) -> dict[str, bytes]:
    with _opened(run, epoch) as file:
        return {key: _digest(file.get_tensor(key)) for key in keys}


def _digest(tensor: Tensor) -> bytes:
    return sha256(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data).digest()
