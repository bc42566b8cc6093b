"""What the column of stages shows of one stage, and the words for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageItem:
    """A stage of the network.

    Attributes:
        name: As in the configuration and in `FeatureMaps.layer`.
        title: For people: `layer2 · 2 blocks`.
        shape: Size of its output in short: `28²`; may be empty.
        frozen: Whether its weights keep still.
        multiplier: Its learning rate as a multiple of the head's; it says nothing of a frozen stage.
        note: What is special about it, such as `1000 → 6 classes`; may be empty.
        by_hand: Whether the user has set the multiplier, so that it can be given back.
    """

    name: str
    title: str
    shape: str
    frozen: bool
    multiplier: float = 1.0
    note: str = ""
    by_hand: bool = False

    @property
    def learns(self) -> bool:
        """Whether training changes its weights."""
        return not self.frozen and self.multiplier > 0

    def state(self) -> str:
        """Return in words whether it learns, and how fast."""
        if self.frozen:
            return "frozen"
        if not self.learns:
            return "does not learn: its learning rate is 0"
        if self.multiplier == 1:
            return "learning"
        return f"learning, learning rate {times(self.multiplier)}"

    def spoken(self) -> str:
        """Return everything about it in one line."""
        return ", ".join(filter(None, (self.title, self.note, self.shape, self.state())))


def times(multiplier: float) -> str:
    """Return `0.3402` as `×0.34`, to two digits where it is less than one.

    >>> times(1.0), times(0.0083), times(2.5)
    ('×1', '×0.0083', '×2.5')
    """
    digits = f"{multiplier:.2g}" if multiplier < 1 else f"{multiplier:.2f}".rstrip("0").rstrip(".")
    return f"×{digits}"
