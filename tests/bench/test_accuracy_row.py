import pytest

from tests.bench.accuracy_row import FASTAI, OURS, OURS_FROZEN, PROBE, margin


def test_the_better_rival_by_its_median_is_the_one_that_counts() -> None:
    found = {
        OURS: [0.80, 0.90, 0.85],
        OURS_FROZEN: [0.99, 0.99, 0.99],
        PROBE: [0.70, 0.95, 0.82],
        FASTAI: [0.99, 0.60, 0.65],
    }
    ahead = margin(found)
    assert ahead.value == pytest.approx(3.0)  # of 10, -5 and 3 points against the probe
    assert ahead.count == 3


def test_without_fastai_the_probe_is_the_rival() -> None:
    assert margin({OURS: [0.5], OURS_FROZEN: [0.9], PROBE: [0.625]}).value == pytest.approx(-12.5)
