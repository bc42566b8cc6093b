import pytest

from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.columns import HEADER, choose_breaks, size_of
from cnnstudio.gui.graph.drawing import Drawing
from tests.gui.graph.networks import googlenet, resnet18, resnet101, vgg16


def test_a_tall_canvas_has_one_column_and_a_wide_one_many() -> None:
    graph = build_graph(resnet18())
    assert choose_breaks(graph, (), 240, 1600) == ("conv1",)
    assert len(choose_breaks(graph, (), 3000, 200)) > 4


def test_columns_begin_with_stages_where_that_costs_little() -> None:
    graph = build_graph(googlenet())
    first = {block.stage: block.key for block in reversed(graph.blocks)}
    assert set(choose_breaks(graph, (), 1150, 600)) <= set(first.values())


def test_a_long_stage_is_broken() -> None:
    breaks = choose_breaks(build_graph(resnet101()), (), 1150, 600)
    assert sum(key.startswith("layer3") for key in breaks) >= 2


@pytest.mark.parametrize(("width", "height", "larger"), [(640, 380, 1), (1150, 620, 1.6)])
def test_fitted_networks_are_large_enough_to_read(width: int, height: int, larger: float) -> None:
    for rows, least in ((vgg16(), 0.9), (resnet18(), 0.78), (googlenet(), 0.6), (resnet101(), 0.4)):
        bounds = Drawing(build_graph(rows)).wrapped(width, height).picture.bounds
        assert min(width / bounds.width, height / bounds.height) > least * larger


def test_an_expanded_block_needs_room_for_its_inside() -> None:
    block = next(each for each in build_graph(googlenet()).blocks if each.key == "inception3a")
    small, large = size_of(block, False), size_of(block, True)
    assert large.width > 3 * small.width
    assert large.height == HEADER + block.inside.height
    assert 0 < large.axis < large.width
