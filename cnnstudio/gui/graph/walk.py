"""Where the arrow keys lead in a picture: along the flow, and across to what runs beside it."""

from cnnstudio.gui.graph.picture import Picture
from cnnstudio.gui.graph.units import IMAGE


def step(picture: Picture, row: int | None, command: str) -> int | None:
    """Return the layer that a key leads to.

    Down follows the flow and up goes against it; a collapsed block counts as its first layer. Left and right go to the
    nearest thing on that side: another branch, or another column.

    Args:
        picture: What is seen.
        row: Position of a layer in the network; from nowhere, every key leads to the first layer.
        command: `up`, `down`, `left`, `right`, `first` or `last`.

    Returns:
        Position of a layer, or None where there is none.
    """
    graph = picture.graph
    if command == "last":
        answer = next(block for block in reversed(graph.blocks) if not block.side)
        return _seen_as_one(picture, answer.first + len(answer.rows) - 1)[0]
    if row is None or command == "first":
        return 0
    own = _seen_as_one(picture, row)
    if command == "down":
        users = [
            each for each in range(own.stop, len(graph.rows)) if any(source in own for source in graph.inputs[each])
        ]
        users.sort(key=lambda each: (graph.blocks[graph.block_of[each]].side, each))
        return _seen_as_one(picture, users[0])[0] if users else None
    if command == "up":
        sources = [source for each in own for source in graph.inputs[each] if source not in own and source != IMAGE]
        return _seen_as_one(picture, sources[0])[0] if sources else None
    return _beside(picture, row, left=command == "left")


def _seen_as_one(picture: Picture, row: int) -> range:
    placed = picture.blocks[picture.graph.block_of[row]]
    if placed.expanded:
        return range(row, row + 1)
    return range(placed.block.first, placed.block.first + len(placed.block.rows))


def _beside(picture: Picture, row: int, *, left: bool) -> int | None:
    here = picture.rect_of(row)
    best: tuple[float, int] | None = None
    for other, rect in picture.seen.items():
        away = here.x - rect.right if left else rect.x - here.right
        if away >= 0:
            cost = away + 2 * abs(rect.centre[1] - here.centre[1])
            best = min(best or (cost, other), (cost, other))
    return best[1] if best else None
