"""How much is measured: for the truth on a quiet machine, or only to see that everything runs."""

from dataclasses import dataclass

from tests.bench.task import Mode


@dataclass(frozen=True, slots=True)
class Extent:
    """Sizes of the measurements.

    Attributes:
        pairs: Rounds of blocks.
        block: Images in a block, at least.
        runs: How often whole processes are compared.
        warm_up: Steps before anything counts.
        epochs: Of our whole runs; the program's default.
        peer_epochs: Epochs of the tutorial that are measured.
        tutorial: Epochs that the tutorial takes; what was not measured is extrapolated.
        batch: Images in a step.
        image_size: Side of the network's input in pixels.
        growth: Images of the smaller of two folders; the larger one has eight times as many.
        view_seconds: How long each live view is looked at.
        modes: Whose peak memory is compared.
        seeds: How many divisions the accuracy is the median of.
        control: Whether equal sides are compared too (A/A).
        one_by_one: Whether the sides start after each other, so that none disturbs the other's preparations.
    """

    pairs: int = 10
    block: int = 128
    runs: int = 3
    warm_up: int = 3
    epochs: int = 10
    peer_epochs: int = 1
    tutorial: int = 25
    batch: int = 32
    image_size: int = 224
    growth: int = 256
    view_seconds: float = 10.0
    modes: tuple[Mode, ...] = ("freeze", "finetune")
    seeds: int = 3
    control: bool = True
    one_by_one: bool = True

    @property
    def extrapolated(self) -> bool:
        """Whether the tutorial is not run to its end."""
        return self.peer_epochs < self.tutorial


QUICK = Extent(
    pairs=2,
    block=8,
    runs=1,
    warm_up=1,
    epochs=2,
    batch=8,
    image_size=32,
    growth=32,
    view_seconds=0.5,
    modes=("freeze",),
    seeds=1,
    control=False,
    one_by_one=False,
)
