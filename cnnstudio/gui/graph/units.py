"""Which layers of a block are drawn as one, and what leads from one to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cnnstudio.gui.graph.layers import CONCAT, SIGNS, Kind, kind_of
from cnnstudio.gui.graph.structure import SINK, SOURCE, Edge

IMAGE: Final = -1  # stands among a layer's inputs for the image
_HEADS = frozenset({Kind.CONV, Kind.LINEAR})
_TAILS = frozenset({Kind.NORM, Kind.ACTIVATION, Kind.DROPOUT})


@dataclass(frozen=True, slots=True)
class Unit:
    """A convolution or Linear layer with the normalisation, activation and dropout after it, or any other layer alone.

    Attributes:
        rows: Positions of its layers in the block.
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


def wire(types: Sequence[str], inputs: Sequence[Sequence[int]]) -> Wiring:
    """Find the units of a block.

    Args:
        types: What its layers are, in the order of computation.
        inputs: For each of them the positions in the block of the layers that it takes its input from; negative for
            what comes from outside.
    """
    users: list[list[int]] = [[] for _ in types]
    for row, sources in enumerate(inputs):
        for source in sources:
            if source >= 0:
                users[source].append(row)
    members: list[list[int]] = []
    unit_of: list[int] = []
    for row in range(len(types)):
        unit = _followed(types, row, inputs[row], users, unit_of)
        if unit is None:
            unit = len(members)
            members.append([])
        members[unit].append(row)
        unit_of.append(unit)
    edges: dict[Edge, None] = {}
    for row, sources in enumerate(inputs):
        for source in sources:
            start = unit_of[source] if source >= 0 else SOURCE
            if start != unit_of[row]:
                edges[start, unit_of[row]] = None
    edges.update(((unit, SINK), None) for unit, held in enumerate(members) if not users[held[-1]])
    return Wiring(tuple(_unit(types, held) for held in members), tuple(edges))


def _followed(
    types: Sequence[str], row: int, sources: Sequence[int], users: list[list[int]], unit_of: list[int]
) -> int | None:
    """Return the unit that a layer only passes on, if there is one."""
    if len(sources) != 1 or sources[0] < 0 or kind_of(types[row]) not in _TAILS:
        return None
    unit = unit_of[sources[0]]
    head = types[unit_of.index(unit)]
    return unit if users[sources[0]] == [row] and kind_of(head) in _HEADS else None


def _unit(types: Sequence[str], held: Sequence[int]) -> Unit:
    head = types[held[0]]
    return Unit(
        rows=tuple(held),
        kinds=tuple(kind_of(types[each]) for each in held),
        sign=SIGNS.get(head, ""),
        joins=head == CONCAT,
    )
