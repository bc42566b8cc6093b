"""Where a long network is broken into columns, so that it fills the canvas and stays legible."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cnnstudio.gui.graph.blocks import Block, Graph

NODE_WIDTH: Final = 200.0
NODE_HEIGHT: Final = 60.0
HEADER: Final = 40.0  # of an expanded block
PAD: Final = 12.0  # inside an expanded block, left and right
_WIDEST = 1.25  # magnification beyond which nothing more is gained
_GUTTER = 56.0  # between columns
_STEP = 28.0  # between nodes
_STAGE = 46.0  # more between stages
_TORN = 160.0  # what breaking a stage has to save


@dataclass(frozen=True, slots=True)
class Size:
    """Room for a block, and the x of its input and output in it."""

    width: float
    height: float
    axis: float


def size_of(block: Block, expanded: bool) -> Size:
    """Return the room that a block needs."""
    if not expanded:
        return Size(NODE_WIDTH, NODE_HEIGHT, NODE_WIDTH / 2)
    inside = block.inside
    left = max(NODE_WIDTH / 2, inside.axis + PAD)
    right = max(NODE_WIDTH / 2, inside.width - inside.axis + PAD)
    return Size(left + right, HEADER + inside.height, left)


def choose_breaks(graph: Graph, expanded: Collection[str], width: float, height: float) -> tuple[str, ...]:
    """Return the keys of the blocks that begin a column, for a canvas of this shape.

    Of all numbers of columns the one wins that can be shown largest; within it the tallest column is as low as can be.
    """
    chain = [block for block in graph.blocks if not block.side]
    sizes = [size_of(block, block.key in expanded) for block in chain]
    sides = _side_widths(graph, chain, expanded)
    best: tuple[float, tuple[int, ...]] = (0.0, (0,))
    begins = tuple(number == 0 or block.stage != chain[number - 1].stage for number, block in enumerate(chain))
    for starts, tallest in _partitions(begins, tuple(size.height for size in sizes)):
        total = sum(
            max(size.width for size in sizes[start:end]) + max(sides[start:end]) + _GUTTER
            for start, end in zip(starts, (*starts[1:], len(chain)), strict=True)
        )
        scale = min(_WIDEST, width / total, height / tallest)
        if scale > best[0] * 1.03:
            best = (scale, starts)
    return tuple(chain[start].key for start in best[1])


def _side_widths(graph: Graph, chain: Sequence[Block], expanded: Collection[str]) -> list[float]:
    """Return, for each block on the way to the answer, the width of what hangs at its side."""
    place = {block.key: number for number, block in enumerate(chain)}
    anchor: dict[str, int] = {}
    widths = [0.0] * len(chain)
    for block in graph.blocks:
        if block.side:
            source = graph.blocks[block.inputs[0]].key if block.inputs[0] >= 0 else chain[0].key
            at = anchor[block.key] = place.get(source, anchor.get(source, 0))
            widths[at] = max(widths[at], size_of(block, block.key in expanded).width + _GUTTER)
    return widths


@lru_cache(maxsize=32)
def _partitions(begins: tuple[bool, ...], heights: tuple[float, ...]) -> list[tuple[tuple[int, ...], float]]:
    """Return for each number of columns where they start and how tall the tallest is; remembered, as it takes long.

    Args:
        begins: Whether a stage begins with the block.
        heights: Of the blocks.
    """
    count = len(heights)
    costs = [height + _STEP + (_STAGE if first else 0) for first, height in zip(begins, heights, strict=True)]
    sums = [0.0]
    for cost in costs:
        sums.append(sums[-1] + cost)

    def tall(start: int, end: int) -> float:
        return sums[end] - sums[start] + (0 if begins[start] else _TORN)

    # For the first so many blocks: the tallest column, the sum of squares (least where columns are even), the starts.
    best: list[tuple[float, float, tuple[int, ...]]] = [
        (tall(0, end), tall(0, end) ** 2, (0,)) for end in range(count + 1)
    ]
    result = [(best[count][2], best[count][0])]
    for columns in range(2, count + 1):
        fewer = best
        best = list(fewer)
        for end in range(columns, count + 1):
            options = []
            for middle in range(columns - 1, end):
                tallest, squares, starts = fewer[middle]
                last = tall(middle, end)
                options.append((max(tallest, last), squares + last**2, (*starts, middle)))
            best[end] = min(options)
        result.append((best[count][2], best[count][0]))
    return result
