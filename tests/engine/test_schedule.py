import pytest
import torch
from torch import nn

from cnnstudio.core.config import Config, ModelConfig, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.engine.schedule import (
    TrainingPhase,
    lr_multipliers,
    make_optimizer,
    make_schedule,
    parameter_groups,
    peak_lr,
    training_phases,
)
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build, cards

ALL = TrainingPhase("all layers", 1, None, 0.1)


def small(arch: str = "compact") -> Network:
    """Return a network that costs nothing; the compact one has two stages and the head."""
    with torch.device("meta"):
        sizes = {"depth": 2, "width": 4} if arch == "compact" else {}
        return build(ModelConfig.model_validate({"arch": arch, **sizes}), classes=2)


def optimizer(*settings: str, phase: TrainingPhase = ALL) -> torch.optim.Optimizer:
    return make_optimizer(small(), load_config(None, settings), phase)


def rates_by_name(network: Network, made: torch.optim.Optimizer) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {names[id(each)]: group["lr"] for group in made.param_groups for each in group["params"]}


def test_biases_and_batchnorm_are_not_decayed_and_frozen_parameters_left_out() -> None:
    network = small()
    network.freeze(2)
    groups = make_optimizer(network, Config(), ALL).param_groups
    shapes = [[tuple(each.shape) for each in group["params"]] for group in groups]
    assert shapes == [[(2, 8)], [(2,)], [(8, 4, 3, 3)], [(8,), (8,)]]
    assert [group["weight_decay"] > 0 for group in groups] == [True, False, True, False]


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_each_optimizer_has_its_decay(name: str) -> None:
    made = optimizer(f"train.optimizer={name}")
    assert made.param_groups[0]["weight_decay"] == {"adamw": 1e-2, "sgd": 5e-4}[name]
    assert {group["lr"] for group in made.param_groups} == {0.1}
    if name == "sgd":
        assert made.param_groups[0]["nesterov"]


@pytest.mark.parametrize("arch", [each.name for each in cards()])
def test_everything_that_learns_is_in_exactly_one_group(arch: str) -> None:
    network = small(arch)
    for train_last in (None, 1, 2):
        network.freeze(train_last)
        groups = parameter_groups(network, Config(), ALL)
        found = [id(each) for group in groups for each in group["params"]]
        assert len(set(found)) == len(found)
        assert set(found) == {id(each) for each in network.parameters() if each.requires_grad}
        assert groups[0]["params"][0] is network.get_parameter(f"{network.head}.weight")


def test_each_stage_takes_smaller_steps_than_the_next() -> None:
    network = small()
    decayed = TrainingPhase("all layers", 1, None, lr=0.1, lr_decay=0.5)
    rates = rates_by_name(network, make_optimizer(network, Config(), decayed))
    assert rates["classifier.weight"] == rates["classifier.bias"] == 0.1
    assert rates["features.4.weight"] == rates["features.5.weight"] == pytest.approx(0.05)
    assert rates["features.0.weight"] == rates["features.1.bias"] == pytest.approx(0.025)


def test_multipliers_follow_the_decay_unless_they_are_chosen() -> None:
    stages = ("stem", "layer1", "layer2", "head")
    assert lr_multipliers(stages, 0.5, {}) == {"stem": 0.125, "layer1": 0.25, "layer2": 0.5, "head": 1.0}
    chosen = lr_multipliers(stages, 0.5, {"layer1": 0.0, "head": 3.0})
    assert chosen == {"stem": 0.125, "layer1": 0.0, "layer2": 0.5, "head": 3.0}
    with pytest.raises(InputError) as caught:
        lr_multipliers(stages, 1.0, {"layer3": 0.5})
    assert caught.value.where == "transfer.lr_multipliers"
    assert "there is no stage layer3" in caught.value.what
    assert "did you mean" in caught.value.remedy


def test_a_multiplier_of_zero_leaves_a_stage_out_and_not_all_of_them() -> None:
    network = small()
    config = Config().replace("transfer.lr_multipliers", {"stage1": 0, "stage2": 2.0})
    rates = rates_by_name(network, make_optimizer(network, config, ALL))
    assert not any(name.startswith(("features.0.", "features.1.")) for name in rates)
    assert rates["features.4.weight"] == pytest.approx(0.2)
    network.freeze(1)
    with pytest.raises(InputError, match="nothing learns") as caught:
        make_optimizer(network, Config().replace("transfer.lr_multipliers", {"head": 0}), ALL)
    assert caught.value.where == "transfer.lr_multipliers"


