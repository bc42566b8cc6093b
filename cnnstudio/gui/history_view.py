"""Where in the time of a run the window stands, as a frozen value."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HistoryView:
    """Where in the time of a run the window stands.

    Attributes:
        run: The run folder; None while no run is shown.
        epochs: What is kept, in order; 0 stands for the time before the first step.
        live: Whether the run goes on in this window, so that it can be seen as it is.
        chosen: The epoch that somebody has chosen; None for the end, which moves on with the run.
        note: Why nothing can be seen of it; empty if something can.
    """

    run: Path | None = None
    epochs: tuple[int, ...] = ()
    live: bool = False
    chosen: int | None = None
    note: str = ""

    @property
    def epoch(self) -> int | None:
        """The epoch that is shown; None for the run as it is, or where nothing is kept."""
        if self.chosen is not None or self.live or not self.epochs:
            return self.chosen
        return self.epochs[-1]
