"""The sample `borders`: cards on a table, and only the hem at the image's own edge tells the class.

The cards in the middle have hems as well, of all kinds, in the same width and colours. Filters that slide over the
image cannot tell those from the hem at the edge, unless padding shows them where the image ends (Islam et al., "How
much position information do convolutional neural networks encode?", 2020).
"""

import math
from collections.abc import Callable

import numpy as np

from cnnstudio.data.samples.drawing import Field, Picture, Pixels, blend, clouds, colour, cover, grid, lit, paint, turn

SIDE = 96
HEM = 5
"""Width of every hem in pixels: 5 % of the side."""


def draw(kind: str, random: np.random.Generator) -> Pixels:
    """Return an image of one class, (96, 96, 3).

    Args:
        kind: A name in `CLASSES`.
        random: Decides everything else; the same one gives the same middle, whatever the class.
    """
    x, y = grid(SIDE, SIDE)
    hue = random.uniform(0, 2 * math.pi)
    here = _tone(random, hue)
    there = here * random.uniform(0.8, 1)
    along, _ = turn(x, y, random.uniform(0, 2 * math.pi))
    picture = blend(here, there, 0.5 + along / SIDE + 0.3 * clouds(random, x, y, random.uniform(24, 60)))
    decoy = random.choice(list(CLASSES))
    for _ in range(random.integers(3, 7)):
        _card(random, picture, random.choice(list(CLASSES)) if random.random() < 0.25 else decoy, hue)
    _hem(random, picture, kind, hue)
    return lit(random, picture, grain=random.uniform(0.01, 0.04))


def _card(random: np.random.Generator, picture: Picture, kind: str, hue: float) -> None:
    """Lay a card with its shadow anywhere but on the image's hem."""
    inner = picture[:, HEM:-HEM, HEM:-HEM]
    width, height = random.integers(18, 56, 2)
    left, top = random.integers(0, SIDE - 2 * HEM - width + 1), random.integers(0, SIDE - 2 * HEM - height + 1)
    x, y = grid(*inner.shape[:0:-1])
    right, down = x - x[0, left] - (width - 1) / 2, y - y[top] - (height - 1) / 2
    shadow = np.maximum(np.abs(right) - width / 2, np.abs(down - 1.5) - height / 2)
    paint(inner, colour(0.2, 0.03, hue), 0.35 * cover(shadow, softness=6))
    tone = _tone(random, hue)
    card = inner[:, top : top + height, left : left + width]
    card[:] = blend(tone, tone * 0.85, 0.5 + down[top : top + height] / height)
    _hem(random, card, kind, hue)


def _hem(random: np.random.Generator, picture: Picture, kind: str, hue: float) -> None:
    """Sew a hem along all four sides of a picture."""
    height, width = picture.shape[-2:]
    x, y = grid(width, height)
    beside, above = width / 2 - np.abs(x), height / 2 - np.abs(y)
    depth = np.minimum(beside, above)
    length = np.where(beside < above, y, x) + random.uniform(0, 20)
    light, dark = random.uniform(0.75, 0.95), random.uniform(0.3, 0.5)
    ground, thread = (light, dark) if random.random() < 0.5 else (dark, light)
    hem = depth < HEM
    paint(picture, colour(ground, random.uniform(0.02, 0.12), hue + random.uniform(-2, 2)), hem.astype(np.float64))
    stitch = CLASSES[kind](length, depth - HEM / 2)
    paint(picture, colour(thread, random.uniform(0.02, 0.14), hue + random.uniform(-2, 2)), hem * cover(stitch))


def _tone(random: np.random.Generator, hue: float) -> Picture:
    lightness = random.uniform(0.78, 0.94) if random.random() < 0.6 else random.uniform(0.36, 0.55)
    return colour(lightness, random.uniform(0.03, 0.12), hue + random.uniform(-1, 1))


def _fold(length: Field, period: float) -> Field:
    """Return the distance to the nearest multiple of `period`, counted from -period/2 to period/2."""
    return length - period * np.rint(length / period)


def _dots(length: Field, across: Field) -> Field:
    return np.hypot(_fold(length, 5), across) - 1.5


def _rails(_length: Field, across: Field) -> Field:
    return np.abs(np.abs(across) - 1.5) - 0.5


def _rungs(length: Field, _across: Field) -> Field:
    return np.abs(_fold(length, 4)) - 0.9


def _zigzag(length: Field, across: Field) -> Field:
    return (np.abs(across - np.abs(_fold(length, 8)) + 2) - 0.8) / math.sqrt(2)


CLASSES: dict[str, Callable[[Field, Field], Field]] = {
    "dots": _dots,
    "rails": _rails,
    "rungs": _rungs,
    "zigzag": _zigzag,
}
"""Each class and its stitch: the signed distance to the thread, given places along the hem and across its middle."""
