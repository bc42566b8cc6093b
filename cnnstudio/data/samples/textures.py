"""The sample `textures`: a surface seen from straight above, told by its pattern and grain and not by its colours."""

import math
from collections.abc import Callable

import numpy as np

from cnnstudio.data.samples.drawing import (
    Field,
    Picture,
    Pixels,
    blend,
    clouds,
    colour,
    cover,
    grid,
    lit,
    noise,
    paint,
    turn,
    wave,
)

SIDE = 96


def draw(kind: str, random: np.random.Generator) -> Pixels:
    """Return an image of one class, (96, 96, 3).

    Args:
        kind: A name in `CLASSES`.
        random: Decides everything else.
    """
    x, y = grid(SIDE, SIDE)
    along, across = turn(x, y, random.uniform(0, 2 * math.pi))
    stretch = random.uniform(0.85, 1.15)
    warp = random.uniform(0, 3)
    along = along * stretch + random.uniform(0, 96) + warp * noise(random, x, y, 40)
    across = across / stretch + random.uniform(0, 96) + warp * noise(random, x, y, 40)
    hue = random.uniform(0, 2 * math.pi)
    light, dark = random.uniform(0.68, 0.93), random.uniform(0.3, 0.52)
    first = colour(light, random.uniform(0.02, 0.13), hue)
    second = colour(dark, random.uniform(0.02, 0.13), hue + random.uniform(-1.5, 1.5))
    if random.random() < 0.5:
        first, second = second, first
    picture = CLASSES[kind](random, along, across, first, second)
    picture *= 1 + random.uniform(0.02, 0.12) * clouds(random, x, y, random.uniform(16, 50))
    return lit(random, picture, grain=random.uniform(0.01, 0.08))


def _stripes(random: np.random.Generator, _x: Field, y: Field, first: Picture, second: Picture) -> Picture:
    period, share = random.uniform(8, 26), random.uniform(0.3, 0.7)
    picture = blend(first, second, wave(y, period, share))
    if random.random() < 0.6:
        paint(picture, (first + 2 * second) / 3 * 0.9, wave(y + period / 2, period, (1 - share) * 0.35))
    return picture


def _checks(random: np.random.Generator, x: Field, y: Field, first: Picture, second: Picture) -> Picture:
    period = random.uniform(14, 36)
    rows, columns = wave(y, period), wave(x, period)
    if random.random() < 0.5:
        return blend(first, second, rows + columns - 2 * rows * columns)
    return blend(first, second, (rows + columns) / 2)


def _dots(random: np.random.Generator, x: Field, y: Field, first: Picture, second: Picture) -> Picture:
    period = random.uniform(10, 24)
    rise = period * random.choice((1.0, math.sqrt(3)))
    near = np.full_like(x, np.inf)
    for shift in (0, 0.5):
        u, v = x / period + shift, y / rise + shift
        near = np.minimum(near, np.hypot((u - np.rint(u)) * period, (v - np.rint(v)) * rise))
    radius = period * random.uniform(0.18, 0.32)
    picture = blend(first, second, cover(near - radius))
    if random.random() < 0.4:
        paint(picture, first, cover(near - radius * 0.45))
    return picture


def _wood(random: np.random.Generator, x: Field, y: Field, first: Picture, second: Picture) -> Picture:
    period = random.uniform(7, 16)
    # Noise that is stretched along the plank bends its rings gently; a knot or two pushes them aside.
    bent = y + random.uniform(5, 14) * noise(random, x / 4, y, 22)
    for _ in range(random.integers(0, 3)):
        u, v = x - x.mean() - random.uniform(-40, 40), y - y.mean() - random.uniform(-40, 40)
        knot = np.exp(-((u / 2.2) ** 2 + v**2) / random.uniform(30, 110))
        bent = bent + random.uniform(14, 26) * knot
    ring = bent / period - np.floor(bent / period)
    fibre = noise(random, x / 12, y, 1.3) + noise(random, x / 8, y, 2.6)
    return blend(first, second, 0.15 + 0.6 * ring**2 * (1 - ring**12) + 0.16 * fibre)


def _marble(random: np.random.Generator, x: Field, y: Field, first: Picture, second: Picture) -> Picture:
    period = random.uniform(28, 60)
    swirl = clouds(random, x, y, random.uniform(24, 44), octaves=5)
    vein = 1 - np.abs(np.sin(math.pi * (y / period + random.uniform(0.6, 1.2) * swirl)))
    fine = 1 - np.abs(clouds(random, x, y, random.uniform(14, 28), octaves=4)).clip(0, 1)
    return blend(first, second, 0.8 * vein ** random.uniform(3, 7) + 0.5 * fine**9 + 0.12 * swirl)


def _weave(random: np.random.Generator, x: Field, y: Field, first: Picture, second: Picture) -> Picture:
    period = random.uniform(9, 20)
    u, v = x / period, y / period
    column, row = np.floor(u), np.floor(v)
    step = random.choice((2, 4))
    over = (column + row) % step < step / 2
    across = np.where(over, v - row, u - column) - 0.5
    lengthwise = np.where(over, u - column, v - row) - 0.5
    width = random.uniform(0.36, 0.46)
    # Threads are round and dive at both ends of a cell: darker at their sides and where another lies over them.
    round_ = 1 - 0.5 * (across / width) ** 2 - (0.9 if step == 2 else 0.2) * lengthwise**2
    thread = blend(first, second, over.astype(np.float64)) * round_
    gap = (first + second) * 0.22
    return blend(gap, thread, cover((np.abs(across) - width) * period))


CLASSES: dict[str, Callable[[np.random.Generator, Field, Field, Picture, Picture], Picture]] = {
    "checks": _checks,
    "dots": _dots,
    "marble": _marble,
    "stripes": _stripes,
    "weave": _weave,
    "wood": _wood,
}
"""Each class and what paints it, given coordinates along and across the pattern and its two colours."""
