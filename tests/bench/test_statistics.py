import math

import pytest

from tests.bench.statistics import estimate, paired_ratio, rotated


def test_the_ratio_is_of_pairs_and_not_of_medians() -> None:
    found = paired_ratio([10.0, 40.0, 30.0], [5.0, 10.0, 30.0])
    assert found.value == 2.0  # of 2, 4 and 1; the medians' ratio would be 3
    assert found.count == 3


def test_what_slows_both_of_a_pair_cancels_out() -> None:
    speeds = [1.0, 0.5, 0.8, 0.3, 0.9, 0.7]
    found = paired_ratio([3 * speed for speed in speeds], speeds)
    assert (found.value, found.low, found.high) == pytest.approx((3.0, 3.0, 3.0))


def test_the_interval_is_the_exact_bootstrap_of_three() -> None:
    # Of 27 resamples of three values 7 have the lowest as median, and 7 the highest: both are inside 95 %.
    found = estimate([1.0, 2.0, 9.0])
    assert (found.value, found.low, found.high) == (2.0, 1.0, 9.0)


def test_more_measurements_narrow_the_interval() -> None:
    few, many = estimate([0.9, 1.1] * 5), estimate([0.9, 1.0, 1.1] * 30)
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None
    assert many.high - many.low < few.high - few.low
    assert many.low <= many.value <= many.high


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    import numpy as np

    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        found = estimate(list(generator.lognormal(0.0, 0.3, 25)))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 1.0 <= found.high
    assert 0.88 <= covered / 200 <= 1.0


def test_one_measurement_has_no_interval() -> None:
    found = estimate([1.5])
    assert (found.value, found.low, found.high, found.count) == (1.5, None, None, 1)


def test_the_same_measurements_give_the_same_interval() -> None:
    assert estimate([1.0, 1.2, 0.7, 1.1]) == estimate([1.0, 1.2, 0.7, 1.1])


def test_percent_of_a_ratio() -> None:
    found = estimate([0.5, 0.5]).map(lambda ratio: 100 * ratio)
    assert (found.value, found.low, found.high, found.count) == (50.0, 50.0, 50.0, 2)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_no_estimate_of_nothing(values: list[float]) -> None:
    with pytest.raises(ValueError, match="measurement"):
        estimate(values)


def test_no_ratio_of_what_is_no_pair() -> None:
    with pytest.raises(ValueError, match="paired"):
        paired_ratio([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="positive"):
        paired_ratio([1.0], [0.0])


def test_every_side_comes_first_equally_often() -> None:
    orders = [rotated(3, turn) for turn in range(6)]
    assert orders[:3] == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    assert [sum(order[0] == side for order in orders) for side in range(3)] == [2, 2, 2]
