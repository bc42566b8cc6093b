"""The wiring inside a block as a tree: what follows what, and what runs side by side.

Every path through a block passes its cut nodes; between two of them there are branches side by side, and each branch is
such a series again. Residual, inception and squeeze-and-excitation blocks all come apart this way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SOURCE: Final = -1
SINK: Final = -2
Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One node."""

    node: int


@dataclass(frozen=True, slots=True)
class Lane:
    """A connection without anything on it, beside something that has nodes."""

    edge: Edge


@dataclass(frozen=True, slots=True)
class Series:
    """Parts that follow each other."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Parts side by side between two nodes.

    Attributes:
        parts: From left to right.
        join: The node in which they meet, or `SINK`.
    """

    parts: tuple["Part", ...]
    join: int


@dataclass(frozen=True, slots=True)
class Ranks:
    """Nodes that do not come apart, by their distance from the source."""

    rows: tuple[tuple[int, ...], ...]


Part = Leaf | Lane | Series | Parallel | Ranks


def nodes_of(part: Part) -> frozenset[int]:
    """Return all nodes in a part."""
    match part:
        case Leaf(node):
            return frozenset({node})
        case Lane():
            return frozenset()
        case Ranks(rows):
            return frozenset(node for row in rows for node in row)
        case Series(parts) | Parallel(parts):
            return frozenset().union(*map(nodes_of, parts))


def take_apart(nodes: Sequence[int], edges: Sequence[Edge]) -> Series:
    """Return the series from `SOURCE` to `SINK`.

    Args:
        nodes: In topological order.
        edges: From node to node; each node is reached from `SOURCE` and leads to `SINK`. Branches lie in the order in
            which their ends are named here, which is that of the channels of a concatenation.
    """
    return _series(SOURCE, SINK, nodes, edges)


def _series(start: int, end: int, nodes: Sequence[int], edges: Sequence[Edge]) -> Series:
    inside = set(nodes)
    after: dict[int, list[int]] = {each: [] for each in (start, *nodes)}
    before: dict[int, list[int]] = {each: [] for each in (*nodes, end)}
    for source, target in edges:
        if (source in inside or source == start) and (target in inside or target == end):
            after[source].append(target)
            before[target].append(source)
    cuts = _cuts(start, end, nodes, after, before)
    segment = {start: 0}
    members: list[list[int]] = [[] for _ in range(len(cuts) + 1)]
    for node in nodes:
        if node in cuts:
            segment[node] = cuts.index(node) + 1
        else:
            segment[node] = max(segment[each] for each in before[node])
            members[segment[node]].append(node)
    parts: list[Part] = []
    for left, right, within in zip((start, *cuts), (*cuts, end), members, strict=True):
        if within:
            parts.append(_between(left, right, within, edges, whole=len(within) == len(nodes)))
        if right != end:
            parts.append(Leaf(right))
    return Series(tuple(parts))


def _cuts(
    start: int, end: int, nodes: Sequence[int], after: Mapping[int, list[int]], before: Mapping[int, list[int]]
) -> list[int]:
    """Return the nodes that all paths have in common."""
    down, up = {start: 1}, {end: 1}
    for node in (*nodes, end):
        down[node] = sum(down[each] for each in before[node])
    for node in (*reversed(nodes), start):
        up[node] = sum(up[each] for each in after[node])
    return [node for node in nodes if down[node] * up[node] == up[start]]


def _between(left: int, right: int, nodes: Sequence[int], edges: Sequence[Edge], *, whole: bool) -> Part:
    direct = (left, right) in edges
    groups = _groups(nodes, edges)
    if whole and len(groups) == 1 and not direct:
        return Ranks(_ranks(nodes, edges))
    rest = [edge for edge in edges if edge != (left, right)]
    order = [source for source, target in edges if target == right]
    groups.sort(key=lambda group: min(order.index(node) for node in group if node in order))
    parts: list[Part] = [_series(left, right, group, rest) for group in groups]
    if direct:
        parts.append(Lane((left, right)))
    return Parallel(tuple(parts), right)


def _groups(nodes: Sequence[int], edges: Sequence[Edge]) -> list[list[int]]:
    """Return the nodes that hang together, each group and the groups in the order given."""
    group = {node: {node} for node in nodes}
    for source, target in edges:
        if source in group and target in group and group[source] is not group[target]:
            merged = group[source] | group[target]
            group.update(dict.fromkeys(merged, merged))
    seen: set[int] = set()
    result = []
    for node in nodes:
        if node not in seen:
            result.append([each for each in nodes if each in group[node]])
            seen |= group[node]
    return result


def _ranks(nodes: Sequence[int], edges: Sequence[Edge]) -> tuple[tuple[int, ...], ...]:
    rank: dict[int, int] = {}
    for node in nodes:
        rank[node] = 1 + max(
            (rank[source] for source, target in edges if target == node and source in rank), default=-1
        )
    rows: list[list[int]] = [[] for _ in range(max(rank.values()) + 1)]
    for node in nodes:
        rows[rank[node]].append(node)
    return tuple(map(tuple, rows))
