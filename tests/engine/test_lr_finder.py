"""The learning-rate range test finds a rate that trains, and leaves no trace."""

import hashlib
import math
from collections.abc import Callable

import pytest
import torch

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.events import Phase, Warned
from cnnstudio.engine.lr_finder import RateCurve, find_rate, rise, search, valley
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.resume import random_states
from cnnstudio.engine.schedule import make_optimizer, training_phases
from cnnstudio.engine.telling import Telling

Configure = Callable[..., Config]


def prepared(config: Config) -> Prepared:
    return prepare(config, lambda _: None, Control())


def tried(run: Prepared, check: Callable[[], None] = lambda: None, told: list[Phase] | None = None) -> RateCurve:
    """Try rates, and note the phases that are told."""

    def report(event: Phase | Warned) -> None:
        if told is not None and isinstance(event, Phase):
            told.append(event)

    return find_rate(run, Telling(report, check))


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


@pytest.mark.parametrize(
    "switches", [("model.dropout2d=0.2", "model.width=8"), ("transfer.mode=freeze", "model.pretrained=false")]
)
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
    tried(run)
    assert state() == before


def test_given_up_it_leaves_no_trace_either(configure: Configure) -> None:
    run = prepared(configure("model.dropout2d=0.2", "model.width=8"))
    before = digest(run.network.state_dict(), random_states())

    steps = iter(range(5))

    def give_up() -> None:
        if next(steps, None) is None:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        tried(run, give_up)
    assert digest(run.network.state_dict(), random_states()) == before


def test_rates_rise_by_one_factor_and_the_suggestion_trains(configure: Configure) -> None:
    curve = tried(prepared(configure("model.width=8")))
    assert len(curve.rates) == len(curve.losses) <= 100
    assert curve.rates[0] == pytest.approx(1e-6)
    steps = [math.log(later / rate) for rate, later in zip(curve.rates, curve.rates[1:], strict=False)]
    assert steps == pytest.approx([math.log(1e6) / 99] * len(steps))
    assert curve.steady in curve.rates
    assert curve.limit in curve.rates
    assert curve.suggestion is not None
    assert 1e-4 < curve.suggestion < 1


def test_it_ends_when_the_loss_explodes(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnstudio.engine.lr_finder._RANGE", {"sgd": (1e-4, 1e6)})
    config = configure("train.optimizer=sgd", "model.batchnorm=false", "model.width=8")
    curve = tried(prepared(config))
    assert len(curve.rates) < 100
    assert all(math.isfinite(loss) for loss in curve.losses)
    assert all(loss <= 4 * min(curve.losses[: index + 1]) for index, loss in enumerate(curve.losses[:-1]))


def test_progress_is_told_and_the_same_seed_finds_the_same(configure: Configure) -> None:
    told: list[Phase] = []
    config = configure("model.dropout2d=0.1", "model.width=8")
    first = tried(prepared(config), told=told)
    done = [phase.done for phase in told if phase.done is not None]
    assert len(done) == len(told)
    assert done == sorted(done)
    assert 0 < done[0] <= done[-1] <= 1
    assert tried(prepared(config)) == first


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


def test_the_loss_rises_where_half_of_its_fall_is_lost() -> None:
    rates = [10.0**step for step in range(7)]
    assert rise(rates, [2.0, 1.5, 1.0, 1.4, 1.6, 3.0, 4.0], after=rates[1]) == rates[4]
    assert (
        rise(rates, [2.0, 1.99, 1.98, 2.02, 2.05, 2.07, 2.1], after=rates[1]) == rates[6]
    )  # 5 % of the loss, at least
    assert rise(rates, [2.0, 1.5, 1.0, 1.1, 1.2, 1.3, 1.4], after=rates[1]) == rates[6]
    assert rise(rates, [2.0, 2.3, 1.5, 1.0, 0.9, 1.5, 3.0], after=rates[3]) == rates[5]
    assert rise(rates, [2.0, 2.3, 2.5, 3.0, 3.5, 4.0, 5.0], after=None) == rates[6]


@pytest.mark.parametrize(
    ("switches", "share"),
    [((), 0.5), (("train.optimizer=sgd",), 0.75), (("train.schedule=cosine",), 0.5), (("train.schedule=constant",), 0)],
)
def test_a_peak_may_be_higher_than_a_constant_rate(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, switches: tuple[str, ...], share: float
) -> None:
    monkeypatch.setattr("cnnstudio.engine.lr_finder._STEPS", 2)
    curve = tried(prepared(configure("model.width=8", "model.depth=1", *switches)))
    found = RateCurve((1e-4, 1.0), (2.0, 1.0), steady=1e-4, limit=1.0, share=curve.share)
    assert curve.suggestion is None  # two steps are no valley
    assert found.suggestion == pytest.approx(10 ** (-4 + 4 * share))


def test_what_is_frozen_is_computed_once(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = configure("transfer.mode=freeze", "model.pretrained=false", "model.width=8")
    told: list[Phase] = []
    first = tried(prepared(frozen), told=told)
    assert any(phase.text.startswith("Running the frozen part") for phase in told)
    told.clear()
    assert tried(prepared(frozen), told=told) == first
    assert {phase.text for phase in told} == {"Trying learning rates"}


def test_images_are_tried_at_full_size(configure: Configure) -> None:
    small = ("model.width=8", "model.depth=2", "train.epochs=4")
    plain, progressive = (tried(prepared(configure(*small, *more))) for more in ((), ("train.progressive=true",)))
    assert progressive == plain


def test_a_search_reads_images_and_can_be_stopped(configure: Configure) -> None:
    control = Control()
    told: list[str] = []

    def report(event: Phase | Warned) -> None:
        told.append(event.text)
        if told.count("Trying learning rates") == 2:
            control.stop()

    with pytest.raises(StopRun):
        search(configure("model.width=8", "model.depth=2"), report, control)
    assert told.count("Trying learning rates") == 2
    assert any(text.startswith("Reading 48 images") for text in told)


def test_a_loss_that_is_no_number_is_refused(configure: Configure) -> None:
    run = prepared(configure("model.width=8", "model.depth=1"))
    torch.nn.init.constant_(next(run.network.parameters()), math.nan)
    with pytest.raises(InputError, match="no number at any learning rate"):
        tried(run)
