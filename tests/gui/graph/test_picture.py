from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.drawing import Drawing
from cnnstudio.gui.graph.picture import Picture
from cnnstudio.gui.graph.shapes import Line, Rect, path
from tests.gui.graph.networks import Builder, Row, frozen_until, googlenet, mobile, resnet18, resnet101, vgg16

ALL = (vgg16, resnet18, resnet101, googlenet, mobile)
NETWORKS = {build.__name__: Drawing(build_graph(build())) for build in ALL}


def check_places(picture: Picture) -> None:
    """Check that everything has its own place, and every layer exactly one."""
    rects = [picture.image, *(placed.rect for placed in picture.blocks)]
    assert not any(one.overlaps(other) for one, other in combinations(rects, 2))
    bands = [band.rect for band in picture.bands]
    assert not any(one.overlaps(other) for one, other in combinations(bands, 2))
    assert all(holds(picture.bounds, each) for each in (*rects, *bands))
    for placed in picture.blocks:
        assert sum(holds(band, placed.rect) for band in bands) == 1
        if placed.expanded:
            assert len(placed.cells) == len(placed.block.rows)
            first = placed.block.first
            assert sorted(cell.row for cell in placed.cells) == [*range(first, first + len(placed.block.rows))]
        assert all(holds(placed.rect, cell.rect) for cell in placed.cells)
        assert not any(one.rect.overlaps(other.rect) for one, other in combinations(placed.cells, 2))
    assert all(picture.rect_of(row).width > 0 for row in range(len(picture.graph.rows)))


def holds(outer: Rect, inner: Rect) -> bool:
    return (
        outer.x <= inner.x and outer.y <= inner.y and inner.right <= outer.right + 0.01 and inner.bottom <= outer.bottom
    )


def crossed(line: Line, rects: Sequence[Rect]) -> list[Rect]:
    """Return the rectangles that a line goes through, not counting those that it touches."""
    segments = [
        Rect(min(one[0], two[0]), min(one[1], two[1]), abs(one[0] - two[0]), abs(one[1] - two[1]))
        for one, two in pairwise(line.points)
    ]
    return [rect for rect in rects if any(segment.grown(0.1).overlaps(rect.grown(-0.2)) for segment in segments)]


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from([*NETWORKS]),
    open_ones=st.sets(st.integers(0, 40)),
    width=st.integers(200, 2000),
    height=st.integers(200, 1200),
)
def test_nothing_overlaps_whatever_is_open(name: str, open_ones: set[int], width: int, height: int) -> None:
    drawing = NETWORKS[name]
    keys = [key for number, key in enumerate(drawing.keys) if number in open_ones]
    check_places(drawing.opened(keys).wrapped(width, height).picture)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("name", [*NETWORKS])
def test_lines_between_blocks_flow_forward_and_through_no_block(name: str, opened: bool) -> None:
    drawing = NETWORKS[name]
    picture = drawing.opened(drawing.keys if opened else ()).wrapped(1150, 650).picture
    bottoms = {(placed.axis, placed.rect.bottom): placed.number for placed in picture.blocks}
    bottoms[picture.image.centre[0], picture.image.bottom] = -1
    tops = {(placed.axis, placed.rect.y): placed.number for placed in picture.blocks}
    rects = [placed.rect for placed in picture.blocks]
    arrows = [line for line in picture.lines if line.arrow]
    assert len(arrows) == len(picture.blocks)
    for line in arrows:
        assert bottoms[line.points[0]] < tops[line.points[-1]]
        assert bottoms[line.points[0]] in picture.blocks[tops[line.points[-1]]].block.inputs
    assert not any(crossed(line, rects) for line in picture.lines)


@pytest.mark.parametrize("name", [*NETWORKS])
def test_lines_inside_blocks_flow_down_and_through_no_layer(name: str) -> None:
    drawing = NETWORKS[name]
    for placed in drawing.opened(drawing.keys).picture.blocks:
        rects = [cell.rect for cell in placed.cells]
        for line in placed.lines:
            assert all(one[1] <= two[1] for one, two in pairwise(line.points))
            assert line.points[0][1] < line.points[-1][1]
            assert not crossed(line, rects)


def test_collapsed_residual_blocks_show_their_skip_connections() -> None:
    picture = NETWORKS["resnet18"].wrapped(1150, 650).picture
    arcs = {line.plus: line for line in picture.lines if line.plus}
    residual = [placed for placed in picture.blocks if placed.block.inside.skip]
    assert len(arcs) == len(residual) == 8
    for placed in residual:
        arc = next(line for (x, y), line in arcs.items() if x == placed.axis and 0 < y - placed.rect.bottom < 20)
        assert max(x for x, _ in arc.points) > placed.rect.right
        assert arc.projected == (placed.block.inside.skip == "projection")


