import numpy as np
import pytest
from numpy.typing import NDArray

from cnnstudio.gui.theme import DARK, LIGHT
from cnnstudio.gui.widgets.colormaps import ZERO, argb_table
from cnnstudio.gui.widgets.map_scale import (
    Colors,
    Figures,
    MapStyle,
    color_map_of,
    levels_of,
    limits_of,
    looks_of,
    order_of,
    plain_look,
)


def pairs(*ends: tuple[float, float]) -> NDArray[np.float32]:
    return np.array(ends, np.float32)


def figures(*ends: tuple[float, float]) -> Figures:
    return Figures(pairs(*ends), np.arange(len(ends), dtype=np.float32))


@pytest.mark.parametrize(
    ("colors", "low", "expected"),
    [
        ("auto", 0.0, "inferno"),
        ("auto", -0.1, "diverging_dark"),
        ("sequential", -0.1, "inferno"),
        ("diverging", 0.0, "diverging_dark"),
    ],
)
def test_zero_is_in_the_middle_where_it_matters(colors: Colors, low: float, expected: str) -> None:
    rows = [figures((0, 1)), figures((low, 1))]
    assert color_map_of(MapStyle(colors=colors), rows, DARK) == expected


def test_the_most_active_come_first_and_equals_by_their_numbers() -> None:
    activity = np.array([1, 3, np.nan, 3, 2], np.float32)
    assert order_of(MapStyle(order="activity"), activity).tolist() == [1, 3, 4, 0, 2]
    assert order_of(MapStyle(), activity).tolist() == [0, 1, 2, 3, 4]


def test_own_limits_are_those_of_each_map_and_shared_ones_those_of_all() -> None:
    rows = [pairs((0, 2), (1, 5)), pairs((-4, 1))]
    own, shared = (limits_of(rows, scaling, "inferno") for scaling in ("own", "shared"))
    assert [each.tolist() for each in own] == [[[0, 2], [1, 5]], [[-4, 1]]]
    assert [each.tolist() for each in shared] == [[[0, 5], [0, 5]], [[-4, 1]]]


def test_rows_of_a_layer_have_limits_in_common() -> None:
    rows = [pairs((0, 2), (1, 5)), pairs((-1, 1), (2, 9))]
    own, shared = (limits_of(rows, scaling, "inferno", alike=True) for scaling in ("own", "shared"))
    assert [each.tolist() for each in own] == [[[-1, 2], [1, 9]]] * 2
    assert [each.tolist() for each in shared] == [[[-1, 9], [-1, 9]]] * 2


def test_limits_around_zero_are_equally_far_from_it() -> None:
    (own,) = limits_of([pairs((-4, 1), (2, 3), (0, 0))], "own", "diverging")
    assert own.tolist() == [[-4, 4], [-3, 3], [0, 0]]
    (shared,) = limits_of([pairs((-4, 1), (2, 3))], "shared", "diverging")
    assert shared.tolist() == [[-4, 4], [-4, 4]]


def test_what_is_not_finite_breaks_nothing() -> None:
    ranges = pairs((np.nan, np.nan), (-np.inf, 3), (0, 2))
    for scaling in ("own", "shared"):
        (limits,) = limits_of([ranges], scaling, "diverging")
        assert np.isfinite(limits).all()
        assert levels_of(ranges, limits, "diverging").shape == (3, 256)


def test_a_value_has_the_entry_of_its_share_of_the_limits() -> None:
    levels = levels_of(pairs((1, 3), (0, 8), (5, 5)), pairs((0, 8), (0, 8), (0, 8)), "inferno")
    assert levels[0, [0, 255]].tolist() == [round(255 / 8), round(255 * 3 / 8)]
    assert levels[1].tolist() == list(range(256))
    assert set(levels[2].tolist()) == {round(255 * 5 / 8)}


def test_of_a_diverging_map_zero_and_the_ends_are_exact() -> None:
    levels = levels_of(pairs((-2, 4), (0, 4), (0, 0)), pairs((-4, 4), (-4, 4), (0, 0)), "diverging")
    assert levels[0, [0, 85, 255]].tolist() == [round(ZERO - 63.5), ZERO, 255]  # 85 of 255 stands for 0
    assert levels[1, [0, 255]].tolist() == [ZERO, 255]
    assert set(levels[2].tolist()) == {ZERO}


def test_a_look_colours_only_what_it_is_asked_for() -> None:
    (look,) = looks_of([figures((0, 1), (0, 2), (0, 0))], MapStyle(order="activity", scaling="shared"), LIGHT)
    assert look.order.tolist() == [2, 1, 0]
    assert look.dead.tolist() == [False, False, True]
    colors = look.colors(np.array([1, 0]))
    assert colors[0].tolist() == argb_table("inferno").tolist()
    assert colors[1, 255] == argb_table("inferno")[128]  # half of what the other reaches


def test_channels_lie_alike_in_all_rows_of_a_layer() -> None:
    rows = [Figures(pairs((0, 1), (0, 1)), np.array(each, np.float32)) for each in ([1, 2], [9, 1])]
    style = MapStyle(order="activity")
    assert [look.order.tolist() for look in looks_of(rows, style, LIGHT)] == [[1, 0], [0, 1]]
    assert [look.order.tolist() for look in looks_of(rows, style, LIGHT, alike=True)] == [[0, 1], [0, 1]]


def test_tiles_of_which_nothing_is_known_are_shown_as_they_are() -> None:
    look = plain_look(3, "viridis")
    np.testing.assert_array_equal(look.colors(np.arange(3)), np.tile(argb_table("viridis"), (3, 1)))
    assert not look.dead.any()
