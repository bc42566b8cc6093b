"""Which layers of a block are drawn as one, and what leads from one to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cnnstudio.gui.graph.layers import CONCAT, SIGNS, Kind, Layer, kind_of
from cnnstudio.gui.graph.structure import SINK, SOURCE, Edge

IMAGE: Final = -1  # stands among a layer's inputs for the image
_HEADS = frozenset({Kind.CONV, Kind.LINEAR})
_TAILS = frozenset({Kind.NORM, Kind.ACTIVATION, Kind.DROPOUT})


@dataclass(frozen=True, slots=True)
class Unit:
    """A convolution or Linear layer with the normalisation, activation and dropout after it, or any other layer alone.

    Attributes:
        rows: Positions of its layers in the network.
        kinds: What they do.
        sign: What its circle says if it is drawn as one.
        joins: Whether it concatenates.
    """

    rows: tuple[int, ...]
    kinds: tuple[Kind, ...]
    sign: str = ""
    joins: bool = False


@dataclass(frozen=True, slots=True)
class Wiring:
    """The units of a block in the order of computation, and the edges between them, `SOURCE` and `SINK`."""

    units: tuple[Unit, ...]
    edges: tuple[Edge, ...]


def wire(rows: Sequence[Layer], first: int, inputs: Sequence[Sequence[int]]) -> Wiring:
    """Find the units of a block.

    Args:
        rows: The layers of the block.
        first: Position of the first of them in the network.
        inputs: For each of them the positions of the layers that it takes its input from, or `IMAGE`.
    """
    users: list[list[int]] = [[] for _ in rows]
    for row, sources in enumerate(inputs):
        for source in sources:
            if source >= first:
                users[source - first].append(row)
    members: list[list[int]] = []
    unit_of: list[int] = []
    for row in range(len(rows)):
        unit = _followed(rows, row, first, inputs[row], users, unit_of)
        if unit is None:
            unit = len(members)
            members.append([])
        members[unit].append(row)
        unit_of.append(unit)
    edges: dict[Edge, None] = {}
    for row, sources in enumerate(inputs):
        for source in sources:
            start = unit_of[source - first] if source >= first else SOURCE
            if start != unit_of[row]:
                edges[start, unit_of[row]] = None
    edges.update(((unit, SINK), None) for unit, held in enumerate(members) if not users[held[-1]])
    return Wiring(tuple(_unit(rows, first, held) for held in members), tuple(edges))


def _followed(
    rows: Sequence[Layer], row: int, first: int, sources: Sequence[int], users: list[list[int]], unit_of: list[int]
) -> int | None:
    """Return the unit that a layer only passes on, if there is one."""
    if len(sources) != 1 or sources[0] < first or kind_of(rows[row].type) not in _TAILS:
        return None
    before = sources[0] - first
    unit = unit_of[before]
    head = rows[unit_of.index(unit)]
    return unit if users[before] == [row] and kind_of(head.type) in _HEADS else None


def _unit(rows: Sequence[Layer], first: int, held: Sequence[int]) -> Unit:
    head = rows[held[0]].type
    return Unit(
        rows=tuple(first + each for each in held),
        kinds=tuple(kind_of(rows[each].type) for each in held),
        sign=SIGNS.get(head, ""),
        joins=head == CONCAT,
    )
