"""What one layer makes of one image, as the switches stand and as they stood, with the same weights on both sides."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.data.images import Pixels
from cnnstudio.engine.variants import Recent, Variant, Variants
from cnnstudio.models.places import counterpart, inside

_KEPT: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """The feature maps of a layer for one image.

    Attributes:
        layer: The layer.
        values: `(C, H, W)` float32.
        weights: What the weights are.
        random: Whether they are random.
        missing: Why they are, if others are wanted; a clause.
    """

    layer: str
    values: NDArray[np.float32]
    weights: str
    random: bool
    missing: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.values.shape
        return channels, height, width


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The maps of one layer with two settings of the switches.

    Attributes:
        before: As they were; None if there is nothing to compare with.
        after: As they are.
        tiles_before: `(C, H, W)` uint8, for the screen; None as `before`.
        tiles_after: The same of `after`. Each channel is scaled alike on both sides, from the smallest to the largest
            value of the two; where their numbers of channels differ, each map is scaled on its own. A constant map,
            such as that of a dropped channel, is 0.
        change: Mean absolute difference as a share of the mean absolute value before, over the pixels that both sides
            have, counted from the middle; None if that cannot be said.
    """

    before: Maps | None
    after: Maps
    tiles_before: NDArray[np.uint8] | None
    tiles_after: NDArray[np.uint8]
    change: float | None


class Consequences:
    """Computes feature maps for comparison, and keeps the latest; threads wait for each other.

    See `Variants` for what the networks have in common.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._variants = Variants()
        self._maps = Recent[Maps](_KEPT)

    def maps_of(self, config: Config, classes: int, layer: str, pixels: Pixels) -> Maps:
        """Return the feature maps of a layer.

        Args:
            config: The settings.
            classes: Number of logits.
            layer: Path of a layer; one that has no maps, or that the image is too small for, gives those of the
                nearest layer before it.
            pixels: `(S, S, 3)` uint8, the image at the size at which the network takes it.

        Raises:
            InputError: There is no such network or layer, or the image is too small for the first layer.
        """
        with self._lock:
            variant = self._variants.variant(config, classes, len(pixels))
            if not inside(layer, variant.layers):
                raise InputError(f"there is no layer {layer}", remedy="choose one of this network")
            return self._look(config, classes, _with_maps(variant, layer), pixels)

    def compare(
        self,
        before: Config | None,
        after: Config,
        classes: int,
        layer: str,
        pixels: Pixels,
        check: Callable[[], None] = lambda: None,
    ) -> Comparison:
        """Return the feature maps of a layer with two settings of the switches.

        Args:
            before: Settings of the same architecture; None if there is nothing to compare with, which is also what
                counts where there is no such network.
            after: The settings as they are.
            classes: Number of logits.
            layer: Path of a layer, as in `maps_of`, in either network; in the other it is the one in the same place.
                One that neither has is taken for the first.
            pixels: `(S, S, 3)` uint8.
            check: Called between two steps; may raise to give up.

        Raises:
            InputError: There is no such network as `after`, or the image is too small for its first layer.
        """
        with self._lock:
            check()
            new = self._variants.variant(after, classes, len(pixels))
            old = self._variant_or_none(before, classes, len(pixels))
            there, here = _matched(layer, old, new)
            seen = None
            if before is not None and old is not None:
                check()
                seen = self._look(before, classes, there, pixels)
            check()
            return side_by_side(seen, self._look(after, classes, here, pixels))

    def _variant_or_none(self, config: Config | None, classes: int, side: int) -> Variant | None:
        try:
            return None if config is None else self._variants.variant(config, classes, side)
        except InputError:
            return None

    def _look(self, config: Config, classes: int, layer: str, pixels: Pixels) -> Maps:
        variant = self._variants.variant(config, classes, len(pixels))

        def look() -> Maps:
            values: NDArray[np.float32] = self._variants.maps(config, classes, layer, pixels).numpy()
            weights = variant.weights
            return Maps(layer, values, weights.words, weights.random, weights.missing)

        return self._maps.get((variant.key, layer, pixels.tobytes()), look)


def side_by_side(before: Maps | None, after: Maps) -> Comparison:
    """Scale the maps of both sides so that they can be compared by eye, and say by how much they differ."""
    if before is None:
        return Comparison(None, after, None, _tiles(after.values, after.values), None)
    one, other = before.values, after.values
    if len(one) != len(other):
        return Comparison(before, after, _tiles(one, one), _tiles(other, other), None)
    return Comparison(before, after, _tiles(one, one, other), _tiles(other, one, other), _change(one, other))


def _matched(layer: str, old: Variant | None, new: Variant) -> tuple[str, str]:
    """Return what a layer is called before and after; before is empty if there is nothing before."""
    first = next(iter(new.layers))
    if old is None:
        return "", _with_maps(new, layer if inside(layer, new.layers) else first)
    if not inside(layer, new.layers) and inside(layer, old.layers):
        before = _with_maps(old, layer)
        return before, _with_maps(new, counterpart(before, old.network, new.network) or first)
    after = _with_maps(new, layer if inside(layer, new.layers) else first)
    return _with_maps(old, counterpart(after, new.network, old.network) or next(iter(old.layers))), after


def _with_maps(variant: Variant, layer: str) -> str:
    """Return a layer, or the nearest one before it whose output is maps of more than one pixel."""
    order = list(variant.layers)
    last = inside(layer, order)[-1]
    if _several_pixels(variant.shapes.get(last, ())):
        return layer
    earlier = order[: order.index(last)]
    return next((each for each in reversed(earlier) if _several_pixels(variant.shapes.get(each, ()))), order[0])


def _several_pixels(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[1] * shape[2] > 1


def _tiles(values: NDArray[np.float32], *sides: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Scale each map from the smallest to the largest value on some sides; a constant map becomes zeros."""
    lows, highs = ([find(each, (1, 2), keepdims=True) for each in sides] for find in (np.min, np.max))
    low, high = np.minimum.reduce(lows), np.maximum.reduce(highs)
    flat = np.ptp(values, (1, 2), keepdims=True) == 0
    factor = np.where(flat, 0, 255 / np.where(high > low, high - low, 1))
    tiles: NDArray[np.uint8] = np.rint((values - low) * factor).astype(np.uint8)
    return tiles


def _change(before: NDArray[np.float32], after: NDArray[np.float32]) -> float | None:
    height, width = (min(before.shape[axis], after.shape[axis]) for axis in (1, 2))
    one, other = (_middle(maps, height, width) for maps in (before, after))
    size, difference = float(np.abs(one).mean()), float(np.abs(other - one).mean())
    return difference / size if size else None if difference else 0.0


def _middle(maps: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    top, left = (maps.shape[1] - height) // 2, (maps.shape[2] - width) // 2
    return maps[:, top : top + height, left : left + width]
