"""What hosts of a run have in common, wherever it computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event, RunEnded


class Host(Protocol):
    """Carries out one run at a time, beside whoever started it.

    A run tells its end as the last event, whatever ended it. Ask `active` before `drain`: once the one is False, the
    other gives all that is left.
    """

    @property
    def control(self) -> Control:
        """Steers the run that is under way; another one for each run."""
        ...

    @property
    def active(self) -> bool:
        """Whether a run is under way."""
        ...

    def start(self, config: Config, out: Path, watch: Watch, *, resume: bool = False) -> None:
        """Start a run, or let the one in `out` go on; returns at once."""
        ...

    def drain(self) -> list[Event]:
        """Take the events that have come since."""
        ...

    def close(self) -> None:
        """Stop the run, if there is one, wait until it has ended, and let go of what it held."""
        ...


def told(training: Callable[[], object], sink: Callable[[Event], None]) -> None:
    """Call a training that tells `sink` its end; what it raises instead becomes the closing event."""
    try:
        training()
    except InputError as error:
        message = error.one_line()
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for the end of the run
        message = f"{type(error).__name__}: {error}"
    else:
        return
    sink(RunEnded(reason="failed", best_val_accuracy=None, seconds=0.0, run="", message=message))
