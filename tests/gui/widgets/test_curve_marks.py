"""Marks where a run has changed its course, and room for the words of each of them."""

from itertools import pairwise

import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import LIGHT
from cnnstudio.gui.widgets.curve_axes import CurveAxes
from cnnstudio.gui.widgets.curve_marks import CurveMark, CurveMarks

LABELS = ("lr × 0.5", "dropout 0.3", "35 epochs", "lr × 4")


@pytest.fixture
def axes(qtbot: QtBot) -> CurveAxes:
    axes = CurveAxes()
    axes.set_tokens(LIGHT)
    axes.set_epochs(35)
    qtbot.addWidget(axes)
    axes.resize(560, 240)
    axes.show()
    qtbot.waitExposed(axes)
    qtbot.wait(20)  # the layout of the plot follows its first painting
    return axes


def marked(axes: CurveAxes, *epochs: float) -> CurveMarks:
    marks = CurveMarks(axes)
    marks.set_tokens(LIGHT)
    for epoch, label in zip(epochs, LABELS, strict=False):
        marks.add(CurveMark(epoch, label, 1.0, label))
    return marks


def width(axes: CurveAxes) -> float:
    return float(axes.view.getPlotItem().getViewBox().width())


@pytest.mark.parametrize("epochs", [(2.0, 2.1, 2.2, 2.4), (0.0, 0.0, 0.1, 0.2), (34.8, 34.9, 35.0, 35.0)])
def test_the_words_of_close_marks_stand_side_by_side_in_the_plot(axes: CurveAxes, epochs: tuple[float, ...]) -> None:
    places = marked(axes, *epochs).places()
    assert [label for label, _, _ in places] == list(LABELS)
    assert places[0][1] >= -0.5
    assert places[-1][2] <= width(axes) + 0.5
    for (_, _, end), (_, begin, _) in pairwise(places):
        assert begin == pytest.approx(end, abs=0.5)


def test_words_with_room_end_at_their_line(axes: CurveAxes) -> None:
    ends = [end for _, _, end in marked(axes, 7.0, 21.0).places()]
    assert ends == pytest.approx([width(axes) * 0.2, width(axes) * 0.6], abs=0.5)


def test_words_take_their_places_again_where_more_epochs_are_shown(axes: CurveAxes) -> None:
    marks = marked(axes, 2.0, 4.0, 6.0)
    axes.set_epochs(350)
    places = marks.places()
    for (_, _, end), (_, begin, _) in pairwise(places):
        assert begin >= end - 0.5
