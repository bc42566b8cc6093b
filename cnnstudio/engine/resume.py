"""Where a run stands, so that another process can go on from there to the same result."""

import contextlib
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Changed, EpochEnded
from cnnstudio.data.scan import Catalog
from cnnstudio.data.splits import Split

LAST: Final = "last.ckpt"
PREVIOUS: Final = "previous.ckpt"
VERSION: Final = 1
_LATER: Final = {"portion": 0, "chosen": 0}  # what checkpoints of earlier versions lack
KEPT: Final = ("optimizer", "schedule", "scaler", "average")  # of what a phase learns with


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run has come.

    Attributes:
        phase: Which of the training phases, counted from 0.
        first: Its first epoch, counted from 1.
        epoch: The present epoch, counted from 1.
        chosen: The epoch for which it was chosen which stages learn now; 0 at the beginning of the run.
        batch: Batches of it that are done.
        step: Optimizer steps done since the start of the run.
        waited: Epochs of this phase since the best one.
        portion: Images that are learnt from at once, at most, where the device has no memory for a batch; else 0.
        seconds: Training time of this epoch so far.
        since: The part of it since the latest report.
        spent: Seconds of the whole run so far.
    """

    phase: int = 0
    first: int = 1
    epoch: int = 1
    batch: int = 0
    step: int = 0
    waited: int = 0
    portion: int = 0
    chosen: int = 0
    seconds: float = 0.0
    since: float = 0.0
    spent: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """All that a run needs to go on.

    Attributes:
        position: How far it has come.
        network: State dict of the network.
        learning: State dicts of optimizer, schedule, gradient scaler and average of the weights, by their names.
        sums: Sums of losses so far, of the epoch and since the latest report.
        rng: States of torch's random numbers: the CPU's, then those of CUDA devices.
        best: The epoch whose weights are kept.
        classes: Class names in the order of the logits.
        train: Paths of the training images below the data folder, in order.
        val: The same of the validation images.
        changes: What the run has taken while it went on, in order.
        frozen: Keys of `network` whose tensors have not changed since the checkpoint before; it is not written.
    """

    position: Position
    network: dict[str, Tensor]
    learning: dict[str, Any]
    sums: tuple[dict[str, Any], dict[str, Any]]
    rng: tuple[Tensor, ...]
    best: EpochEnded | None
    classes: tuple[str, ...]
    train: tuple[str, ...]
    val: tuple[str, ...]
    changes: tuple[Changed, ...] = ()
    frozen: frozenset[str] = frozenset()

    def to_dict(self) -> dict[str, Any]:
        """Return what `torch.save` writes; `torch.load` reads it with `weights_only=True`."""
        return {
            "version": VERSION,
            **asdict(self.position),
            "network": self.network,
            **self.learning,
            "sums": list(self.sums),
            "rng": list(self.rng),
            "best": self.best.model_dump() if self.best else None,
            "classes": _packed(self.classes),
            "train": _packed(self.train),
            "val": _packed(self.val),
            "changes": [each.model_dump() for each in self.changes],
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Checkpoint":
        """Return the checkpoint of such a dict.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        first, second = state["sums"]
        return cls(
            position=Position(**{name: (_LATER | state)[name] for name in Position.__dataclass_fields__}),
            network=state["network"],
            learning={name: state[name] for name in KEPT},
            sums=(first, second),
            rng=tuple(state["rng"]),
            best=EpochEnded.model_validate(state["best"]) if state["best"] else None,
            classes=_unpacked(state["classes"]),
            train=_unpacked(state["train"]),
            val=_unpacked(state["val"]),
            changes=tuple(Changed.model_validate(each) for each in state.get("changes", ())),
        )


