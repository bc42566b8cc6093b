"""Pictures of filters for tests that need no network."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from cnnstudio.core.control import STRONGEST_INPUT
from cnnstudio.core.pictures import Filters

Kind = Literal["color", "kernels", "depthwise", "mixing"]

_SHAPES = {"color": (3, 3, 3), "kernels": (3, 3), "depthwise": (3, 3), "mixing": (8,)}
_INPUTS = {"color": 3, "kernels": 8, "depthwise": 1, "mixing": 8}


def filters(
    kind: Kind = "kernels",
    *,
    layer: str = "features.0",
    count: int = 6,
    shape: tuple[int, ...] | None = None,
    map_in: int = STRONGEST_INPUT,
    change: Sequence[float] | None = (0.1,) * 6,
    step: int = 10,
) -> Filters:
    """Return filters with random weights.

    Args:
        kind: What they are.
        layer: Path of the layer.
        count: Number of filters.
        shape: Of what is shown of a filter; that of 3 × 3 kernels, and of eight inputs, unless given.
        map_in: Whose kernels they are.
        change: Of each filter; None where the start is not known.
        step: Optimizer steps done.
    """
    random = np.random.default_rng(count)
    shape = shape or _SHAPES[kind]
    values = random.normal(0, 0.1, (count, *shape)).astype(np.float32)
    none = np.empty(0, np.float32)
    source = {"color": 0, "mixing": 0, "kernels": 5 if map_in < 0 else map_in}
    height, width = (1, 1) if kind == "mixing" else shape[-2:]
    return Filters(
        layer=layer,
        kind=kind,
        shape=(count, shape[0] if kind == "mixing" else _INPUTS[kind], height, width),
        map_in=map_in,
        values=values,
        start=none if change is None else (values * 0.5).astype(np.float32),
        inputs=np.arange(count, dtype=np.int32) if kind == "depthwise" else np.full(count, source[kind], np.int32),
        change=none if change is None else np.array(change, np.float32),
        start_step=0,
        frozen=False,
        step=step,
    )
