from itertools import pairwise

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.interior import Cell, Interior
from tests.gui.graph.networks import Builder, Row, googlenet, mobile, resnet18, vgg16


def inside(rows: tuple[Row, ...], key: str) -> tuple[Interior, dict[str, Cell]]:
    block = next(each for each in build_graph(rows).blocks if each.key == key)
    names = {cell.row: block.rows[cell.row].name.removeprefix(f"{key}.") for cell in block.inside.cells}
    return block.inside, {names[cell.row]: cell for cell in block.inside.cells}


def test_convolution_norm_and_activation_are_stacked() -> None:
    interior, cells = inside(resnet18(), "layer1.0")
    conv, norm, relu = cells["conv1"].rect, cells["bn1"].rect, cells["relu"].rect
    assert conv.bottom == norm.y
    assert norm.bottom == relu.y
    assert conv.height > norm.height
    assert cells["conv2"].rect.y > relu.bottom
    assert len(interior.units) == 3  # two stacks and the last ReLU; the sum is a circle


def test_a_chain_without_norm_and_a_lone_pool() -> None:
    interior, cells = inside(vgg16(), "conv1")
    assert len(interior.units) == 3
    assert cells["features.0"].rect.bottom == cells["features.1"].rect.y
    assert not interior.skip


def test_the_skip_connection_goes_around_the_side() -> None:
    interior, cells = inside(resnet18(), "layer1.0")
    assert interior.skip == "identity"
    (skip,) = [line for line in interior.lines if line.skip]
    assert max(x for x, _ in skip.points) > max(cell.rect.right for cell in cells.values())
    assert skip.points[0] == (interior.axis, 0.0)
    total = cells["add"].rect
    assert skip.points[-1] == (total.right, total.centre[1])
    assert cells["add"].sign == "+"


def test_a_projection_stands_beside_the_main_way() -> None:
    interior, cells = inside(resnet18(), "layer2.0")
    assert interior.skip == "projection"
    assert cells["downsample.0"].rect.x > cells["conv1"].rect.right
    assert cells["conv1"].rect.centre[0] == cells["add"].rect.centre[0] == interior.axis
    assert sum(line.skip for line in interior.lines) == 2


def test_inception_branches_stand_side_by_side_and_end_in_a_bar() -> None:
    interior, cells = inside(googlenet(), "inception3a")
    heads = [cells[name].rect for name in ("branch1.conv", "branch2.0.conv", "branch3.0.conv", "branch4.0")]
    assert [each.y for each in heads] == [heads[0].y] * 4
    assert all(one.right < other.x for one, other in pairwise(heads))
    bar = cells["concat"].rect
    assert bar.x == heads[0].x
    assert bar.right == heads[-1].right
    ends = [line.points[-1] for line in interior.lines if line.points[-1][1] == bar.y]
    assert sorted(x for x, _ in ends) == [each.centre[0] for each in heads]
    assert interior.branches == 4
    assert not interior.skip


def test_a_gate_stands_beside_what_it_acts_on() -> None:
    interior, cells = inside(mobile(), "features.1")
    assert cells["se.scale"].sign == "×"
    assert cells["se.scale"].rect.centre[0] == interior.axis
    assert cells["se.fc1"].rect.x > interior.axis
    straight = [line for line in interior.lines if line.points[-1] == (interior.axis, cells["se.scale"].rect.y)]
    assert [len(line.points) for line in straight] == [2]
    assert interior.skip == "identity"


def test_a_norm_between_two_uses_stays_alone() -> None:
    net = Builder()
    net.at("block")
    start = net.conv("conv", 8)
    end = net.norm("norm")
    net.add("cat", "Concat", (16, 224, 224), inputs=(start, end))
    interior, _ = inside(tuple(net.rows), "block")
    assert len(interior.units) == 3
