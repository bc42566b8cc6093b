"""How the outside world steers a run: pause, resume, stop, and what to look at."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cnnstudio.core.errors import StopRun

STRONGEST_INPUT: Final = -1
"""As `Watch.map_in`: of each filter the kernel with the largest norm."""
MEAN_OF_INPUTS: Final = -2
"""As `Watch.map_in`: the mean of the kernels of each filter."""

ANY_DROPOUT: Final = "*"
"""As `Watch.dropout`: the first Dropout2d that removes anything, or else any dropout layer."""

ANY_TENSOR: Final = "*"
"""As `Watch.tensor`: the one that tells most about the stage."""

_LOOKING: Final = 0.026  # of a run's time, by all views together: with the pulses of the layers less than 3 %


@dataclass(frozen=True, slots=True)
class Watch:
    """What somebody is looking at right now.

    Attributes:
        layer: Name of the layer whose feature maps are wanted; empty for none.
        image: Path of the preview image; empty for the run's own choice.
        layers: Names of the layers whose feature maps are wanted as rows below each other; empty for none.
        images: Paths of the images that those layers answer to; empty for the preview image alone.
        batchnorm: Path of the BatchNorm2d that is looked into; empty for none.
        batchnorm_alone: Whether that is with the preview image as a batch of its own.
        filters: Path of the convolution whose kernels are wanted; empty for none.
        map_in: On which of its inputs (of each group), or one of the names above.
        tensor: Name of the tensor that is drawn of a stage that is stepped through, or the name above for the stage's
            own choice; empty for none.
        dropout: Path of the dropout layer whose masks are wanted, or the name above; empty for none.
    """

    layer: str = ""
    image: str = ""
    layers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    batchnorm: str = ""
    batchnorm_alone: bool = False
    filters: str = ""
    map_in: int = STRONGEST_INPUT
    tensor: str = ""
    dropout: str = ""

    @property
    def share(self) -> float:
        """The share of the run's time that each look may take: of the network between two steps, and of dropout."""
        between = bool(self.layer or self.layers or self.batchnorm or self.filters)
        return _LOOKING / max(1, between + bool(self.dropout))


@dataclass(frozen=True, slots=True)
class Change:
    """A setting of a run that is to be another one while the run goes on.

    Attributes:
        key: One of `core.changes.LIVE`, as in the configuration.
        value: What it is to be: no share of what it is, so that the same wish twice does the same as once.
    """

    key: str
    value: float


class Control:
    """Requests to a run, set from any thread and honoured at the next step boundary, or stage while it is stepped."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._stop = False
        self._holding = False
        self._stage_wanted = False
        self._watch = Watch()
        self._asked: tuple[Change, ...] = ()  # all changes since the beginning
        self._taken = 0

    def pause(self) -> None:
        """Ask the run to hold after the present step."""
        self._set(paused=True)

    def resume(self) -> None:
        """Let a paused run go on."""
        self._set(paused=False, stage_wanted=False)

    def step(self) -> None:
        """Ask the run to take one stage of a training step (see `engine.stepping`) and to hold then.

        A run that is not paused pauses first. While a stage is being taken, further requests do nothing.
        """
        self._set(paused=True, stage_wanted=True)

    def stop(self) -> None:
        """Ask the run to end after the present step and to keep what it has."""
        self._set(stop=True)

    def watch(self, watch: Watch) -> None:
        """Choose the layer and image whose feature maps are reported."""
        self._set(watch=watch)

    def change(self, change: Change) -> None:
        """Ask the run to go on with another setting after the present step; it says what it has taken, or why not."""
        with self._changed:
            self._asked = (*self._asked, change)
            self._changed.notify_all()

    def take_changes(self) -> tuple[Change, ...]:
        """Return the changes that were asked for since the last call; called by the run."""
        if self._taken == len(self._asked):
            return ()
        with self._changed:
            fresh, self._taken = self._asked[self._taken :], len(self._asked)
        return fresh

    @property
    def paused(self) -> bool:
        """Whether the run was asked to hold."""
        return self._paused

    @property
    def holding(self) -> bool:
        """Whether the run has reached a step boundary, or the end of a stage, and waits there."""
        return self._holding

    @property
    def stepping(self) -> bool:
        """Whether the paused run is to take one stage."""
        return self._paused and self._stage_wanted and not self._stop

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to end."""
        return self._stop

    @property
    def watched(self) -> Watch:
        """What is being looked at."""
        return self._watch

    def check(self, while_paused: Callable[[], None] | None = None) -> None:
        """Hold while paused; called by the run at every step boundary.

        Args:
            while_paused: Called when a pause begins, and during it when `watched` changes or a change is asked for.

        Raises:
            StopRun: Somebody asked the run to stop.
        """
        self.wait(while_paused)
        if self._stop:
            raise StopRun

    def stage_taken(self) -> None:
        """Note that the run has taken the stage that it was asked for."""
        self._set(stage_wanted=False)

    def wait(self, while_paused: Callable[[], None] | None = None) -> None:
        """Hold while paused, until a stage is asked for; between two stages, as a run that is to end finishes its step.

        Args:
            while_paused: As for `check`.
        """
        if not self._rests:
            return
        self._holding = True
        try:
            self._hold(while_paused)
        finally:
            self._holding = False

    @property
    def _rests(self) -> bool:
        return self._paused and not self._stage_wanted and not self._stop

    def _hold(self, while_paused: Callable[[], None] | None) -> None:
        served: tuple[Watch, tuple[Change, ...]] | None = None
        while self._rests:
            watch, asked = self._watch, self._asked
            if while_paused is not None and (watch, asked) != served:
                while_paused()
                served = watch, asked
            with self._changed:
                self._changed.wait_for(
                    lambda: not self._rests or self._watch is not watch or self._asked is not asked  # noqa: B023
                )

    def _set(
        self,
        *,
        paused: bool | None = None,
        stop: bool = False,
        watch: Watch | None = None,
        stage_wanted: bool | None = None,
    ) -> None:
        with self._changed:
            if stage_wanted is not None:
                self._stage_wanted = stage_wanted
            if paused is not None:
                self._paused = paused
            self._stop = self._stop or stop
            if watch is not None:
                self._watch = watch
            self._changed.notify_all()
