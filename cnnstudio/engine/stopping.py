"""Early stopping: a phase ends when validation has not become better for a while."""

from cnnstudio.core.events import EpochEnded


class Patience:
    """Counts the epochs since validation was last better than ever before.

    Attributes:
        waited: Epochs of the present phase since then.
    """

    def __init__(self, epochs: int, waited: int = 0) -> None:
        """Make a count.

        Args:
            epochs: How many to wait; 0 waits for ever.
            waited: How many of them have passed already.
        """
        self._epochs = epochs
        self.waited = waited

    @property
    def over(self) -> bool:
        """Whether it has waited long enough."""
        return 0 < self._epochs <= self.waited

    def see(self, *, better: bool) -> None:
        """Count an epoch, which may have been the best so far."""
        self.waited = 0 if better else self.waited + 1

    def renew(self) -> None:
        """Begin to count anew, as for another phase."""
        self.waited = 0

    def sentence(self, phase: str, best: EpochEnded | None, *, done: int, planned: int, last: bool) -> str:
        """Return why a phase ends early.

        Args:
            phase: Its title.
            best: The best epoch so far.
            done: Its last epoch.
            planned: What would have been its last epoch.
            last: Whether the run ends with it.
        """
        epochs = f"{self._epochs:,} epoch" + "s" * (self._epochs > 1)
        what = "training" if last else f"the phase “{phase}”"
        kept = f", and the weights of epoch {best.epoch:,} are kept" if best and last else ""
        return f"validation was not better for {epochs}, so {what} ends after epoch {done:,} of {planned:,}{kept}"
