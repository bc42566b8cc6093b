"""What a run shows of its network to whoever is looking: large, never written to the log, only the latest counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class Picture:
    """Base of all pictures: frozen dataclasses of arrays, numbers, strings and tuples of these."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMaps(Picture):
    """What one layer answers to the preview image.

    Attributes:
        layer: Name of the layer.
        shape: `(C, H, W)` of the layer's output.
        tiles: `(C, h, w)` uint8, each map scaled from its own minimum to its own maximum.
        image: Path of the preview image.
        probabilities: `(classes,)` float32, the network's present answer to that image.
        step: Optimizer steps done.
    """

    layer: str
    shape: tuple[int, int, int]
    tiles: NDArray[np.uint8]
    image: str
    probabilities: NDArray[np.float32]
    step: int
