"""Where a run begins: anew, or where an earlier process has left it; and who writes its folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from torch import Tensor

from cnnstudio.core.config import ComputeConfig, Config
from cnnstudio.core.control import Control
from cnnstudio.core.events import Changed, Phase
from cnnstudio.data.image_store import ImageStore
from cnnstudio.engine.checkpoint import RunFolder, check_free, logged_changes
from cnnstudio.engine.dist import World
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.resume import LAST, PREVIOUS, Checkpoint, read_checkpoint

LAUNCH: Final = "launch.txt"  # in the run folder: which launch of torchrun has made it

_UNNAMED: Final = "none"  # what torchrun calls a launch without --rdzv-id


class Standing(NamedTuple):
    """Where a run begins.

    Attributes:
        checkpoint: Where it goes on; None at its very beginning.
        note: Why that is not the newest one, in a clause; empty if it is.
        reopens: Whether its folder is there already.
        coming: Changes that an earlier process has taken since the checkpoint; this one takes them at the same steps.
    """

    checkpoint: Checkpoint | None
    note: str
    reopens: bool
    coming: tuple[Changed, ...] = ()


def standing(world: World, out: Path, *, resume: bool) -> Standing:
    """Find out where a run begins.

    Processes that torchrun has started anew go on with the run that they had begun. Only the first one reads the
    folder, which the other machines need not see.

    Args:
        world: All processes of the run.
        out: The run folder.
        resume: Whether the user wants an earlier run to go on.

    Raises:
        InputError: The folder is taken, or holds nothing to go on from.
    """
    return world.from_leader(lambda: _look(world, out, resume=resume))


def _look(world: World, out: Path, *, resume: bool) -> Standing:
    if not resume and not _is_ours(world, out):
        check_free(out)
        return Standing(None, "", reopens=False)
    if not resume and not any((out / name).exists() for name in (LAST, PREVIOUS)):
        return Standing(None, "", reopens=True, coming=logged_changes(out))  # they died before their first checkpoint
    checkpoint, note = read_checkpoint(out)
    later = (each for each in logged_changes(out) if each.step >= checkpoint.position.step)
    coming = tuple(each for each in later if each not in checkpoint.changes)
    return Standing(checkpoint, note, reopens=True, coming=coming)


def prepare_all(
    world: World,
    config: Config,
    report: Callable[[Phase], None],
    control: Control,
    checkpoint: Checkpoint | None,
    store: ImageStore | None = None,
) -> Prepared:
    """Do what `prepare` does on all ranks: the first one chooses the arithmetic, and its network is everybody's.

    A single process returns as soon as the first images are there; many read them one after the other.

    Raises:
        InputError: Something the user gave cannot be used, on any of them.
        StopRun: Any of them was asked to stop meanwhile.
    """
    led: list[Prepared] = []

    def lead() -> ComputeConfig:
        led.append(prepare(config, report, control, checkpoint, early=not world.many, store=store))
        return led[0].config.compute

    chosen = world.from_leader(lead)
    like_it = config.replace("compute.precision", chosen.precision)
    like_it = like_it.replace("compute.memory_format", chosen.memory_format)
    prepared = world.together(lambda: led[0] if led else prepare(like_it, report, control, checkpoint))
    world.align(*prepared.network.parameters(), *prepared.network.buffers())
    return prepared


def open_folder(world: World, out: Path, prepared: Prepared, *, reopens: bool) -> RunFolder:
    """Make the run folder, or open it again; on all ranks but the first one nothing is written.

    Raises:
        InputError: It cannot be written, or another process writes to it.
    """

    def opened() -> RunFolder:
        if not world.leads:
            return NoFolder(out)
        if reopens:
            return RunFolder.reopen(out)
        folder = RunFolder.make(out, prepared.config, prepared.store.catalog.classes)
        if world.launch:
            (out / LAUNCH).write_text(world.launch, encoding="utf-8")
        return folder

    return world.together(opened)


def _is_ours(world: World, folder: Path) -> bool:
    """Whether this launch has made the folder, and was started anew since."""
    if not world.launch or (world.launch == _UNNAMED and not world.restarts):
        return False
    try:
        return (folder / LAUNCH).read_text(encoding="utf-8") == world.launch
    except (OSError, ValueError):
        return False


class NoFolder(RunFolder):
    """The run folder of a rank that writes nothing."""

    def record(self, event: object) -> None:
        """Leave it to the first rank."""

    def save_best(self, weights: Mapping[str, Tensor]) -> None:
        """Leave it to the first rank."""

    def save_last(self, state: dict[str, Any]) -> None:
        """Leave it to the first rank."""

    @property
    def has_best(self) -> bool:
        """Whether there is nothing to keep here."""
        return True
