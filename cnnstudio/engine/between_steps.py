"""What happens at a step boundary: requests are honoured, the state is kept, and what is watched is shown."""

import time
from collections.abc import Callable

from cnnstudio.core.control import Control
from cnnstudio.core.errors import StopRun
from cnnstudio.core.events import Event
from cnnstudio.engine.dist import World
from cnnstudio.engine.preview import Preview
from cnnstudio.engine.resume import Checkpoint
from cnnstudio.engine.saver import Saver


class BetweenSteps:
    """Lets the outside world into a run between two of its steps, and at no other time.

    Attributes:
        held: Seconds that the run has spent paused.
    """

    def __init__(
        self, control: Control, saver: Saver, preview: Preview, emit: Callable[[Event], None], world: World
    ) -> None:
        self.held = 0.0
        self._world = world
        self._control = control
        self._saver = saver
        self._preview = preview
        self._emit = emit

    def __call__(self, step: int, checkpoint: Callable[[], Checkpoint]) -> None:
        """Pause, stop, save and show, as far as it is time for each; all processes of a run agree on it.

        Args:
            step: Optimizer steps done.
            checkpoint: Where the run stands.

        Raises:
            StopRun: Somebody asked the run to stop; its state is being saved.
        """
        stop = False
        try:
            self.check(step)
        except StopRun:
            stop = True
        stop, due = self._world.any_of(stop, self._saver.due())
        if stop or due:
            self._saver.save(checkpoint())
        if stop:
            raise StopRun
        if self._preview.due(self._control.watched):
            self._look(step)

    def check(self, step: int) -> None:
        """Hold while paused, and show the feature maps that are asked for meanwhile.

        Raises:
            StopRun: Somebody asked the run to stop.
        """
        began = time.monotonic()
        try:
            self._control.check(while_paused=lambda: self._look(step))
        finally:
            self.held += time.monotonic() - began

    def _look(self, step: int) -> None:
        for found in self._preview.look(self._control.watched, step):
            self._emit(found)
