"""The network as a chain of blocks: which layers belong together, what that is called, and what leads where."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnnstudio.gui.graph.interior import Interior, lay_out
from cnnstudio.gui.graph.layers import Kind, Layer, is_depthwise, kind_of, short_name
from cnnstudio.gui.graph.units import IMAGE


@dataclass(frozen=True, slots=True)
class Block:
    """Layers that follow each other and belong together.

    Attributes:
        key: Sets it apart from all others; its path, with a number where a path comes twice.
        title: Its path; for layers that lie in their stage without a block, what they are.
        kind: What it is, such as `residual block`; where that is its title, how many layers it has.
        stage: Its stage.
        first: Position of its first layer in the network.
        rows: Its layers.
        frozen: Whether it has weights and none of them learns.
        learning: Whether some of its weights learn.
        side: Whether it is beside the way to the answer, as auxiliary heads are.
        inputs: Positions in `Graph.blocks` of what it takes its input from, or `IMAGE`.
        inside: Its layers, placed.
    """

    key: str
    title: str
    kind: str
    stage: str
    first: int
    rows: tuple[Layer, ...]
    frozen: bool
    learning: bool
    side: bool
    inputs: tuple[int, ...]
    inside: Interior

    @property
    def expandable(self) -> bool:
        """Whether there is more to see inside."""
        return len(self.rows) > 1

    @property
    def parameters(self) -> int:
        """Parameters of all its layers."""
        return sum(row.parameters for row in self.rows)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of its last layer: (C, H, W) or (F,)."""
        return self.rows[-1].output_shape


@dataclass(frozen=True, slots=True)
class Graph:
    """The network.

    Attributes:
        blocks: In the order of computation.
        rows: All layers, in the same order.
        inputs: For each layer the positions of those that it takes its input from, or `IMAGE`.
        block_of: For each layer the position of its block.
    """

    blocks: tuple[Block, ...]
    rows: tuple[Layer, ...]
    inputs: tuple[tuple[int, ...], ...]
    block_of: tuple[int, ...]

    def find(self, name: str) -> int | None:
        """Return the position of the layer of that name."""
        return next((row for row, layer in enumerate(self.rows) if layer.name == name), None)


def build_graph(rows: Sequence[Layer]) -> Graph:
    """Sort layers, given in the order of computation, into blocks."""
    inputs = _resolved(rows)
    spans = _spans(rows)
    block_of = tuple(number for number, span in enumerate(spans) for _ in span)
    sources = [
        tuple(
            dict.fromkeys(
                IMAGE if each == IMAGE else block_of[each] for row in span for each in inputs[row] if each not in span
            )
        )
        for span in spans
    ]
    sides = _sides(rows, spans, sources)
    keys = _keys(rows, spans)
    blocks = [
        _block(rows, inputs, span, key=keys[number], side=number in sides, sources=sources[number])
        for number, span in enumerate(spans)
    ]
    return Graph(tuple(blocks), tuple(rows), inputs, block_of)


def _resolved(rows: Sequence[Layer]) -> tuple[tuple[int, ...], ...]:
    """Return positions for the names of inputs; a name that is used twice means the latest layer so far."""
    place: dict[str, int] = {}
    result = []
    for row, layer in enumerate(rows):
        result.append(tuple(dict.fromkeys(place.get(name, IMAGE) for name in layer.inputs)) or (IMAGE,))
        place[layer.name] = row
    return tuple(result)


def _spans(rows: Sequence[Layer]) -> list[range]:
    starts = [
        row
        for row, layer in enumerate(rows)
        if row == 0 or (layer.stage, layer.block) != (rows[row - 1].stage, rows[row - 1].block)
    ]
    return [range(start, end) for start, end in zip(starts, (*starts[1:], len(rows)), strict=True)]


def _keys(rows: Sequence[Layer], spans: Sequence[range]) -> list[str]:
    keys: list[str] = []
    for span in spans:
        name = rows[span[0]].block
        before = sum(rows[each[0]].block == name for each in spans[: len(keys)])
        keys.append(f"{name} ({before + 1})" if before else name)
    return keys


def _sides(rows: Sequence[Layer], spans: Sequence[range], sources: Sequence[Sequence[int]]) -> set[int]:
    """Return the blocks that do not lead to the answer."""
    own = [number for number, span in enumerate(spans) if not rows[span[0]].block.lower().startswith("aux")]
    reached = {own[-1]} if own else set(range(len(spans)))
    for number in reversed(range(len(spans))):
        if number in reached:
            reached.update(each for each in sources[number] if each != IMAGE)
    return set(range(len(spans))) - reached


def _block(
    rows: Sequence[Layer],
    inputs: Sequence[Sequence[int]],
    span: range,
    *,
    key: str,
    side: bool,
    sources: tuple[int, ...],
) -> Block:
    own = tuple(rows[row] for row in span)
    entering = tuple(tuple(source - span[0] if source in span else IMAGE for source in inputs[row]) for row in span)
    inside = lay_out(tuple(row.type for row in own), entering)
    kind = _kind(own, inside)
    loose = own[0].block == own[0].stage and not side  # The stage's name stands above it already.
    weighted = [row for row in own if row.parameters]
    return Block(
        key=key,
        title=kind if loose else key,
        kind=f"classifier, {len(own)} layers" if side else _size(own) if loose else kind,
        stage=own[0].stage,
        first=span[0],
        rows=own,
        frozen=bool(weighted) and all(row.frozen for row in weighted),
        learning=any(not row.frozen for row in weighted),
        side=side,
        inputs=sources,
        inside=inside,
    )


def _size(rows: Sequence[Layer]) -> str:
    note = next((row.note for row in rows if row.note), "")
    return note or (rows[0].name if len(rows) == 1 else f"{len(rows)} layers")


def _kind(rows: Sequence[Layer], inside: Interior) -> str:
    if len(rows) == 1:
        return short_name(rows[0])
    if inside.branches > 1:
        return f"inception, {inside.branches} branches"
    convs = [row for row in rows if kind_of(row.type) == Kind.CONV]
    if any(map(is_depthwise, convs)):
        gated = " + SE" if any(row.type == "Scale" for row in rows) else ""
        name = "inverted residual" if inside.skip else "inverted block" if len(convs) > 2 else "separable conv"
        return name + gated
    if inside.skip:
        narrow = len(convs) > 2 and convs[0].kernel == convs[2].kernel == "1×1"
        name = "bottleneck" if narrow else "residual block" if inside.skip == "identity" else "residual"
        return name if inside.skip == "identity" else f"{name}, projection"
    return _counted(rows, convs)


def _counted(rows: Sequence[Layer], convs: Sequence[Layer]) -> str:
    """Return what a plain chain consists of."""
    if len(convs) > 2 and convs[0].kernel != "1×1" and all(conv.kernel == "1×1" for conv in convs[1:]):
        words = ["mlpconv"]
    else:
        words = [_times(len(convs), "conv")] if convs else []
    linear = sum(kind_of(row.type) == Kind.LINEAR for row in rows)
    pools = [number for number, row in enumerate(rows) if kind_of(row.type) == Kind.POOLING]
    if pools:
        words.insert(0 if pools[0] == 0 else len(words), "pool")
    if linear:
        words.append(_times(linear, "linear"))
    return " + ".join(words) or _size(rows)


def _times(number: int, noun: str) -> str:
    return noun if number == 1 else f"{number} {noun}"
