"""Between the thread that trains and the thread that shows."""

import threading

from cnnstudio.core.events import Event, Phase
from cnnstudio.core.pictures import Picture


class Mailbox:
    """Takes events on any thread and hands them over all at once.

    Scalars are kept in order and never lost. Of pictures and of the phase text only the latest matters, so a reader
    that is slow, or gone, costs no memory.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scalars: list[Event] = []
        self._latest: dict[type[Event], Event] = {}

    def put(self, event: Event) -> None:
        """Leave an event; this is a sink."""
        with self._lock:
            if isinstance(event, (Picture, Phase)):
                self._latest[type(event)] = event
            else:
                self._scalars.append(event)

    def drain(self) -> list[Event]:
        """Take everything out: the scalars in order, then the latest phase and picture."""
        with self._lock:
            events = [*self._scalars, *self._latest.values()]
            self._scalars = []
            self._latest = {}
        return events
