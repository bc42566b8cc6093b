"""The lines between blocks: down a column, over to the next one, and past what they skip."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from cnnstudio.gui.graph.blocks import Block
from cnnstudio.gui.graph.picture import Placed
from cnnstudio.gui.graph.shapes import Line, Rect, path
from cnnstudio.gui.graph.units import IMAGE

ABOVE: Final = 13.0  # from a block to where a skip connection past it leaves
BELOW: Final = 11.0  # from a block to where that comes back, or a line to its side leaves
_BESIDE = 10.0
_TURN = 12.0  # from a column to a line that passes it
_ABOVE_ALL = 4.0  # the y of the lines to the tops of columns


@dataclass(slots=True)
class Column:
    """Blocks above each other; x counts from their axis.

    Attributes:
        blocks: Where they lie, by their positions in `Graph.blocks`.
        bands: Blocks of one stage, and where its ground lies.
        lines: What leads to the blocks at the side.
        left: Room to the left of the axis.
        right: Room to the right of it, without the blocks at the side.
        edge: Room to the right of it, with them.
        bottom: The lowest y.
        axis: The x of the axis in the picture.
    """

    blocks: dict[int, Rect] = field(default_factory=dict)
    bands: list[tuple[list[int], Rect]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    left: float = 0.0
    right: float = 0.0
    edge: float = 0.0
    bottom: float = 0.0
    axis: float = 0.0


def has_arc(block: Block) -> bool:
    """Return whether a skip connection is drawn past the block while it is collapsed."""
    return bool(block.inside.skip) and block.expandable


def draw_links(columns: Sequence[Column], blocks: Sequence[Placed], image: Rect) -> tuple[Line, ...]:
    """Return the lines between blocks on the way to the answer, and the skip connections past collapsed ones."""
    return _Links(columns, blocks, image).lines


class _Links:
    def __init__(self, columns: Sequence[Column], blocks: Sequence[Placed], image: Rect) -> None:
        self._column = {number: column for column in columns for number in column.blocks}
        self._columns = columns
        chain = [placed for placed in blocks if not placed.block.side]
        x = image.centre[0]
        lines = [Line(path((x, image.bottom), (chain[0].axis, chain[0].rect.y)))]
        for before, placed in pairwise(chain):
            if before.number in placed.block.inputs:
                lines.append(Line(self._on(before, placed)))
        at = {placed.number: place for place, placed in enumerate(chain)}
        for place, placed in enumerate(chain):
            for source in placed.block.inputs:
                if source == IMAGE and place:
                    lines.append(Line(self._past(x, image.bottom, chain[0], placed), skip=True))
                elif source in at and at[source] != place - 1:
                    start = blocks[source]
                    lines.append(Line(self._past(start.axis, start.rect.bottom, start, placed), skip=True))
        lines += [_arc(placed) for placed in blocks if has_arc(placed.block) and not placed.expanded]
        self.lines = tuple(lines)

    def _gutter(self, column: Column) -> float:
        return column.axis + column.edge + 2 * _BESIDE

    def _on(self, start: Placed, end: Placed) -> tuple[tuple[float, float], ...]:
        """Return the way to the next block."""
        from_, to = self._column[start.number], self._column[end.number]
        out, into = (start.axis, start.rect.bottom), (end.axis, end.rect.y)
        if from_ is to:
            return path(out, into)
        turn, way = from_.bottom + _TURN, self._gutter(from_)
        return path(out, (out[0], turn), (way, turn), (way, _ABOVE_ALL), (into[0], _ABOVE_ALL), into)

    def _past(self, x: float, y: float, start: Placed, end: Placed) -> tuple[tuple[float, float], ...]:
        """Return the way to a block further on."""
        from_, to = self._column[start.number], self._column[end.number]
        out, above, into = (x, y), end.rect.y - ABOVE, (end.axis, end.rect.y)
        way = to.axis - to.left - _BESIDE
        if from_ is to:
            return path(out, (x, y + BELOW), (way, y + BELOW), (way, above), (into[0], above), into)
        gutter, top = self._gutter(from_) - 8, _ABOVE_ALL - 8
        over = ((x, y + BELOW), (gutter, y + BELOW), (gutter, top), (way, top), (way, above), (into[0], above))
        return path(out, *over, into)


def _arc(placed: Placed) -> Line:
    rect, x = placed.rect, placed.axis
    top, bottom, way = rect.y - ABOVE, rect.bottom + BELOW, rect.right + _BESIDE
    return Line(
        points=((x, top), (way, top), (way, bottom), (x, bottom)),
        skip=True,
        projected=placed.block.inside.skip == "projection",
        arrow=False,
        plus=(x, bottom),
    )