def validated(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the weights that an epoch is validated with: the averages of those which learn, where there are any.

    Args:
        state: As `Checkpoint.to_dict` gives it.
    """
    return {**state["network"], **state["average"]["weights"]}


def read_checkpoint(run: Path) -> tuple[Checkpoint, str]:
    """Read the newest checkpoint of a run that is whole.

    Returns:
        The checkpoint, and one clause on why it is not the newest; empty if it is.

    Raises:
        InputError: There is none, none is whole, or the run comes from a newer version of this program.
    """
    damaged = ""
    for name in (LAST, PREVIOUS):
        path = run / name
        if not path.is_file():
            continue
        state = _read(path)
        if state is not None and state.get("version", 0) > VERSION:
            raise InputError(
                "the run comes from a newer version of CNN Studio", where=run, remedy="update CNN Studio to go on"
            )
        try:
            checkpoint = Checkpoint.from_dict(state or {})
        except (KeyError, TypeError, ValueError):
            damaged = damaged or f"{name} is damaged"
            continue
        return checkpoint, f"{damaged}: the run goes on from the checkpoint before it" if damaged else ""
    what = f"{damaged}, and no whole one is before it" if damaged else "there is no checkpoint to go on from"
    raise InputError(what, where=run, remedy="train again with `cnnstudio train` and the config.toml of the run")


def read_division(run: Path) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the paths of the training and the validation images of a run, each in its order.

    The weights stay on the disk.

    Returns:
        What the newest checkpoint that can be read says; None where there is none.
    """
    for name in (LAST, PREVIOUS):
        with contextlib.suppress(Exception):  # the reader raises nearly anything when a file is damaged
            state = torch.load(run / name, map_location="cpu", weights_only=True, mmap=True)
            return _unpacked(state["train"]), _unpacked(state["val"])
    return None


def random_states() -> tuple[Tensor, ...]:
    """Return the states of torch's random numbers, the CPU's first."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return (torch.get_rng_state(), *cuda)


def set_random_states(states: Sequence[Tensor]) -> None:
    """Put them back; those of devices that are not here are left out."""
    torch.set_rng_state(states[0])
    if torch.cuda.is_available() and len(states) == 1 + torch.cuda.device_count():
        torch.cuda.set_rng_state_all(list(states[1:]))


@contextlib.contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Put torch's random numbers back afterwards."""
    before = random_states()
    try:
        yield
    finally:
        set_random_states(before)


def paths_of(catalog: Catalog, indices: Sequence[int]) -> tuple[str, ...]:
    """Return the paths of some images, below the data folder where they lie in it."""
    below = os.path.join(catalog.root, "")  # noqa: PTH118 - with the separator at its end, which a path drops
    return tuple(str(catalog.images[index].path).removeprefix(below) for index in indices)


def same_split(checkpoint: Checkpoint, catalog: Catalog) -> tuple[Split, str]:
    """Return the images of a run where they lie now, each on its old side of the split.

    Returns:
        The split, and a clause on images that have come or gone; empty if none have.

    Raises:
        InputError: Too few are left, or they are of other classes.
    """
    if catalog.classes != checkpoint.classes:
        raise InputError(
            f"the classes are no longer those of the run: {', '.join(checkpoint.classes)}",
            where=catalog.root,
            remedy="put the folders back as they were, or train anew",
        )
    names = paths_of(catalog, range(len(catalog.images)))
    place = {name: index for index, name in enumerate(names)}
    train = tuple(place[name] for name in checkpoint.train if name in place)
    val = tuple(place[name] for name in checkpoint.val if name in place)
    if not train or not val:
        raise InputError(
            "the images that the run has learnt from are gone",
            where=catalog.root,
            remedy="put them back, or train anew",
        )
    gone = len(checkpoint.train) + len(checkpoint.val) - len(train) - len(val)
    come = len(set(names) - {*checkpoint.train, *checkpoint.val}) - _held_back(catalog)
    parts = (f"{gone:,} of its images are gone" if gone else "", f"{come:,} new ones are left out" if come > 0 else "")
    return Split(train, val), " and ".join(filter(None, parts))


def _held_back(catalog: Catalog) -> int:
    """Return how many images the folder keeps for tests."""
    return sum(image.part == "test" for image in catalog.images)


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a file holds if every byte of it is as it was written; code in it is never run."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return None
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001 - both readers raise nearly anything when a file is damaged
        return None
    return state if isinstance(state, dict) else None


def _packed(paths: Sequence[str]) -> Tensor:
    text = "\0".join(paths).encode("utf-8", errors="surrogateescape")
    return torch.from_numpy(np.frombuffer(bytearray(text), dtype=np.uint8))


def _unpacked(packed: Tensor) -> tuple[str, ...]:
    text = packed.numpy().tobytes().decode("utf-8", errors="surrogateescape")
    return tuple(text.split("\0")) if text else ()
