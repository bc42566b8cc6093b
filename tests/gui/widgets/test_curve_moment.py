import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.loss_plot import LossPlot
from tests.gui.widgets.pointer import LEFT, double_click, drag


@pytest.fixture
def plot(qtbot: QtBot) -> LossPlot:
    plot = LossPlot()
    plot.set_epochs(4)
    plot.resize(560, 280)
    qtbot.addWidget(plot)
    plot.add_steps([0.5, 1.0, 2.0], [8.0, 2.0, 0.1], [0.2, 0.4, 0.8])
    plot.refresh()
    plot.show()
    qtbot.waitExposed(plot)
    qtbot.wait(20)  # the layout of the plot follows its first painting
    return plot


@pytest.fixture
def clicks(plot: LossPlot) -> list[float]:
    told: list[float] = []
    plot.moment.chosen.connect(told.append)
    return told


def at(plot: LossPlot, epoch: float, loss: float = 3.0) -> QPoint:
    view = plot.axes.view
    place = view.mapFromScene(view.getPlotItem().getViewBox().mapViewToScene(QPointF(epoch, loss)))
    return QPoint(place.x(), place.y())


def test_a_click_asks_for_its_epoch_and_a_drag_does_not(qtbot: QtBot, plot: LossPlot, clicks: list[float]) -> None:
    QTest.mouseClick(plot.axes.view.viewport(), LEFT, pos=at(plot, 3))
    qtbot.waitUntil(lambda: bool(clicks))
    assert clicks == pytest.approx([3], abs=0.05)
    drag(plot.axes.view, at(plot, 1, 6.0), at(plot, 2, 2.0))
    assert not plot.axes.fitted
    qtbot.wait(QApplication.doubleClickInterval() + 50)
    assert len(clicks) == 1


def test_a_double_click_in_a_view_that_was_zoomed_into_only_fits_it(
    qtbot: QtBot, plot: LossPlot, clicks: list[float]
) -> None:
    drag(plot.axes.view, at(plot, 1, 6.0), at(plot, 2, 2.0))
    double_click(plot.axes.view, at(plot, 1.5))
    assert plot.axes.fitted
    qtbot.wait(QApplication.doubleClickInterval() + 50)
    assert clicks == []


def test_a_line_marks_the_epoch_until_it_is_taken_away(plot: LossPlot) -> None:
    assert not plot.moment._line.isVisible()
    for epoch, anchor in ((1, 0), (4, 1)):
        plot.mark_moment(epoch)
        assert (plot.moment._line.isVisible(), plot.moment._line.value()) == (True, epoch)
        assert plot.moment._line.label.format == f"epoch {epoch}"
        assert plot.moment._line.label.anchors[0][0] == anchor
    plot.mark_moment(None)
    assert (plot.moment.epoch, plot.moment._line.isVisible()) == (None, False)
