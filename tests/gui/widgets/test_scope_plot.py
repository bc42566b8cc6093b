"""The axes of the small plots: two numbers at least, that fit."""

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.agreement_plot import AgreementPlot
from cnnstudio.gui.widgets.channel_chart import BIAS
from cnnstudio.gui.widgets.channel_history import HistoryPlot
from cnnstudio.gui.widgets.scope_plot import ScopePlot


@pytest.fixture
def plot(qtbot: QtBot) -> ScopePlot:
    plot = ScopePlot("plot", "Plot")
    qtbot.addWidget(plot)
    return plot


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 10.0, ["2", "4", "6", "8"]),
        (-0.06, 0.06, ["−0.05", "0.00", "0.05"]),
        (0.955, 1.045, ["0.96", "0.98", "1.00", "1.02", "1.04"]),
    ],
)
def test_numbers_are_round(plot: ScopePlot, low: float, high: float, words: list[str]) -> None:
    assert [word for _, word in plot.ticks(low, high)] == words


def test_there_are_two_numbers_at_least_and_few(plot: ScopePlot) -> None:
    rng = np.random.default_rng(0)
    for low, span in zip(rng.normal(0, 2, 500), 10 ** rng.uniform(-8, 4, 500), strict=True):
        ticks = plot.ticks(float(low), float(low + span))
        assert 2 <= len(ticks) <= 5
        assert all(low <= value <= low + span for value, _ in ticks)


def test_small_numbers_are_written_with_a_power_of_ten(plot: ScopePlot) -> None:
    assert [word for _, word in plot.ticks(-1.0e-5, -9.0e-6)] == ["−9.8e−6", "−9.6e−6", "−9.4e−6", "−9.2e−6"]


def test_a_single_value_stands_in_the_middle_of_some_numbers(plot: ScopePlot) -> None:
    plot.set_range((0, 64), (0.0, 0.0), margins=(0.1, 0.1))
    low, high = plot.box.viewRange()[1]
    assert low == pytest.approx(-high)
    assert [word for _, word in plot.ticks(low, high)] == ["−0.05", "0.00", "0.05"]


def test_the_first_point_of_a_history_is_seen_and_steps_are_whole(qtbot: QtBot) -> None:
    plot = HistoryPlot(BIAS)
    qtbot.addWidget(plot)
    plot.show_history(np.array([54.0]), np.array([-0.0028]), "mean of all")
    xs, ys = plot._latest.getData()
    assert (xs.tolist(), ys.tolist()) == ([54.0], [-0.0028])
    low, high = plot.box.viewRange()[0]
    assert all("." not in word for _, word in plot.ticks(low, high))


@pytest.mark.parametrize(("low", "high"), [(0.15, 9.0), (0.6, 1.9), (1e-4, 30.0), (0.011, 0.019)])
def test_powers_of_ten_have_two_numbers_too(qtbot: QtBot, low: float, high: float) -> None:
    plot = AgreementPlot("variance")
    qtbot.addWidget(plot)
    values = [float(word) for _, word in plot.ticks(np.log10(low), np.log10(high))]
    assert 2 <= len(values) <= 5
    assert all(low <= value <= high for value in values)
