"""Pictures as a run makes them, for tests that need no run."""

import numpy as np
from numpy.typing import NDArray

from cnnstudio.core.pictures import FeatureMaps, FeatureRows

BLACK = np.zeros((4, 4, 3), np.uint8)


def feature_maps(
    layer: str = "conv",
    tiles: NDArray[np.uint8] | None = None,
    *,
    shape: tuple[int, int, int] | None = None,
    image: str = "x.png",
    probabilities: NDArray[np.float32] | None = None,
    step: int = 1,
    ranges: NDArray[np.float32] | None = None,
    activity: NDArray[np.float32] | None = None,
    pixels: NDArray[np.uint8] = BLACK,
) -> FeatureMaps:
    """Return feature maps; without any told, one of a single 0. Their values go from 0 to 1, unless told otherwise."""
    tiles = np.zeros((1, 1, 1), np.uint8) if tiles is None else tiles
    channels, height, width = tiles.shape
    return FeatureMaps(
        layer=layer,
        shape=shape or (channels, height, width),
        tiles=tiles,
        image=image,
        probabilities=np.ones(2, np.float32) if probabilities is None else probabilities,
        step=step,
        ranges=np.tile(np.array([0, 1], np.float32), (channels, 1)) if ranges is None else ranges,
        activity=np.ones(channels, np.float32) if activity is None else activity,
        pixels=pixels,
    )


def feature_rows(*rows: FeatureMaps) -> FeatureRows:
    """Return maps as rows of one picture."""
    return FeatureRows(
        layers=tuple(row.layer for row in rows),
        images=tuple(row.image for row in rows),
        shapes=tuple(row.shape for row in rows),
        sizes=tuple((row.tiles.shape[1], row.tiles.shape[2]) for row in rows),
        tiles=np.concatenate([row.tiles.ravel() for row in rows]),
        ranges=np.concatenate([row.ranges for row in rows]),
        activity=np.concatenate([row.activity for row in rows]),
        probabilities=np.stack([row.probabilities for row in rows]),
        pixels=np.stack([row.pixels for row in rows]),
        step=rows[0].step,
    )
