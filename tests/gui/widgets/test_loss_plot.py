import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK, LIGHT
from cnnstudio.gui.widgets.loss_plot import LossPlot
from tests.gui.widgets.pointer import double_click


@pytest.fixture
def plot(qtbot: QtBot) -> LossPlot:
    plot = LossPlot()
    plot.set_epochs(4)
    plot.resize(560, 280)
    qtbot.addWidget(plot)
    plot.show()
    qtbot.waitExposed(plot)
    return plot


def fill(plot: LossPlot) -> None:
    plot.add_steps([0.5, 1.0, 1.5, 2.0], [2.0, 1.5, 1.0, 0.5], [0.2, 0.4, 0.6, 0.8])
    plot.add_epoch(1, 1.7, 1.6, 0.3, 0.45, best=True)
    plot.add_epoch(2, 0.7, 0.9, 0.7, 0.75, best=True)
    plot.refresh()


def test_draws_what_was_added(plot: LossPlot) -> None:
    fill(plot)
    x, y = plot.drawn("train_loss_steps")
    np.testing.assert_array_equal(x, [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_array_equal(y, [2.0, 1.5, 1.0, 0.5])
    x, y = plot.drawn("val_loss")
    np.testing.assert_array_equal(x, [1, 2])
    np.testing.assert_array_equal(y, [1.6, 0.9])
    np.testing.assert_array_equal(plot.drawn("val_accuracy")[1], [0.45, 0.75])


def test_smoothed_line_lags_between_start_and_present(plot: LossPlot) -> None:
    fill(plot)
    smooth = plot.drawn("train_loss")[1]
    assert smooth[0] == pytest.approx(2.0)
    assert 0.5 < smooth[-1] < 1.5
    assert np.all(np.diff(smooth) < 0)
    assert plot.drawn("train_accuracy")[1][0] == pytest.approx(0.2)


def test_nothing_is_drawn_before_refresh(plot: LossPlot) -> None:
    fill(plot)
    plot.add_steps([2.5], [0.4], [0.9])
    assert len(plot.drawn("train_loss_steps")[0]) == 4
    plot.refresh()
    assert plot.drawn("train_loss_steps")[0][-1] == 2.5


def test_best_epoch_is_the_latest_one_called_best(plot: LossPlot) -> None:
    assert plot.best_epoch is None
    fill(plot)
    plot.add_epoch(3, 0.5, 1.1, 0.8, 0.7, best=False)
    plot.refresh()
    assert plot.best_epoch == 2


def test_words_stand_in_for_empty_curves(plot: LossPlot) -> None:
    hint = "Loss and accuracy appear here after the first steps"
    assert plot._hint.isVisible()
    assert plot._hint.text() == hint
    assert plot.accessibleDescription() == hint
    fill(plot)
    assert not plot._hint.isVisible()
    assert plot.legend.isVisible()
    plot.clear()
    assert plot._hint.isVisible()
    assert plot.best_epoch is None
    assert len(plot.drawn("train_loss_steps")[0]) == 0
    assert plot.accessibleDescription() == hint


def test_a_second_run_starts_afresh(plot: LossPlot) -> None:
    fill(plot)
    plot.clear()
    plot.add_steps([0.5], [9.0], [0.1])
    plot.refresh()
    assert plot.drawn("train_loss")[1].tolist() == pytest.approx([9.0])


def test_screen_reader_hears_the_last_epoch(plot: LossPlot) -> None:
    fill(plot)
    assert plot.accessibleDescription() == (
        "Epoch 2 of 4: train loss 0.700, val loss 0.900, train accuracy 70.0 %, val accuracy 75.0 %. "
        "Best so far: epoch 2."
    )


def test_loss_axis_keeps_the_curves_and_lets_an_outlier_go(plot: LossPlot) -> None:
    x = np.linspace(0.04, 4, 100)
    losses = np.linspace(1.8, 0.2, 100)
    losses[30] = 400.0
    plot.add_steps(list(x), list(losses), [0.5] * 100)
    plot.refresh()
    bottom, top = plot.axes.value_range
    assert bottom == 0
    assert 1.8 <= top <= 2.4


def test_double_click_fits_again_after_zooming(plot: LossPlot) -> None:
    fill(plot)
    fitted = plot.axes.value_range
    QTest.keyClick(plot, Qt.Key.Key_Plus)
    left, right = plot.axes.epoch_range
    assert right - left == pytest.approx(0.8 * 4)
    plot.refresh()
    assert plot.axes.epoch_range == (left, right)
    double_click(plot.axes.view, plot.axes.view.viewport().rect().center())
    assert plot.axes.epoch_range == pytest.approx((0, 4))
    assert plot.axes.value_range == pytest.approx(fitted)


def test_home_fits_too(plot: LossPlot) -> None:
    fill(plot)
    QTest.keyClick(plot, Qt.Key.Key_Plus)
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert plot.axes.epoch_range == pytest.approx((0, 4))


def test_mouse_shows_the_values_beside_it(plot: LossPlot, qtbot: QtBot) -> None:
    fill(plot)
    qtbot.wait(20)  # The layout of the plot follows its first painting.
    box = plot.axes.view.getPlotItem().getViewBox()
    at = plot.axes.view.mapFromScene(box.mapViewToScene(box.viewRect().center()))
    QTest.mouseMove(plot.axes.view.viewport(), QPoint(at.x(), at.y()))
    readout = plot._cursor.readout
    qtbot.waitUntil(readout.isVisible)
    assert "epoch 2.0" in readout.text()
    assert "0.900" in readout.text()
    assert "75.0 %" in readout.text()
    assert plot.axes.view.rect().contains(readout.geometry())


def test_arrow_keys_move_the_readout_and_escape_hides_it(plot: LossPlot) -> None:
    fill(plot)
    QTest.keyClick(plot, Qt.Key.Key_Right)
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert plot._cursor.position == pytest.approx(4 / 50)
    assert plot._cursor.readout.isVisible()
    QTest.keyClick(plot, Qt.Key.Key_Escape)
    assert plot._cursor.position is None
    assert not plot._cursor.readout.isVisible()


def test_legend_hides_a_curve_with_the_keyboard(plot: LossPlot) -> None:
    fill(plot)
    QTest.keyClick(plot.legend.entries["train_loss"], Qt.Key.Key_Space)
    assert len(plot.drawn("train_loss")[0]) == 0
    assert len(plot.drawn("train_loss_steps")[0]) == 0
    assert len(plot.drawn("val_loss")[0]) == 2
    assert "train loss" not in plot._describe(1.0)
    QTest.keyClick(plot.legend.entries["train_loss"], Qt.Key.Key_Space)
    assert len(plot.drawn("train_loss")[0]) == 4


def test_markers_go_before_they_touch(plot: LossPlot) -> None:
    plot.set_epochs(60)
    for epoch in range(1, 32):
        plot.add_epoch(epoch, 0.5, 0.5, 0.9, 0.9, best=False)
        plot.refresh()
        assert (plot._lines["val_loss"].opts["symbol"] == "o") == (epoch <= 30)


def test_curves_differ_in_more_than_colour(plot: LossPlot) -> None:
    fill(plot)
    looks = {
        (line.opts["pen"].style(), tuple(line.opts["pen"].dashPattern()), line.opts["symbol"], line.opts["pen"].width())
        for line in plot._lines.values()
    }
    assert len(looks) >= 4


def test_theme_reaches_lines_and_ground(plot: LossPlot) -> None:
    for tokens in (DARK, LIGHT):
        plot.set_tokens(tokens)
        assert plot._lines["train_loss"].opts["pen"].color().name().upper() == tokens.series[0].upper()
        assert plot.axes.view.backgroundBrush().color().name().upper() == tokens.card.upper()