def test_an_expanded_block_shows_its_skip_connection_inside_only() -> None:
    picture = NETWORKS["resnet18"].opened(["layer1.0"]).wrapped(1150, 650).picture
    assert sum(line.plus is not None for line in picture.lines) == 7
    assert any(line.skip for line in picture.by_key["layer1.0"].lines)


def test_auxiliary_heads_stand_to_the_right_of_where_they_branch_off() -> None:
    picture = NETWORKS["googlenet"].wrapped(1150, 650).picture
    for head, source in (("aux1", "inception4a"), ("aux2", "inception4d")):
        assert picture.by_key[head].rect.x > picture.by_key[source].rect.right
        assert picture.by_key[head].rect.y > picture.by_key[source].rect.bottom


def test_bands_carry_stages_and_what_is_frozen() -> None:
    picture = Drawing(build_graph(frozen_until(resnet18(), "layer3"))).wrapped(1150, 650).picture
    assert [(band.title, band.frozen) for band in picture.bands] == [
        ("conv1", True),
        ("layer1", True),
        ("layer2", True),
        ("layer3", False),
        ("layer4", False),
        ("avgpool", False),
        ("fc", False),
    ]


def test_opening_a_block_moves_nothing_above_it_in_its_column() -> None:
    before = NETWORKS["resnet101"].wrapped(1150, 650)
    after = before.opened(["layer1.1"]).picture
    for key in ("conv1", "layer1.0", "layer1.1"):
        assert after.by_key[key].rect.y == before.picture.by_key[key].rect.y


def test_a_connection_past_blocks_goes_around_them() -> None:
    rows = list(vgg16())
    end = next(number for number, row in enumerate(rows) if row.stage == "conv5")
    rows[end] = replace(rows[end], inputs=(*rows[end].inputs, "features.9"))
    for breaks in ((), ("conv4",), ("conv3", "conv5")):
        picture = Drawing(build_graph(rows), breaks=breaks).picture
        check_places(picture)
        (past,) = [line for line in picture.lines if line.skip]
        assert past.points[0] == (picture.by_key["conv2"].axis, picture.by_key["conv2"].rect.bottom)
        assert past.points[-1] == (picture.by_key["conv5"].axis, picture.by_key["conv5"].rect.y)
        assert not crossed(past, [placed.rect for placed in picture.blocks])


@st.composite
def networks(draw: st.DrawFn) -> list[Row]:
    """Return layers wired at random, in blocks and stages cut at random."""
    net = Builder(8)
    types = ("Conv2d", "BatchNorm2d", "ReLU", "Add", "Concat", "Scale", "MaxPool2d")
    stage = block = 0
    for number in range(draw(st.integers(1, 24))):
        cut = draw(st.integers(0, 7))
        stage, block = stage + (cut == 0), block + (cut < 2)
        net.at(f"stage{stage}", f"block{block}")
        before = [row.name for row in net.rows]
        inputs = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        net.add(f"layer{number}", draw(st.sampled_from(types)), (8, 8, 8), inputs=inputs)
    return net.rows


@settings(max_examples=150, deadline=None)
@given(rows=networks(), opened=st.booleans(), width=st.integers(200, 1500))
def test_any_wiring_is_placed(rows: list[Row], opened: bool, width: int) -> None:
    drawing = Drawing(build_graph(rows))
    check_places(drawing.opened(drawing.keys if opened else ()).wrapped(width, 600).picture)


def test_a_point_leads_to_what_is_drawn_there() -> None:
    picture = NETWORKS["resnet18"].opened(["layer1.0"]).picture
    names = [row.name for row in picture.graph.rows]
    closed, opened = picture.by_key["layer2.0"], picture.by_key["layer1.0"]
    assert picture.row_at(*closed.rect.centre) == names.index("layer2.0.conv1")
    for cell in opened.cells:
        assert picture.row_at(*cell.rect.centre) == cell.row
    assert picture.row_at(opened.rect.x + 1, opened.rect.y + 1) is None
    assert picture.block_at(opened.rect.x + 1, opened.rect.y + 1) is opened
    assert picture.block_at(-500, -500) is None


def test_corners_that_are_none_vanish() -> None:
    assert path((0, 0), (0, 5), (0, 9), (4, 9), (4, 9), (4, 20)) == ((0, 0), (0, 9), (4, 9), (4, 20))
