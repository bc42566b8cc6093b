from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.gui.graph.structure import (
    SINK,
    SOURCE,
    Edge,
    Lane,
    Leaf,
    Parallel,
    Part,
    Ranks,
    Series,
    nodes_of,
    take_apart,
)


def test_a_chain_is_a_series() -> None:
    assert take_apart(range(2), [(SOURCE, 0), (0, 1), (1, SINK)]) == Series((Leaf(0), Leaf(1)))


def test_a_residual_block_is_a_way_with_a_lane_beside_it() -> None:
    edges = [(SOURCE, 0), (0, 1), (1, 2), (SOURCE, 2), (2, SINK)]
    way = Series((Leaf(0), Leaf(1)))
    assert take_apart(range(3), edges) == Series((Parallel((way, Lane((SOURCE, 2))), 2), Leaf(2)))


def test_branches_lie_in_the_order_of_their_channels() -> None:
    edges = [(SOURCE, 0), (SOURCE, 1), (SOURCE, 2), (2, 3), (0, 3), (1, 3), (3, SINK)]
    branches = tuple(Series((Leaf(each),)) for each in (2, 0, 1))
    assert take_apart(range(4), edges) == Series((Parallel(branches, 3), Leaf(3)))


def test_branches_inside_branches() -> None:
    edges = [(SOURCE, 0), (0, 1), (0, 2), (1, 4), (2, 4), (SOURCE, 3), (3, 4), (4, SINK)]
    fork = Parallel((Series((Leaf(1),)), Series((Leaf(2),))), 4)
    assert take_apart(range(5), edges) == Series((Parallel((Series((Leaf(0), fork)), Series((Leaf(3),))), 4), Leaf(4)))


def test_what_does_not_come_apart_lies_in_ranks() -> None:
    edges = [(SOURCE, 0), (SOURCE, 1), (0, 2), (0, 3), (1, 3), (2, SINK), (3, SINK)]
    assert take_apart(range(4), edges) == Series((Ranks(((0, 1), (2, 3))),))


@st.composite
def wirings(draw: st.DrawFn) -> tuple[int, list[Edge]]:
    count = draw(st.integers(1, 12))
    edges: dict[Edge, None] = {}
    for node in range(count):
        before = draw(st.lists(st.integers(-1, node - 1), min_size=1, max_size=3, unique=True))
        edges.update(((source, node), None) for source in before)
    sources = {source for source, _ in edges}
    edges.update(((node, SINK), None) for node in range(count) if node not in sources)
    return count, list(edges)


def leaves(part: Part) -> list[int]:
    match part:
        case Leaf(node):
            return [node]
        case Lane():
            return []
        case Ranks(rows):
            return [node for row in rows for node in row]
        case Series(parts) | Parallel(parts):
            return [node for each in parts for node in leaves(each)]


@given(wirings())
def test_every_node_has_one_place(wiring: tuple[int, list[Edge]]) -> None:
    count, edges = wiring
    tree = take_apart(range(count), edges)
    assert sorted(leaves(tree)) == list(range(count))
    assert nodes_of(tree) == set(range(count))
