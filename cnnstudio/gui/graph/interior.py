"""The inside of a block: its layers from top to bottom, branches side by side, skip connections around the side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cnnstudio.gui.graph.layers import Kind
from cnnstudio.gui.graph.shapes import Line, Rect
from cnnstudio.gui.graph.structure import Edge, Lane, Leaf, Parallel, Part, Ranks, Series, nodes_of, take_apart
from cnnstudio.gui.graph.units import Unit, wire
from cnnstudio.gui.graph.wires import draw_lines

UNIT_WIDTH: Final = 184.0
CELL: Final = 24.0
LOW_CELL: Final = 18.0  # of a layer that only passes on what it gets, such as an activation
CIRCLE: Final = 24.0
_LANE = 14.0  # to either side of a line that runs past layers
_BETWEEN = 16.0  # branches
_GAP = 18.0  # between units
_SPLIT = 28.0  # where lines fork or meet
_LOW = frozenset({Kind.NORM, Kind.ACTIVATION, Kind.DROPOUT, Kind.OTHER})


@dataclass(frozen=True, slots=True)
class Cell:
    """A layer in its place.

    Attributes:
        row: Its position in the block; in the network once the block is in its place.
        kind: What it does.
        rect: Where it lies.
        sign: What it says if it is a circle.
    """

    row: int
    kind: Kind
    rect: Rect
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Interior:
    """A block from the inside, its left upper corner at 0, 0.

    Attributes:
        width: Room that it needs.
        height: The same.
        axis: The x at which its input arrives and its output leaves.
        cells: All layers.
        units: Outlines of cells that are drawn as one.
        lines: The connections.
        skip: Whether something goes past its layers to be added to their result: empty, `identity`, or `projection`
            where its shape is changed on the way.
        branches: How many branches the concatenation at its end has.
    """

    width: float
    height: float
    axis: float
    cells: tuple[Cell, ...]
    units: tuple[Rect, ...]
    lines: tuple[Line, ...]
    skip: str
    branches: int


@dataclass(slots=True)
class _Box:
    """Something placed, its axis at x = 0 and its top at y = 0."""

    left: float = 0.0
    right: float = 0.0
    height: float = 0.0
    units: dict[int, Rect] = field(default_factory=dict)
    lanes: dict[Edge, float] = field(default_factory=dict)

    def take(self, other: "_Box", x: float, y: float) -> None:
        """Put another box into this one."""
        self.units.update((unit, rect.moved(x, y)) for unit, rect in other.units.items())
        self.lanes.update((edge, at + x) for edge, at in other.lanes.items())
        self.left = max(self.left, other.left - x)
        self.right = max(self.right, other.right + x)
        self.height = max(self.height, other.height + y)


@lru_cache(maxsize=512)
def lay_out(types: tuple[str, ...], inputs: tuple[tuple[int, ...], ...]) -> Interior:
    """Place the layers of a block. Blocks of the same make look the same, in this network and in the next.

    Args:
        types: What its layers are, in the order of computation.
        inputs: For each of them the positions in the block of the layers that it takes its input from; negative for
            what comes from outside.
    """
    wiring = wire(types, inputs)
    tree = take_apart(range(len(wiring.units)), wiring.edges)
    placing = _Placing(wiring.units, wiring.edges)
    box = _Box()
    inner = placing.place(tree)
    box.take(inner, 0, _SPLIT if isinstance(tree.parts[0], Parallel | Ranks) else _GAP)
    box.height += _SPLIT if isinstance(tree.parts[-1], Parallel | Ranks) else _GAP
    rects = {unit: rect.moved(box.left, 0) for unit, rect in box.units.items()}
    lanes = {edge: x + box.left for edge, x in box.lanes.items()}
    last = wiring.units[-1]
    return Interior(
        width=box.left + box.right,
        height=box.height,
        axis=box.left,
        cells=tuple(cell for unit, rect in sorted(rects.items()) for cell in _cells(wiring.units[unit], rect)),
        units=tuple(rect for unit, rect in sorted(rects.items()) if not wiring.units[unit].sign),
        lines=draw_lines(wiring, rects, lanes, placing.skips, axis=box.left, height=box.height),
        skip="" if not placing.skips else "identity" if placing.identity else "projection",
        branches=sum(target == len(wiring.units) - 1 for _, target in wiring.edges) if last.joins else 0,
    )


class _Placing:
    """Places the parts of a block.

    Attributes:
        skips: Edges of skip connections.
        identity: Whether one of these has no layer.
    """

    def __init__(self, units: Sequence[Unit], edges: Sequence[Edge]) -> None:
        self._units = units
        self._edges = edges
        self.skips: set[Edge] = set()
        self.identity = False

    def place(self, part: Part) -> _Box:
        """Return a part, placed."""
        match part:
            case Leaf(node):
                return self._leaf(node, _Box())
            case Lane(edge):
                return _Box(_LANE, _LANE, 0, lanes={edge: 0.0})
            case Series(parts):
                return self._series(parts)
            case Parallel():
                return self._parallel(part)
            case Ranks(rows):
                return self._ranks(rows)

    def _leaf(self, node: int, above: _Box) -> _Box:
        unit = self._units[node]
        left = right = UNIT_WIDTH / 2
        if unit.joins:  # A concatenation spans its branches.
            left, right = max(left, above.left), max(right, above.right)
        elif unit.sign:
            left = right = CIRCLE / 2
        height = CIRCLE if unit.sign else sum(map(_cell_height, unit.kinds))
        return _Box(left, right, height, {node: Rect(-left, 0, left + right, height)})

    def _series(self, parts: Sequence[Part]) -> _Box:
        result = _Box()
        before: Part | None = None
        above = _Box()
        for part in parts:
            if before is not None:
                forks = isinstance(before, Parallel | Ranks) or isinstance(part, Parallel | Ranks)
                result.height += _SPLIT if forks else _GAP
            above = self._leaf(part.node, above) if isinstance(part, Leaf) else self.place(part)
            result.take(above, 0, result.height)
            before = part
        return result

    def _parallel(self, part: Parallel) -> _Box:
        sign = self._units[part.join].sign if part.join >= 0 else ""
        parts = list(part.parts)
        if sign == "+":  # The longest way goes straight down, what is added to it goes past at the right.
            parts.sort(key=lambda each: -len(nodes_of(each)))
            self._note_skips(parts[1:], part.join)
        elif sign:  # A gate: what it acts on goes straight down.
            parts.sort(key=lambda each: len(nodes_of(each)))
        boxes = [self.place(each) for each in parts]
        height = max(box.height for box in boxes)
        result = _Box()
        if sign:
            x = 0.0
            for number, (each, box) in enumerate(zip(parts, boxes, strict=True)):
                x += 0 if number == 0 else box.left + (0 if isinstance(each, Lane) else _BETWEEN)
                result.take(box, x, (height - box.height) / 2 if sign == "+" else 0)
                x += box.right
            return result
        return _side_by_side(boxes)

    def _ranks(self, rows: Sequence[Sequence[int]]) -> _Box:
        result = _Box()
        for row in rows:
            if result.height:
                result.height += _SPLIT
            result.take(_side_by_side([self._leaf(node, _Box()) for node in row]), 0, result.height)
        return result

    def _note_skips(self, parts: Sequence[Part], join: int) -> None:
        for part in parts:
            if isinstance(part, Lane):
                self.identity = True
                self.skips.add(part.edge)
            nodes = nodes_of(part)
            ends = {*nodes, join}
            self.skips.update(edge for edge in self._edges if nodes & set(edge) and edge[1] in ends)


def _side_by_side(boxes: Sequence[_Box]) -> _Box:
    whole = sum(box.left + box.right for box in boxes) + _BETWEEN * (len(boxes) - 1)
    result = _Box()
    x = -whole / 2
    for box in boxes:
        result.take(box, x + box.left, 0)
        x += box.left + box.right + _BETWEEN
    return result


def _cell_height(kind: Kind) -> float:
    return LOW_CELL if kind in _LOW else CELL


def _cells(unit: Unit, rect: Rect) -> list[Cell]:
    if unit.sign:
        return [Cell(unit.rows[0], unit.kinds[0], rect, unit.sign)]
    cells = []
    y = rect.y
    for row, kind in zip(unit.rows, unit.kinds, strict=True):
        cells.append(Cell(row, kind, Rect(rect.x, y, rect.width, _cell_height(kind))))
        y += _cell_height(kind)
    return cells
