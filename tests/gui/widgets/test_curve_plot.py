import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import LIGHT
from cnnstudio.gui.widgets.curve_plot import CurvePlot
from cnnstudio.gui.widgets.curve_series import Series
from cnnstudio.gui.widgets.loss_plot import LossPlot
from cnnstudio.gui.widgets.trace_plots import TRACES, TracePlot
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
    plot.add_steps([0.5, 1.0, 1.5, 2.0], [8.0, 2.0, 0.5, 0.1], [0.2, 0.4, 0.6, 0.8])
    plot.refresh()


def test_each_auxiliary_head_has_a_curve_of_its_own_until_the_next_run(plot: LossPlot) -> None:
    fill(plot)
    for head, losses in (("aux1", [3.0, 2.0]), ("aux2", [2.5, 1.5])):
        plot.add_aux(head, [0.5, 1.0], losses)
    plot.refresh()
    assert plot.drawn("aux_aux1")[1][0] == pytest.approx(3.0)
    assert plot.drawn("aux_aux2")[1][0] == pytest.approx(2.5)
    assert plot.legend.entries["aux_aux1"].text() == "aux1"
    assert plot.legend.entries["aux_aux1"].previousInFocusChain() is plot.legend.entries["val_accuracy"]
    assert plot.legend.entries["aux_aux2"].previousInFocusChain() is plot.legend.entries["aux_aux1"]
    looks = {tuple(plot._lines[f"aux_aux{number}"].opts["pen"].dashPattern()) for number in (1, 2)}
    assert len(looks) == 2
    assert "aux1" in plot._describe(1.0)
    plot.clear()
    assert "aux_aux1" not in plot.legend.entries
    assert [each.name for each in plot.series] == ["train_loss", "val_loss", "train_accuracy", "val_accuracy"]


def test_a_logarithmic_axis_shows_small_losses_apart(plot: LossPlot) -> None:
    fill(plot)
    plot.set_log(True)
    assert plot.axes.value_range == pytest.approx((0.1, 10.0), rel=0.3)
    heights = plot._lines["train_loss_steps"].getData()[1]
    np.testing.assert_allclose(heights, np.log10([8.0, 2.0, 0.5, 0.1]), atol=1e-9)
    np.testing.assert_allclose(plot._lines["train_accuracy"].getData()[1][0], 0.2)
    plot.set_log(False)
    assert plot.axes.value_range[0] == 0
    np.testing.assert_allclose(plot._lines["train_loss_steps"].getData()[1], [8.0, 2.0, 0.5, 0.1])


def test_an_earlier_run_is_drawn_behind_and_hidden_with_its_curve(plot: LossPlot) -> None:
    fill(plot)
    plot.show_ghost("val_loss", [1, 2], [1.5, 1.2])
    np.testing.assert_array_equal(plot.ghost("val_loss")[1], [1.5, 1.2])
    assert plot._ghosts["val_loss"].opacity() < 0.5
    QTest.keyClick(plot.legend.entries["val_loss"], Qt.Key.Key_Space)
    assert not plot._ghosts["val_loss"].isVisible()
    plot.show_ghost("val_loss", [], [])
    assert len(plot.ghost("val_loss")[0]) == 0


def test_a_frame_drawn_with_the_mouse_zooms_and_a_double_click_fits(plot: LossPlot, qtbot: QtBot) -> None:
    fill(plot)
    qtbot.wait(20)  # The layout of the plot follows its first painting.
    viewport = plot.axes.view.viewport()
    box = plot.axes.view.getPlotItem().getViewBox()

    def at(epoch: float, loss: float) -> QPoint:
        place = plot.axes.view.mapFromScene(box.mapViewToScene(pg_point(epoch, loss)))
        return QPoint(place.x(), place.y())

    begin, end = at(1, 6), at(2, 2)
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=begin)
    for share in (0.3, 0.6, 1.0):
        QTest.mouseMove(viewport, begin + (end - begin) * share)
        qtbot.wait(5)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end)
    assert plot.axes.epoch_range == pytest.approx((1, 2), abs=0.15)
    assert plot.axes.value_range == pytest.approx((2, 6), abs=0.4)
    double_click(plot.axes.view, viewport.rect().center())
    assert plot.axes.epoch_range == pytest.approx((0, 4))


def pg_point(x: float, y: float) -> pg.Point:
    return pg.Point(x, y)


def test_a_curve_is_offered_once(qtbot: QtBot) -> None:
    plot = CurvePlot((Series("a", "A", str),), "nothing yet")
    qtbot.addWidget(plot)
    extra = Series("b", "B", str)
    plot.offer(extra)
    plot.extend("b", [1], [2])
    plot.offer(extra)
    plot.refresh()
    assert plot.drawn("b")[1].tolist() == [2]
    assert plot.points()["b"][0].tolist() == [1]


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_has_an_empty_state_and_a_single_axis(qtbot: QtBot, name: str) -> None:
    plot = TracePlot(name)
    qtbot.addWidget(plot)
    plot.show()
    assert plot._hint.isVisible()
    plot.extend(name, [0.5, 1.0], [0.001, 0.002])
    plot.refresh()
    assert not plot._hint.isVisible()
    assert plot.points()[name][1].tolist() == [0.001, 0.002]
    assert not plot.axes.view.getPlotItem().getAxis("right").isVisible()
    assert plot._lines[name].opts["pen"].color().name().upper() in LIGHT.series
