from cnnstudio.core.events import StepEnded
from cnnstudio.gui.panels.step_points import StepPoints
from tests.gui.events import step


def reported(number: int, loss: float, phase: str = "all layers") -> StepEnded:
    return step(number / 10, loss=loss).model_copy(update={"phase": phase})


def test_the_nearest_point_and_the_one_whose_mean_a_step_is_part_of() -> None:
    points = StepPoints()
    assert (points.nearest(0.5), points.telling_of(1), points.last_step) == (None, None, 0)
    points.extend([reported(3, 2.0, "head only"), reported(6, 1.5)])
    points.extend([reported(10, 1.0)])
    found = [points.nearest(at) for at in (-1.0, 0.44, 0.46, 0.9, 7.0)]
    assert [each and each.step for each in found] == [3, 3, 6, 10, 10]
    told = [points.telling_of(number) for number in (1, 3, 4, 7, 10)]
    assert [each and (each.since, each.step, each.loss) for each in told] == [
        (1, 3, 2.0),
        (1, 3, 2.0),
        (4, 6, 1.5),
        (7, 10, 1.0),
        (7, 10, 1.0),
    ]
    assert [each and each.whole for each in told] == [False, False, True, True, True]
    assert points.telling_of(11) is None
    points.clear()
    assert (points.last_step, points.nearest(0.5)) == (0, None)
