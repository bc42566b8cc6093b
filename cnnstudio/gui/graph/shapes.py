"""Geometry of the drawing: rectangles, and the lines between them. One unit is a pixel at 100 %, y grows downwards."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

Point = tuple[float, float]
GRID: Final = 8.0


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower side."""
        return self.y + self.height

    @property
    def centre(self) -> Point:
        """The point in the middle."""
        return (self.x + self.width / 2, self.y + self.height / 2)

    def moved(self, dx: float, dy: float) -> "Rect":
        """Return the rectangle at another place."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)

    def grown(self, by: float) -> "Rect":
        """Return the rectangle, larger on all sides."""
        return Rect(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)

    def contains(self, x: float, y: float) -> bool:
        """Return whether a point lies inside."""
        return self.x <= x <= self.right and self.y <= y <= self.bottom

    def overlaps(self, other: "Rect") -> bool:
        """Return whether the two share more than an edge."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom


def around(rects: Iterable[Rect]) -> Rect:
    """Return the smallest rectangle that holds them all."""
    held = list(rects)
    left, top = min(each.x for each in held), min(each.y for each in held)
    return Rect(left, top, max(each.right for each in held) - left, max(each.bottom for each in held) - top)


@dataclass(frozen=True, slots=True)
class Line:
    """A connection, drawn from corner to corner with the corners rounded.

    Attributes:
        points: From its source to its target.
        skip: Whether it goes past layers, to be added to what they compute.
        projected: Whether layers of its own change the shape of what goes past.
        arrow: Whether it ends in a head.
        plus: Where the sum is marked, if it is.
    """

    points: tuple[Point, ...]
    skip: bool = False
    projected: bool = False
    arrow: bool = True
    plus: Point | None = None

    def moved(self, dx: float, dy: float) -> "Line":
        """Return the line at another place."""
        plus = None if self.plus is None else (self.plus[0] + dx, self.plus[1] + dy)
        return replace(self, points=tuple((x + dx, y + dy) for x, y in self.points), plus=plus)


def path(*points: Point) -> tuple[Point, ...]:
    """Return the corners without those that are none: repeated points, and points on a straight line."""
    kept: list[Point] = []
    for point in points:
        if kept and _near(kept[-1], point):
            continue
        if len(kept) > 1 and _straight(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _near(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) < 0.5 and abs(one[1] - other[1]) < 0.5


def _straight(first: Point, second: Point, third: Point) -> bool:
    return any(abs(first[axis] - second[axis]) < 0.5 and abs(second[axis] - third[axis]) < 0.5 for axis in (0, 1))
