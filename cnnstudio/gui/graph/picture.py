"""The picture of a network: everything in its place, and what lies where."""

from dataclasses import dataclass
from functools import cached_property

from cnnstudio.gui.graph.blocks import Block, Graph
from cnnstudio.gui.graph.interior import Cell
from cnnstudio.gui.graph.shapes import Line, Rect


@dataclass(frozen=True, slots=True)
class Placed:
    """A block in its place.

    Attributes:
        number: Its position in `Graph.blocks`.
        block: The block.
        rect: Where it lies.
        axis: The x of its input and output.
        expanded: Whether its layers are seen.
        cells: Its layers, if they are seen.
        units: Outlines of layers that are drawn as one.
        lines: The connections inside.
    """

    number: int
    block: Block
    rect: Rect
    axis: float
    expanded: bool
    cells: tuple[Cell, ...]
    units: tuple[Rect, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """The ground behind the blocks of a stage in one column, with its name, or behind an auxiliary head."""

    title: str
    rect: Rect
    frozen: bool
    learning: bool


@dataclass(frozen=True)
class Picture:
    """Everything in its place.

    Attributes:
        graph: What is drawn.
        image: The node of the image.
        bands: The stages.
        blocks: The blocks, as in `Graph.blocks`.
        lines: The connections between blocks.
        bounds: What the picture covers.
    """

    graph: Graph
    image: Rect
    bands: tuple[Band, ...]
    blocks: tuple[Placed, ...]
    lines: tuple[Line, ...]
    bounds: Rect

    @cached_property
    def by_key(self) -> dict[str, Placed]:
        """The blocks by their keys."""
        return {placed.block.key: placed for placed in self.blocks}

    @cached_property
    def seen(self) -> dict[int, Rect]:
        """Where layers are seen; a collapsed block stands for its first layer."""
        return {
            row: rect
            for placed in self.blocks
            for row, rect in ([(cell.row, cell.rect) for cell in placed.cells] or [(placed.block.first, placed.rect)])
        }

    def block_of(self, row: int) -> Placed:
        """Return the block of a layer."""
        return self.blocks[self.graph.block_of[row]]

    def rect_of(self, row: int) -> Rect:
        """Return where a layer is seen: its own place, or that of its collapsed block."""
        return self.seen[row] if self.block_of(row).expanded else self.block_of(row).rect

    def block_at(self, x: float, y: float) -> Placed | None:
        """Return the block at a point."""
        return next((placed for placed in self.blocks if placed.rect.contains(x, y)), None)

    def row_at(self, x: float, y: float) -> int | None:
        """Return the layer that is seen at a point; a collapsed block stands for its first layer."""
        placed = self.block_at(x, y)
        if placed is None:
            return None
        if not placed.expanded:
            return placed.block.first
        return next((cell.row for cell in placed.cells if cell.rect.contains(x, y)), None)
