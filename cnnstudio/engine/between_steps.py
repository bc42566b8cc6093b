"""What happens at a step boundary: requests are honoured, the state is kept, and what is watched is shown."""

import time
from collections.abc import Callable

from cnnstudio.core.control import Control
from cnnstudio.core.errors import StopRun
from cnnstudio.core.events import Event
from cnnstudio.engine.changes import LiveChanges
from cnnstudio.engine.device import all_threads
from cnnstudio.engine.dist import World
from cnnstudio.engine.preview import Preview
from cnnstudio.engine.resume import Checkpoint
from cnnstudio.engine.saver import Saver
from cnnstudio.engine.stepping import Stepping


class BetweenSteps:
    """Lets the outside world into a run between two of its steps; at other times only whoever steps through one.

    Attributes:
        stepping: Lets somebody step through a step.
    """

    def __init__(
        self,
        control: Control,
        saver: Saver,
        preview: Preview,
        emit: Callable[[Event], None],
        world: World,
        changes: LiveChanges,
    ) -> None:
        self.stepping = Stepping(control, emit)
        self._held = 0.0
        self._world = world
        self._control = control
        self._saver = saver
        self._preview = preview
        self._emit = emit
        self._changes = changes

    @property
    def held(self) -> float:
        """Seconds that the run has spent paused."""
        return self._held + self.stepping.held

    def __call__(self, step: int, checkpoint: Callable[[], Checkpoint]) -> None:
        """Change, pause, stop, save and show, as far as it is time for each; all processes of a run agree on it.

        Args:
            step: Optimizer steps done.
            checkpoint: Where the run stands.

        Raises:
            StopRun: Somebody asked the run to stop; its state is being saved.
        """
        stop = False
        try:
            self.check(step, changes=True)
        except StopRun:
            stop = True
        stop, due = self._world.any_of(stop, self._saver.due())
        if stop or due:
            self._saver.save(checkpoint())
        if stop:
            raise StopRun
        if self._preview.due(self._control.watched):
            self._look(step)

    def check(self, step: int, *, changes: bool = False) -> None:
        """Hold while paused, and show the feature maps that are asked for meanwhile.

        Args:
            step: Optimizer steps done.
            changes: Whether there is something to change: settings are taken before, during and after a pause.

        Raises:
            StopRun: Somebody asked the run to stop.
        """
        began = time.monotonic()
        take = self._changes.take if changes else _nothing
        take(step)

        def rest() -> None:
            self._changes.rest(step, paused=True)
            take(step)
            self._look(step, paused=True)

        try:
            self._control.check(while_paused=rest)
            self._changes.rest(step, paused=self._control.paused)
            take(step)
        finally:
            self._held += time.monotonic() - began

    def _look(self, step: int, *, paused: bool = False) -> None:
        if paused:
            self.stepping.show()
        with all_threads():
            for found in self._preview.look(self._control.watched, step):
                self._emit(found)


def _nothing(_step: int) -> None:
    """Change nothing: the network is being prepared for what learns."""
