"""What a run leaves on the disk while it goes on: its checkpoints, its best weights and those of each epoch."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from torch import Tensor

from cnnstudio.core.events import Changed, EpochEnded, Event
from cnnstudio.engine.checkpoint import RunFolder
from cnnstudio.engine.dist import World
from cnnstudio.engine.endings import finite
from cnnstudio.engine.history import History
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.metrics import Running
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.resume import LAST, PREVIOUS, Checkpoint, Position, paths_of, random_states, validated
from cnnstudio.engine.saver import Saver


class Keeping:
    """Takes down where a run stands, and has it kept beside the training.

    Attributes:
        saver: Writes the checkpoints.
        best: The epoch whose weights are kept; None before there is one.
        began: When the run began, as `time.monotonic` has it, had it never been interrupted.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: RunFolder,
        world: World,
        emit: Callable[[Event], None],
        *,
        best: EpochEnded | None,
        began: float,
    ) -> None:
        """Begin; nothing is written yet.

        Args:
            prepared: The run.
            folder: Takes weights and checkpoints.
            world: The processes that train together, of which the first one writes.
            emit: Hears that an epoch could not be kept.
            best: Of what an earlier process has come to.
            began: When the run began.
        """
        self.best, self.began = best, began
        self.saver = Saver(folder.save_last if world.leads else None, self._keep)
        self._prepared, self._folder, self._emit = prepared, folder, emit
        self._history = History(folder.path)
        catalog, split = prepared.store.catalog, prepared.split
        self._paths = paths_of(catalog, split.train), paths_of(catalog, split.val)

    def checkpoint(
        self, position: Position, learning: Learning, sums: tuple[Running, Running], changes: tuple[Changed, ...]
    ) -> Checkpoint:
        """Return all that the run needs to go on from here.

        Args:
            position: What is done, as far as neither `learning` nor the clock knows it.
            learning: What the phase learns with.
            sums: Of the epoch, and since the latest report.
            changes: What the run has taken while it went on.

        Raises:
            DivergedError: The loss is no number any more: such a state must not take the place of a good one.
        """
        whole, recent = sums
        finite(whole.read(), position.step)
        prepared = self._prepared
        network = self._tensors
        return Checkpoint(
            position=replace(
                position,
                phase=learning.number,
                first=learning.first,
                chosen=learning.chosen,
                spent=time.monotonic() - self.began,
            ),
            network=network,
            learning=learning.state(),
            sums=(whole.state(), recent.state()),
            rng=random_states(),
            best=self.best,
            classes=prepared.store.catalog.classes,
            train=self._paths[0],
            val=self._paths[1],
            changes=changes,
            frozen=prepared.network.frozen_of(network),
        )

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        """Weights and buffers of the network by torchvision's keys; a run changes them in place."""
        return self._prepared.network.state_dict()

    def end_epoch(self, ended: EpochEnded, ahead: Callable[[], Checkpoint]) -> None:
        """Have it kept what an epoch has come to.

        Args:
            ended: The epoch.
            ahead: Returns where the run stands now: before the next one.

        Raises:
            OSError, RuntimeError: The checkpoint before could not be written.
        """
        if ended.best:
            self.best = ended
        self.saver.save(ahead(), can_wait=True)
        if not self._folder.has_best:
            self.saver.wait_until_kept()  # whoever hears that an epoch has ended may ask the network
        self._tell_of_history()

    def finish(self) -> None:
        """Wait until all is on the disk, and tell what is not.

        Raises:
            OSError, RuntimeError: A checkpoint could not be written.
        """
        self.saver.wait()
        self._tell_of_history()

    def forget(self) -> None:
        """Remove the checkpoints of a run that begins anew."""
        self.saver.wait()
        for name in (LAST, PREVIOUS):
            (self._folder.path / name).unlink(missing_ok=True)

    def _keep(self, state: dict[str, Any]) -> None:
        """Keep what an epoch has come to, and as the run's weights where it is the best one."""
        if not state["batch"] and state["best"] and state["best"]["epoch"] == state["epoch"] - 1:
            self._folder.save_best(validated(state))
        self._history.keep(state)

    def _tell_of_history(self) -> None:
        trouble = self._history.trouble()
        if trouble is not None:
            self._emit(trouble)
