import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.curve_axes import CurveAxes


@pytest.fixture
def axes(qtbot: QtBot) -> CurveAxes:
    axes = CurveAxes()
    axes.resize(400, 240)
    qtbot.addWidget(axes)
    axes.show()
    qtbot.waitExposed(axes)
    return axes


def ticks(axes: CurveAxes, side: str) -> list[str]:
    return [text for _, text in axes.view.getPlotItem().getAxis(side)._tickLevels[0]]


def test_both_y_axes_are_named_at_the_same_heights(axes: CurveAxes) -> None:
    axes.set_epochs(4)
    axes.set_top(2.0)
    assert ticks(axes, "left") == ["0.0", "0.5", "1.0", "1.5", "2.0"]
    assert ticks(axes, "right") == ["0 %", "25 %", "50 %", "75 %", "100 %"]
    assert axes._grid.getOriginalDataset()[1].tolist()[::2] == [0, 0.25, 0.5, 0.75, 1]


def test_small_losses_keep_their_digits(axes: CurveAxes) -> None:
    axes.set_top(0.03)
    assert ticks(axes, "left") == ["0.0000", "0.0075", "0.0150", "0.0225", "0.0300"]


@pytest.mark.parametrize("total", [1, 5, 12, 13, 25, 90, 120, 1000])
def test_epochs_are_whole_numbers_at_twelve_places_at_most(axes: CurveAxes, total: int) -> None:
    axes.set_epochs(total)
    step = axes.view.getPlotItem().getAxis("bottom")._tickSpacing[0][0]
    assert step == int(step)
    assert min(total, 4) <= total / step <= 12
    assert axes.epoch_range == pytest.approx((0, total))


def test_a_view_that_the_user_chose_is_kept(axes: CurveAxes) -> None:
    axes.set_epochs(10)
    axes.zoom(0.5, 2.0)
    axes.set_top(8.0)
    assert axes.epoch_range == pytest.approx((1, 6))
    assert axes.value_range[1] == pytest.approx(1.0)
    axes.fit()
    assert axes.epoch_range == pytest.approx((0, 10))
    assert axes.value_range == pytest.approx((0, 8))


def test_accuracies_keep_their_place_while_losses_are_zoomed(axes: CurveAxes) -> None:
    axes.set_epochs(10)
    axes.zoom(0.5, 2.0)
    assert axes._right_box.viewRange()[1] == [0, 1]
    assert axes._right_box.viewRange()[0] == pytest.approx(list(axes.epoch_range))


def test_views_lie_on_each_other_at_any_size(axes: CurveAxes, qtbot: QtBot) -> None:
    with qtbot.waitSignal(axes.resized):
        axes.resize(700, 300)
    losses, accuracies = (box.sceneBoundingRect().getRect() for box in (axes._left_box, axes._right_box))
    assert accuracies == pytest.approx(losses, abs=1)
