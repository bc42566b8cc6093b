"""The sample `shapes`: one object near the middle, in many sizes, turns, colours and styles, before a busy ground."""

import math
from collections.abc import Callable

import numpy as np

from cnnstudio.data.samples.drawing import (
    Field,
    Picture,
    Pixels,
    around,
    blend,
    clouds,
    colour,
    cover,
    grid,
    lit,
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
    dark_ground = random.random() < 0.4
    lightness = random.uniform(0.26, 0.44) if dark_ground else random.uniform(0.78, 0.95)
    hue = random.uniform(0, 2 * math.pi)
    picture = _ground(random, x, y, lightness, hue)
    _clutter(random, picture, x, y, hue)
    contrast = random.uniform(0.34, 0.5)
    lightness += contrast if dark_ground else -contrast
    _object(random, picture, CLASSES[kind], x, y, lightness, hue + random.uniform(0.6, 2 * math.pi - 0.6))
    return lit(random, picture, grain=random.uniform(0.01, 0.04))


def _ground(random: np.random.Generator, x: Field, y: Field, lightness: float, hue: float) -> Picture:
    chroma = random.uniform(0.02, 0.09)
    here = colour(lightness, chroma, hue)
    there = colour(lightness + random.uniform(-0.1, 0.1), chroma, hue + random.uniform(-1.2, 1.2))
    along, across = turn(x, y, random.uniform(0, 2 * math.pi))
    picture = blend(here, there, 0.5 + along / SIDE + 0.4 * clouds(random, x, y, random.uniform(24, 60)))
    accent = colour(lightness + random.choice((-0.06, 0.06)), chroma * 1.3, hue + random.uniform(-0.8, 0.8))
    period = random.uniform(8, 20)
    match random.choice(("waves", "checks", "dots", "spots", "plain")):
        case "waves":
            bend = random.uniform(0, 6) * np.sin(across / random.uniform(8, 20))
            paint(picture, accent, 0.8 * wave(along + bend, period, random.uniform(0.2, 0.5)))
        case "checks":
            paint(picture, accent, 0.6 * np.abs(wave(along, 2 * period) - wave(across, 2 * period)))
        case "dots":
            right, down = along - period * np.rint(along / period), across - period * np.rint(across / period)
            paint(picture, accent, 0.8 * cover(np.hypot(right, down) - random.uniform(1.2, 2.4)))
        case "spots":
            paint(picture, accent, 0.9 * cover(10 * clouds(random, x, y, period * 1.5), softness=4))
    return picture


def _clutter(random: np.random.Generator, picture: Picture, x: Field, y: Field, hue: float) -> None:
    """Strew strokes and confetti, alike in all classes."""
    strokes, bits = random.integers(1, 5), random.integers(0, 12)
    for number in range(strokes + bits):
        if number < strokes:
            length, width, bend = random.uniform((6, 0.5, -0.015), (36, 1.4, 0.015))
        else:
            length, width, bend = random.uniform((0.6, 0.6, 0), (3, 2, 0))
        right, down = random.uniform(-SIDE / 2, SIDE / 2, 2)
        rows, columns = around(x - right, y - down, 1.1 * length + width + 1)
        along, across = turn(x[:, columns] - right, y[rows] - down, random.uniform(0, 2 * math.pi))
        distance = np.maximum(np.abs(along) - length, np.abs(across - bend * along**2) - width)
        ink = colour(random.uniform(0.3, 0.9), random.uniform(0.05, 0.16), hue + random.uniform(-2, 2))
        paint(picture[:, rows, columns], ink, random.uniform(0.5, 0.95) * cover(distance))


def _object(
    random: np.random.Generator,
    picture: Picture,
    distance: Callable[[Field, Field], Field],
    x: Field,
    y: Field,
    lightness: float,
    hue: float,
) -> None:
    radius = random.uniform(20, 34)
    right, down = random.uniform(-1, 1, 2) * min(45 - radius, 14)
    angle = random.uniform(-0.4, 0.4)
    rows, columns = around(x - right, y - down, 1.1 * radius + 7)
    x, y = x[:, columns] - right, y[rows] - down
    picture = picture[:, rows, columns]
    along, across = turn(x, y, angle)
    rounding = random.uniform(0.01, 0.06)

    def edge(along: Field, across: Field) -> Field:
        core = radius * (1 - rounding)
        return distance(along / core, across / core) * core - rounding * radius

    chroma = random.uniform(0.1, 0.19)
    fill = colour(lightness, chroma, hue)
    second = colour(lightness + random.uniform(-0.12, 0.12), chroma, hue + random.uniform(-0.7, 0.7))
    inside, beneath = edge(along, across), edge(*turn(x - 1.5, y - 3, angle))
    light, _ = turn(x, y, random.uniform(0, 2 * math.pi))
    style = random.choice(("outline", "rim", "hatched", "plain", "plain"))
    if style == "outline":
        width = radius * random.uniform(0.07, 0.13)
        inside, beneath = np.abs(inside + 0.1 * radius) - width, np.abs(beneath + 0.1 * radius) - width
    paint(picture, colour(0.15, 0.03, hue), random.uniform(0.1, 0.35) * cover(beneath, softness=7))
    paint(picture, blend(fill, second, 0.5 + light / (2 * radius)), cover(inside))
    if style == "rim":
        rim = colour(lightness - 0.16 if lightness > 0.5 else lightness + 0.2, chroma, hue)
        paint(picture, rim, cover(inside) * cover(-inside - radius * random.uniform(0.08, 0.16)))
    if style == "hatched":
        hatch = wave(light, random.uniform(4, 9), random.uniform(0.3, 0.5))
        paint(picture, second * 0.85, 0.6 * hatch * cover(inside + 0.1 * radius))


def _circle(x: Field, y: Field) -> Field:
    return np.hypot(x, y) - 0.9


def _heart(x: Field, y: Field) -> Field:
    """Return the signed distance to a heart (Quilez, "2D distance functions"), centred and as large as the others."""
    u, v = np.abs(x) / 1.62, (0.9 - y) / 1.62 - 0.03
    slope = np.maximum(u + v, 0) / 2
    tip = np.minimum(np.hypot(u, v - 1), np.hypot(u - slope, v - slope)) * np.sign(u - v)
    bow = np.hypot(u - 0.25, v - 0.75) - math.sqrt(2) / 4
    return 1.62 * np.where(u + v > 1, bow, tip)


def _polygon(corners: list[tuple[float, float]]) -> Callable[[Field, Field], Field]:
    """Return the signed distance to a polygon (Quilez, "2D distance functions")."""

    def distance(x: Field, y: Field) -> Field:
        nearest = np.full_like(x, np.inf)
        inside = np.zeros_like(x, dtype=np.bool_)
        for (ax, ay), (bx, by) in zip(corners, corners[-1:] + corners[:-1], strict=True):
            edge_x, edge_y, from_x, from_y = bx - ax, by - ay, x - ax, y - ay
            share = ((from_x * edge_x + from_y * edge_y) / (edge_x**2 + edge_y**2)).clip(0, 1)
            nearest = np.minimum(nearest, (from_x - edge_x * share) ** 2 + (from_y - edge_y * share) ** 2)
            # A pixel is inside if a ray from it crosses the outline an odd number of times.
            crosses = (y >= ay) != (y >= by)
            inside ^= crosses & ((edge_x * from_y > edge_y * from_x) == (by > ay))
        return np.where(inside, -1, 1) * np.sqrt(nearest)

    return distance


def _ray(radius: float, turns: float) -> tuple[float, float]:
    return radius * math.sin(2 * math.pi * turns), -radius * math.cos(2 * math.pi * turns)


def _arm(quarter: int) -> list[tuple[float, float]]:
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in ((0.32, -0.32), (0.95, -0.32), (0.95, 0.32))]


CLASSES: dict[str, Callable[[Field, Field], Field]] = {
    "circle": _circle,
    "cross": _polygon([corner for quarter in range(4) for corner in _arm(quarter)]),
    "heart": _heart,
    "square": _polygon([(-0.74, -0.74), (0.74, -0.74), (0.74, 0.74), (-0.74, 0.74)]),
    "star": _polygon([_ray(0.45 if tenth % 2 else 1.05, tenth / 10) for tenth in range(10)]),
    "triangle": _polygon([_ray(1.02, third / 3) for third in range(3)]),
}
"""Each class and the signed distance to its outline, in units of the object's radius."""
