"""Where in the time of a run the window stands, as a frozen value."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AskedEpoch:
    """An epoch whose weights are asked in place of the best ones.

    Attributes:
        epoch: Counted from 1; 0 stands for the weights before the first step.
        val_accuracy: Of these weights, from 0 to 1; None where it is not known.
    """

    epoch: int
    val_accuracy: float | None


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

    def nearest(self, at: float) -> int | None:
        """Return the kept epoch that is nearest to a position in epochs; None where nothing is kept."""
        return min(self.epochs, key=lambda epoch: abs(epoch - at), default=None)


def epoch_words(epoch: int) -> str:
    """Return what an epoch is called within a sentence."""
    return f"epoch {epoch}" if epoch else "epoch 0, before the first step"
