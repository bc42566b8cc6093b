"""The learning-rate range test finds a rate that trains, and leaves no trace."""

import hashlib
import math
from collections.abc import Callable

import pytest
import torch

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.engine.lr_finder import find_rate, valley
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.resume import random_states
from cnnstudio.engine.schedule import make_optimizer, training_phases

Configure = Callable[..., Config]


def prepared(config: Config) -> Prepared:
    return prepare(config, lambda _: None, Control())


def digest(*trees: object) -> str:
    """Return a hash of all numbers and tensors in some trees."""
    found = hashlib.sha256()

    def take(tree: object) -> None:
        if isinstance(tree, torch.Tensor):
            found.update(tree.detach().cpu().numpy().tobytes())
        elif isinstance(tree, dict):
            for key, value in tree.items():
                found.update(str(key).encode())
                take(value)
        elif isinstance(tree, list | tuple):
            for each in tree:
                take(each)
        else:
            found.update(repr(tree).encode())

    take(list(trees))
    return found.hexdigest()


@pytest.mark.parametrize("switches", [("model.dropout2d=0.2",), ("transfer.mode=freeze", "model.pretrained=false")])
def test_network_optimizer_and_random_numbers_are_left_alone(configure: Configure, switches: tuple[str, ...]) -> None:
    config = configure("data.augment=true", *switches)
    run = prepared(config)
    (phase,) = training_phases(config)
    run.network.freeze(phase.train_last)
    optimizer = make_optimizer(run.network.train(), config, phase)
    logits = run.network(torch.rand(4, 3, 32, 32))
    torch.autograd.backward(logits.sum())
    optimizer.step()

    def state() -> str:
        modes = [(each.training, [p.requires_grad for p in each.parameters()]) for each in run.network.modules()]
        grads = [each.grad for each in run.network.parameters()]
        return digest(run.network.state_dict(), optimizer.state_dict(), random_states(), modes, grads)

    before = state()
    find_rate(run)
    assert state() == before


def test_given_up_it_leaves_no_trace_either(configure: Configure) -> None:
    run = prepared(configure("model.dropout2d=0.2"))
    before = digest(run.network.state_dict(), random_states())

    def give_up(done: float) -> None:
        if done >= 0.05:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        find_rate(run, give_up)
    assert digest(run.network.state_dict(), random_states()) == before


def test_rates_rise_by_one_factor_and_the_suggestion_trains(configure: Configure) -> None:
    curve = find_rate(prepared(configure("model.width=8")))
    assert len(curve.rates) == len(curve.losses) <= 100
    assert curve.rates[0] == pytest.approx(1e-7)
    steps = [math.log(later / rate) for rate, later in zip(curve.rates, curve.rates[1:], strict=False)]
    assert steps == pytest.approx([math.log(1e8) / 99] * len(steps))
    assert curve.suggestion in curve.rates
    assert curve.suggestion is not None
    assert 1e-4 < curve.suggestion < 1


def test_it_ends_when_the_loss_explodes(configure: Configure) -> None:
    config = configure("train.optimizer=sgd", "model.batchnorm=false", "model.width=8")
    curve = find_rate(prepared(config))
    assert len(curve.rates) < 100
    assert all(math.isfinite(loss) for loss in curve.losses)
    assert all(loss <= 4 * min(curve.losses[: index + 1]) for index, loss in enumerate(curve.losses[:-1]))


def test_progress_is_told_and_the_same_seed_finds_the_same(configure: Configure) -> None:
    told: list[float] = []
    config = configure("model.dropout2d=0.1")
    first = find_rate(prepared(config), told.append)
    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] <= 1
    assert find_rate(prepared(config)) == first


def test_the_suggestion_is_in_the_middle_of_the_valley() -> None:
    rates = [10.0 ** (step / 10) for step in range(60)]
    losses = [3.0] * 10 + [3.0 - step / 10 for step in range(31)] + [5.0 + step for step in range(19)]
    assert valley(rates, losses) == rates[24]  # as fastai.callback.schedule.valley says


def test_a_bump_does_not_end_a_valley() -> None:
    rates = [10.0 ** (step / 10) for step in range(31)]
    losses = [3.0 - step / 20 for step in range(31)]
    bumpy = [*losses]
    bumpy[7] = 2.9
    assert valley(rates, bumpy) == valley(rates, losses) == rates[15]


@pytest.mark.parametrize("losses", [[], [1.0], [1.0 + step for step in range(50)], [2.0, 1.0] * 20])
def test_without_a_valley_there_is_no_suggestion(losses: list[float]) -> None:
    assert valley([float(step + 1) for step in range(len(losses))], losses) is None
