"""How the outside world steers a run: pause, resume, stop, and what to look at."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from cnnstudio.core.errors import StopRun


@dataclass(frozen=True, slots=True)
class Watch:
    """What somebody is looking at right now.

    Attributes:
        layer: Name of the layer whose feature maps are wanted; empty for none.
        image: Path of the preview image; empty for the run's own choice.
    """

    layer: str = ""
    image: str = ""


class Control:
    """Requests to a run, set from any thread and honoured at the next step boundary."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._stop = False
        self._holding = False
        self._watch = Watch()

    def pause(self) -> None:
        """Ask the run to hold after the present step."""
        self._set(paused=True)

    def resume(self) -> None:
        """Let a paused run go on."""
        self._set(paused=False)

    def stop(self) -> None:
        """Ask the run to end after the present step and to keep what it has."""
        self._set(stop=True)

    def watch(self, watch: Watch) -> None:
        """Choose the layer and image whose feature maps are reported."""
        self._set(watch=watch)

    @property
    def paused(self) -> bool:
        """Whether the run was asked to hold."""
        return self._paused

    @property
    def holding(self) -> bool:
        """Whether the run has reached a step boundary and waits there."""
        return self._holding

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
            while_paused: Called when a pause begins and whenever `watched` changes during it.

        Raises:
            StopRun: Somebody asked the run to stop.
        """
        if self._paused and not self._stop:
            self._holding = True
            try:
                self._hold(while_paused)
            finally:
                self._holding = False
        if self._stop:
            raise StopRun

    def _hold(self, while_paused: Callable[[], None] | None) -> None:
        served: Watch | None = None
        while self._paused and not self._stop:
            seen = self._watch
            if while_paused is not None and seen != served:
                while_paused()
                served = seen
            with self._changed:
                self._changed.wait_for(lambda: not self._paused or self._stop or self._watch is not seen)  # noqa: B023

    def _set(self, *, paused: bool | None = None, stop: bool = False, watch: Watch | None = None) -> None:
        with self._changed:
            if paused is not None:
                self._paused = paused
            self._stop = self._stop or stop
            if watch is not None:
                self._watch = watch
            self._changed.notify_all()
