import pytest
import torch
from torch import nn

from cnnstudio.core.config import load_config
from cnnstudio.core.errors import InputError
from cnnstudio.engine.schedule import make_optimizer, make_schedule, peak_lr, training_phases


def test_biases_and_batchnorm_are_not_decayed_and_frozen_parameters_left_out() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    decayed, plain = make_optimizer(network, "adamw", lr=0.1).param_groups
    assert [tuple(each.shape) for each in decayed["params"]] == [(2, 4)]
    assert decayed["weight_decay"] > 0
    assert [tuple(each.shape) for each in plain["params"]] == [(4,), (4,), (2,)]
    assert plain["weight_decay"] == 0


def test_one_cycle_rises_to_the_peak_and_falls_below_where_it_began() -> None:
    network = nn.Linear(2, 2)
    optimizer = make_optimizer(network, "sgd", lr=0.5)
    schedule = make_schedule(optimizer, load_config(), lr=0.5, steps=40)
    rates = []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        network(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        if len(rates) < 40:
            schedule.step()
    assert max(rates) == pytest.approx(0.5)
    assert rates.index(max(rates)) == 9
    assert rates[-1] < rates[0] < 0.05


@pytest.mark.parametrize("steps", range(1, 12))
def test_however_few_steps_there_are_each_has_a_rate(steps: int) -> None:
    optimizer = make_optimizer(nn.Linear(2, 2), "sgd", lr=0.5)
    schedule = make_schedule(optimizer, load_config(), lr=0.5, steps=steps)
    for _ in range(steps):
        assert 0 < optimizer.param_groups[0]["lr"] <= 0.5
        optimizer.step()
        schedule.step()


def test_constant_stays() -> None:
    optimizer = make_optimizer(nn.Linear(2, 2), "adamw", lr=0.01)
    schedule = make_schedule(optimizer, load_config(None, ["train.schedule=constant"]), lr=0.01, steps=40)
    assert schedule.get_last_lr() == [0.01, 0.01]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("scratch", [("all layers", 8, None)]),
        ("finetune", [("all layers", 8, None)]),
        ("freeze", [("head only", 8, 1)]),
        ("freeze_then_finetune", [("head only", 2, 1), ("all layers", 6, None)]),
    ],
)
def test_phases_follow_the_transfer_mode(mode: str, expected: list[tuple[str, int, int | None]]) -> None:
    phases = training_phases(load_config(None, [f"transfer.mode={mode}", "train.epochs=8"]))
    assert [(phase.title, phase.epochs, phase.train_last) for phase in phases] == expected


def test_after_the_head_all_stages_take_smaller_steps() -> None:
    head, everything = training_phases(load_config(None, ["transfer.mode=freeze_then_finetune", "train.lr=0.01"]))
    assert head.lr == 0.01
    assert everything.lr == pytest.approx(0.001)


def test_two_phases_need_two_epochs() -> None:
    with pytest.raises(InputError, match=r"train\.epochs.*at least 2"):
        training_phases(load_config(None, ["transfer.mode=freeze_then_finetune", "train.epochs=1"]))


def test_a_given_learning_rate_is_taken_and_auto_goes_by_mode() -> None:
    assert peak_lr(load_config(None, ["train.lr=0.02"])) == 0.02
    assert peak_lr(load_config(None, ["transfer.mode=freeze"])) > peak_lr(load_config(None, ["transfer.mode=finetune"]))