def test_one_cycle_rises_to_the_peaks_and_falls_below_where_it_began() -> None:
    network = build(ModelConfig(depth=1, width=4), classes=2)
    decayed = TrainingPhase("all layers", 1, None, lr=0.5, lr_decay=0.1)
    made = make_optimizer(network, load_config(None, ["train.optimizer=sgd"]), decayed)
    schedule = make_schedule(made, load_config(), steps=40)
    rates = []
    for _ in range(40):
        rates.append([group["lr"] for group in made.param_groups])
        torch.autograd.backward(network(torch.ones(2, 3, 8, 8)).sum())
        made.step()
        schedule.step()
    head, first = [each[0] for each in rates], [each[-1] for each in rates]
    assert max(head) == pytest.approx(0.5)
    assert head.index(max(head)) == 9
    assert head[-1] < head[0] < 0.05
    assert first == pytest.approx([0.1 * rate for rate in head])


@pytest.mark.parametrize("steps", range(1, 12))
def test_however_few_steps_there_are_each_has_a_rate(steps: int) -> None:
    made = optimizer("train.optimizer=sgd")
    schedule = make_schedule(made, load_config(), steps=steps)
    for _ in range(steps):
        assert 0 < made.param_groups[0]["lr"] <= 0.1
        made.step()
        schedule.step()


def test_constant_stays() -> None:
    made = optimizer(phase=TrainingPhase("all layers", 1, None, lr=0.01, lr_decay=0.5))
    schedule = make_schedule(made, load_config(None, ["train.schedule=constant"]), steps=40)
    for _ in range(3):
        assert schedule.get_last_lr() == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025])
        made.step()
        schedule.step()


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


def test_more_stages_than_the_head_are_said() -> None:
    (phase,) = training_phases(load_config(None, ["transfer.mode=freeze", "transfer.train_last=3"]))
    assert (phase.title, phase.train_last) == ("last 3 stages", 3)


def test_after_the_head_all_stages_take_smaller_steps_and_early_ones_the_smallest() -> None:
    """Freeze, then fine-tune with discriminative learning rates (Howard & Ruder, 2018)."""
    config = load_config(None, ["transfer.mode=freeze_then_finetune", "train.lr=0.01"])
    head, everything = training_phases(config)
    assert (head.lr, head.lr_decay) == (0.01, 1.0)
    assert everything.lr == pytest.approx(0.001)
    assert everything.lr_decay == config.transfer.lr_decay_resolved == 0.7
    network = small()
    network.freeze(everything.train_last)
    rates = rates_by_name(network, make_optimizer(network, config, everything))
    assert rates["classifier.weight"] == pytest.approx(0.001)
    assert rates["features.4.weight"] == pytest.approx(0.0007)
    assert rates["features.0.weight"] == pytest.approx(0.00049)


@pytest.mark.parametrize(("mode", "decay"), [("scratch", 1.0), ("freeze", 1.0), ("finetune", 1.0)])
def test_other_modes_have_one_rate_unless_told(mode: str, decay: float) -> None:
    (phase,) = training_phases(load_config(None, [f"transfer.mode={mode}"]))
    assert phase.lr_decay == decay
    (phase,) = training_phases(load_config(None, [f"transfer.mode={mode}", "transfer.lr_decay=0.5"]))
    assert phase.lr_decay == 0.5


def test_two_phases_need_two_epochs() -> None:
    with pytest.raises(InputError, match=r"train\.epochs.*at least 2"):
        training_phases(load_config(None, ["transfer.mode=freeze_then_finetune", "train.epochs=1"]))


def test_a_given_learning_rate_is_taken_and_auto_goes_by_mode() -> None:
    assert peak_lr(load_config(None, ["train.lr=0.02"])) == 0.02
    assert peak_lr(load_config(None, ["transfer.mode=freeze"])) > peak_lr(load_config(None, ["transfer.mode=finetune"]))


def test_a_step_moves_each_stage_by_its_own_rate() -> None:
    """Plain descent on gradients of one: every weight moves by its learning rate, and by momentum as much again."""
    network = build(ModelConfig(depth=2, width=4), classes=2)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    config = load_config(None, ["train.optimizer=sgd"]).replace("transfer.lr_multipliers", {"stage1": 0})
    made = make_optimizer(network, config, TrainingPhase("all layers", 1, None, lr=0.1, lr_decay=0.5))
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    for group in made.param_groups:
        group["weight_decay"] = 0.0
    made.step()
    moved = {name: (before[name] - value.detach()).mean().item() for name, value in network.named_parameters()}
    expected = dict.fromkeys(moved, 0.0) | {"features.4.weight": 0.05, "classifier.weight": 0.1}
    expected |= {"features.5.weight": 0.05, "features.5.bias": 0.05, "classifier.bias": 0.1}
    assert moved == pytest.approx({name: 1.9 * rate for name, rate in expected.items()}, abs=1e-6)
    assert isinstance(network.get_submodule("features.0"), nn.Conv2d)
