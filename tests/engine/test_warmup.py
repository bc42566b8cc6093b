import math

import pytest
import torch
from torch import nn

from cnnstudio.core.config import load_config
from cnnstudio.engine.course import warm_cosine
from cnnstudio.engine.schedule import make_schedule

COSINE = load_config(None, ["train.schedule=cosine"])


def rates(steps: int) -> list[float]:
    """Return the learning rate of each step, and the one after the last."""
    made = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.2)
    schedule = make_schedule(made, COSINE, steps=steps)
    found = [made.param_groups[0]["lr"]]
    for _ in range(steps):
        made.step()
        schedule.step()
        found.append(made.param_groups[0]["lr"])
    return found


def test_cosine_warms_up_in_a_line_over_a_twentieth_of_the_steps() -> None:
    assert rates(100)[:6] == pytest.approx([0.2 * step / 6 for step in range(1, 7)])


def test_cosine_falls_as_torch_has_it_from_the_peak_to_nothing() -> None:
    made = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.2)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(made, T_max=95)
    expected = [0.2]
    for _ in range(95):
        made.step()
        oracle.step()
        expected.append(made.param_groups[0]["lr"])
    assert rates(100)[5:] == pytest.approx(expected, abs=1e-12)
    assert rates(100)[-1] == 0.0


@pytest.mark.parametrize("steps", range(1, 45))
def test_each_step_of_a_cosine_has_a_rate_and_one_has_the_peak(steps: int) -> None:
    found = rates(steps)
    assert all(0 < rate <= 0.2 for rate in found[:-1])
    assert found.count(0.2) == 1
    assert found[-1] == 0.0
    peak = found.index(0.2)
    assert found == sorted(found[:peak]) + sorted(found[peak:], reverse=True)


def test_the_middle_of_the_fall_has_half_the_peak() -> None:
    assert warm_cosine(25 + 475 // 2, steps=500) == pytest.approx(0.5, abs=math.pi / 4 / 475 * 1.01)


def test_groups_keep_their_proportions() -> None:
    groups = [{"params": [nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.01)]
    made = torch.optim.SGD(groups)
    schedule = make_schedule(made, COSINE, steps=20)
    for _ in range(19):
        first, second = schedule.get_last_lr()
        assert first == pytest.approx(10 * second)
        made.step()
        schedule.step()
