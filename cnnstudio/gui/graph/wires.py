"""The connections inside a block, as lines with corners."""

from collections.abc import Collection, Mapping

from cnnstudio.gui.graph.shapes import Line, Point, Rect, path
from cnnstudio.gui.graph.structure import SINK, SOURCE, Edge
from cnnstudio.gui.graph.units import Wiring

_TURN = 12.0  # from a unit to where its line turns


def draw_lines(
    wiring: Wiring,
    rects: Mapping[int, Rect],
    lanes: Mapping[Edge, float],
    skips: Collection[Edge],
    *,
    axis: float,
    height: float,
) -> tuple[Line, ...]:
    """Return a line for each edge.

    Args:
        wiring: The units and their edges.
        rects: Where the units lie.
        lanes: The x at which an edge runs past units, for those that do.
        skips: Edges of skip connections.
        axis: The x at which the block's input arrives and its output leaves.
        height: Of the block's inside.
    """
    lines = []
    for edge in wiring.edges:
        source, target = edge
        start = (axis, 0.0) if source == SOURCE else (rects[source].centre[0], rects[source].bottom)
        if target == SINK:
            points = _to_sink(start, (axis, height))
        elif wiring.units[target].sign:
            points = _to_circle(start, rects[target], lanes.get(edge))
        else:
            x = None if wiring.units[target].joins else rects[target].centre[0]
            forked = sum(each[0] == source for each in wiring.edges) > 1
            points = _to_unit(start, rects[target], x, lanes.get(edge), forked=forked)
        lines.append(Line(path(*points), skip=edge in skips, arrow=target != SINK))
    return tuple(lines)


def _to_sink(start: Point, end: Point) -> tuple[Point, ...]:
    turn = end[1] - _TURN
    return (start, (start[0], turn), (end[0], turn), end)


def _to_circle(start: Point, circle: Rect, lane: float | None) -> tuple[Point, ...]:
    x, y = circle.centre
    at = start[0] if lane is None else lane
    turn = start[1] + _TURN
    down = (start, (start[0], turn), (at, turn))
    if abs(at - x) < 1:
        return (*down, (x, circle.y))
    return (*down, (at, y), (circle.right if at > x else circle.x, y))


def _to_unit(start: Point, unit: Rect, x: float | None, lane: float | None, *, forked: bool) -> tuple[Point, ...]:
    """Return the way to the top of a unit, at its middle or, where `x` is None, anywhere."""
    turn = start[1] + _TURN
    if lane is not None:
        at = lane if x is None else x
        return (start, (start[0], turn), (lane, turn), (lane, unit.y - _TURN), (at, unit.y - _TURN), (at, unit.y))
    at = start[0] if x is None else x
    if not forked:
        turn = unit.y - _TURN
    return (start, (start[0], turn), (at, turn), (at, unit.y))
