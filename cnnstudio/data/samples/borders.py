"""The sample `borders`: ribbons and cards, and only the ribbon along one edge of the image tells the class.

The other ribbons, and the hems of the cards, are of all kinds and look the same otherwise. Filters that slide over the
image cannot tell them from the one at the edge, unless padding shows them where the image ends (Islam et al., "How much
position information do convolutional neural networks encode?", 2020).
"""

import math
from collections.abc import Callable

import numpy as np

from cnnstudio.data.samples.drawing import Field, Picture, Pixels, blend, clouds, colour, cover, grid, lit, paint, turn

SIDE = 96
WIDTH = 5
"""Width of every ribbon in pixels: 5 % of the side."""


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
    usual = random.choice(list(CLASSES))
    for number in range(random.integers(6, 12)):
        decoy = random.choice(list(CLASSES)) if random.random() < 0.3 else usual
        if number < 3:
            _ribbon(random, picture, decoy, hue, depth=int(random.integers(2 * WIDTH, SIDE // 2)))
        else:
            _card(random, picture[:, WIDTH:-WIDTH, WIDTH:-WIDTH], decoy, hue)
    _ribbon(random, picture, kind, hue, depth=0)
    return lit(random, picture, grain=random.uniform(0.01, 0.04))


def _ribbon(random: np.random.Generator, picture: Picture, kind: str, hue: float, *, depth: int) -> None:
    """Lay a ribbon right across a picture, along any of its sides and `depth` pixels away from it."""
    upright = np.rot90(picture, int(random.integers(4)), axes=(1, 2))
    x, y = grid(SIDE, WIDTH)
    _sew(random, upright[:, depth : depth + WIDTH], kind, hue, x, y + WIDTH / 2)


def _card(random: np.random.Generator, picture: Picture, kind: str, hue: float) -> None:
    """Lay a card, with a ribbon along all four of its sides, anywhere on a picture."""
    width, height = random.integers(16, 52, 2)
    left, top = random.integers(0, picture.shape[2] - width + 1), random.integers(0, picture.shape[1] - height + 1)
    card = picture[:, top : top + height, left : left + width]
    tone = _tone(random, hue)
    card[:] = blend(tone, tone * 0.85, np.linspace(0, 1, height)[:, None])
    x, y = grid(width, height)
    beside, above = width / 2 - np.abs(x), height / 2 - np.abs(y)
    _sew(random, card, kind, hue, np.where(beside < above, y, x), np.minimum(beside, above))


def _sew(random: np.random.Generator, picture: Picture, kind: str, hue: float, length: Field, depth: Field) -> None:
    """Stitch where `depth`, in pixels from the outer edge, is less than a ribbon's width."""
    light, dark = random.uniform(0.75, 0.95), random.uniform(0.3, 0.5)
    ground, thread = (light, dark) if random.random() < 0.5 else (dark, light)
    within = (depth < WIDTH).astype(np.float64)
    paint(picture, colour(ground, random.uniform(0.02, 0.12), hue + random.uniform(-2, 2)), within)
    stitch = CLASSES[kind](length + random.uniform(0, 20), depth - WIDTH / 2)
    paint(picture, colour(thread, random.uniform(0.02, 0.14), hue + random.uniform(-2, 2)), within * cover(stitch))


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
"""Each class and its stitch: the signed distance to the thread, given places along the ribbon and across its middle."""
