import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.gui.widgets.curve_data import Points, Smoother, loss_top, round_up

LOSSES = st.lists(st.floats(0, 100), min_size=1, max_size=50)


def test_points_survive_growth() -> None:
    points = Points()
    for start in range(0, 1000, 10):
        points.extend(range(start, start + 10), [float(x**2) for x in range(start, start + 10)])
    assert len(points) == 1000
    np.testing.assert_array_equal(points.x, np.arange(1000))
    np.testing.assert_array_equal(points.y, np.arange(1000) ** 2)


def test_a_view_keeps_its_numbers_when_the_buffer_grows() -> None:
    points = Points()
    points.extend([0.0], [7.0])
    before = points.y
    points.extend(range(1, 600), [0.0] * 599)
    assert before.tolist() == [7.0]


@pytest.mark.parametrize(("x", "index"), [(-1, 0), (0.4, 0), (0.6, 1), (1.9, 2), (99, 2)])
def test_nearest(x: float, index: int) -> None:
    points = Points()
    points.extend([0, 1, 2], [5, 6, 7])
    assert points.nearest(x) == index


def test_nothing_is_nearest_to_no_points() -> None:
    assert Points().nearest(1.0) is None


@given(st.floats(0, 1), LOSSES)
def test_average_stays_between_the_extremes(start: float, losses: list[float]) -> None:
    x = start + 0.1 * np.arange(len(losses))
    averages = Smoother(0.2).smooth(list(x), losses)
    assert min(losses) - 1e-6 <= min(averages)
    assert max(averages) <= max(losses) + 1e-6


def test_average_starts_at_the_first_value_even_at_zero() -> None:
    assert Smoother(0.2).smooth([0.0, 0.0], [2.0, 2.0]) == pytest.approx([2.0, 2.0])


def test_average_of_a_constant_is_the_constant() -> None:
    assert Smoother(0.2).smooth([0.1, 0.2, 0.3], [1.5] * 3) == pytest.approx([1.5] * 3)


def test_lag_is_a_length_of_the_axis_whatever_the_density() -> None:
    def value_after_a_step(density: int) -> float:
        smoother = Smoother(0.2)
        smoother.smooth(list(np.linspace(0, 1, density)), [1.0] * density)
        return smoother.smooth(list(1 + np.linspace(0, 0.2, density // 5 + 1)[1:]), [0.0] * (density // 5))[-1]

    assert value_after_a_step(1000) == pytest.approx(np.exp(-1), abs=0.01)
    assert value_after_a_step(5000) == pytest.approx(value_after_a_step(1000), abs=0.01)


def test_parts_give_the_same_average_as_the_whole() -> None:
    x, y = [0.1, 0.2, 0.3, 0.4], [4.0, 1.0, 3.0, 2.0]
    smoother = Smoother(0.2)
    assert smoother.smooth(x[:1], y[:1]) + smoother.smooth(x[1:], y[1:]) == Smoother(0.2).smooth(x, y)


def test_one_outlier_leaves_the_axis() -> None:
    losses = np.linspace(2.0, 0.2, 100)
    assert loss_top(losses) == pytest.approx(2.4)
    losses[50] = 900.0
    assert loss_top(losses) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("validation", "top"),
    [
        ([900.0], 1000.0),
        ([900.0, 2.0], 3.0),
        ([2.0, 1.5, 900.0, 1.4, 1.2], 3.0),
        ([2.0, 1.5, 900.0], 1000.0),  # where is it going?
        ([1.0, 1.5, 4.0, 9.0, 20.0], 24.0),
        ([3.2, 1.2, 1.0], 4.0),
    ],
)
def test_a_single_outlier_of_few_losses_leaves_the_axis_and_a_trend_stays(validation: list[float], top: float) -> None:
    assert loss_top(np.linspace(2.0, 0.2, 100), np.array(validation)) == pytest.approx(top)


def test_the_curve_that_needs_more_room_decides() -> None:
    assert loss_top(np.full(100, 0.5), np.full(5, 2.7)) == pytest.approx(3.0)


def test_no_losses_give_a_usable_axis() -> None:
    assert loss_top() == 1.0
    assert loss_top(np.empty(0), np.array([np.nan])) == 1.0


def test_long_runs_are_ranked_in_part() -> None:
    assert loss_top(np.linspace(1.9, 0.1, 1_000_000)) == pytest.approx(2.0)


@given(st.floats(1e-6, 1e6))
def test_round_numbers_are_at_most_a_third_above(value: float) -> None:
    assert value <= round_up(value) * (1 + 1e-6)
    assert round_up(value) <= 1.34 * value
