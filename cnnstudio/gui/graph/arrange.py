"""Puts the blocks of a network into their places: down the columns, auxiliary heads at their side."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Final

from cnnstudio.gui.graph.blocks import Graph
from cnnstudio.gui.graph.columns import HEADER, size_of
from cnnstudio.gui.graph.links import BELOW, Column, draw_links, has_arc
from cnnstudio.gui.graph.picture import Band, Picture, Placed
from cnnstudio.gui.graph.shapes import Line, Rect, around, path
from cnnstudio.gui.graph.units import IMAGE

BAND_HEADER: Final = 24.0
_IMAGE_WIDTH, _IMAGE_HEIGHT = 128.0, 30.0
_PAD = 10.0  # of a band
_STEP = 22.0  # between blocks
_ARC_STEP = 34.0  # the same, where a skip connection goes past one of them
_ARC = 12.0  # room beside and below a block for that
_BETWEEN = 16.0  # bands
_GUTTER = 40.0  # between columns
_SIDE = 24.0  # between a column and what hangs at its side
_TURN = 8.0  # from a band to a line that passes it
_TOP = 18.0  # above the columns, for the line that comes from the one before
_MARGIN = 16.0


def arrange(graph: Graph, expanded: Collection[str], breaks: Collection[str]) -> Picture:
    """Place everything.

    Args:
        graph: The network.
        expanded: Keys of the blocks whose layers are seen.
        breaks: Keys of the blocks that begin a column.
    """
    return _Arrangement(graph, frozenset(expanded), frozenset(breaks)).picture()


class _Arrangement:
    def __init__(self, graph: Graph, expanded: frozenset[str], breaks: frozenset[str]) -> None:
        self._graph = graph
        self._expanded = {block.key for block in graph.blocks if block.expandable} & expanded
        self._sizes = [size_of(block, block.key in self._expanded) for block in graph.blocks]
        self._arcs = [has_arc(block) and block.key not in self._expanded for block in graph.blocks]
        self._used = {source for block in graph.blocks for source in block.inputs}
        chain = [number for number, block in enumerate(graph.blocks) if not block.side]
        starts = [at for at, number in enumerate(chain) if at == 0 or graph.blocks[number].key in breaks]
        self._hung = self._attached(chain)
        self._image = Rect(-_IMAGE_WIDTH / 2, _TOP, _IMAGE_WIDTH, _IMAGE_HEIGHT)
        self._columns = [
            self._column(chain[start:end], top=_TOP if start else self._image.bottom + _BETWEEN)
            for start, end in zip(starts, (*starts[1:], len(chain)), strict=True)
        ]
        x = 0.0
        for column in self._columns:
            column.axis = x + column.left
            x = column.axis + column.edge + _GUTTER

    def picture(self) -> Picture:
        """Return everything in its place."""
        image = self._image.moved(self._columns[0].axis, 0)
        at = {number: (column, rect) for column in self._columns for number, rect in column.blocks.items()}
        blocks = tuple(
            self._placed(number, at[number][1].moved(at[number][0].axis, 0)) for number in range(len(self._sizes))
        )
        bands = tuple(
            self._band(numbers, rect.moved(column.axis, 0))
            for column in self._columns
            for numbers, rect in column.bands
        )
        sides = [line.moved(column.axis, 0) for column in self._columns for line in column.lines]
        lines = (*draw_links(self._columns, blocks, image), *sides)
        corners = [Rect(*point, 0, 0) for line in lines for point in line.points]
        covered = around([image, *(band.rect for band in bands), *corners])
        return Picture(self._graph, image, bands, blocks, lines, covered.grown(_MARGIN))

    def _placed(self, number: int, rect: Rect) -> Placed:
        block = self._graph.blocks[number]
        axis = rect.x + self._sizes[number].axis
        if block.key not in self._expanded:
            return Placed(number, block, rect, axis, False, (), (), ())
        dx, dy = axis - block.inside.axis, rect.y + HEADER
        return Placed(
            number=number,
            block=block,
            rect=rect,
            axis=axis,
            expanded=True,
            cells=tuple(
                replace(cell, row=block.first + cell.row, rect=cell.rect.moved(dx, dy)) for cell in block.inside.cells
            ),
            units=tuple(unit.moved(dx, dy) for unit in block.inside.units),
            lines=tuple(line.moved(dx, dy) for line in block.inside.lines if line.arrow or number in self._used),
        )

    def _band(self, numbers: Sequence[int], rect: Rect) -> Band:
        first = self._graph.blocks[numbers[0]]
        inside = [block for block in self._graph.blocks if block.stage == first.stage and block.side == first.side]
        learning = any(block.learning for block in inside)
        frozen = not learning and any(block.frozen for block in inside)
        return Band("auxiliary" if first.side else first.stage, rect, frozen=frozen, learning=learning)

    def _attached(self, chain: Sequence[int]) -> dict[int, list[int]]:
        """Return, for blocks on the way to the answer, the blocks at their side, in order."""
        anchor: dict[int, int] = {number: number for number in chain}
        result: dict[int, list[int]] = {}
        for number, block in enumerate(self._graph.blocks):
            if block.side:
                source = block.inputs[0]
                anchor[number] = anchor[source] if source != IMAGE else chain[0]
                result.setdefault(anchor[number], []).append(number)
        return result

    def _column(self, numbers: Sequence[int], top: float) -> Column:
        column = Column()
        sizes = [self._sizes[number] for number in numbers]
        column.left = max(size.axis for size in sizes) + _PAD
        column.right = max(size.width - size.axis for size in sizes) + _PAD
        if any(self._arcs[number] for number in numbers):
            column.right += _ARC
        y = top
        for _, group in groupby(numbers, lambda number: self._graph.blocks[number].stage):
            held = list(group)
            bottom = self._stack(column, held, 0.0, y)
            column.bands.append((held, Rect(-column.left, y, column.left + column.right, bottom - y)))
            y = bottom + _BETWEEN
        column.edge, column.bottom = column.right, y - _BETWEEN
        self._hang(column, numbers)
        return column

    def _stack(self, column: Column, numbers: Sequence[int], axis: float, top: float) -> float:
        """Place the blocks of one band above each other, and return its bottom."""
        y = top + BAND_HEADER
        for before, number in pairwise((None, *numbers)):
            assert number is not None
            if before is not None:
                y += _ARC_STEP if self._arcs[before] or self._arcs[number] else _STEP
            size = self._sizes[number]
            column.blocks[number] = Rect(axis - size.axis, y, size.width, size.height)
            y += size.height
        return y + _PAD + (_ARC if self._arcs[numbers[-1]] else 0)

    def _hang(self, column: Column, numbers: Sequence[int]) -> None:
        """Place the blocks at the side of a column, none above the block that it comes from."""
        hung = [each for number in numbers for each in self._hung.get(number, ())]
        if not hung:
            return
        left = column.right + _SIDE
        width = max(self._sizes[each].width for each in hung) + 2 * _PAD
        axis = left + _PAD + max(self._sizes[each].axis for each in hung)
        free = 0.0
        for number in numbers:
            start = (0.0, column.blocks[number].bottom)
            out = start[1] + BELOW
            groups = groupby(self._hung.get(number, ()), lambda each: self._graph.blocks[each].stage)
            for _, group in groups:
                held = list(group)
                top = max(free, out + _TURN)
                bottom = self._stack(column, held, axis, top)
                column.bands.append((held, Rect(left, top, width, bottom - top)))
                free = bottom + _BETWEEN + _TURN
                way, above = left - _SIDE / 2, top - _TURN
                end = (axis, top + BAND_HEADER)
                column.lines.append(Line(path(start, (0.0, out), (way, out), (way, above), (axis, above), end)))
                rects = [column.blocks[each] for each in held]
                column.lines += [Line(((axis, one.bottom), (axis, two.y))) for one, two in pairwise(rects)]
                column.bottom = max(column.bottom, bottom)
        column.edge = left + width
