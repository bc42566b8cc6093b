"""Which form runs is decided by what it saves, and a form that answers otherwise never runs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Control
from cnnstudio.core.events import Event, Phase, StepEnded
from cnnstudio.engine.device import resolve
from cnnstudio.engine.forms import LEAST, Runner, Subject, fastest, folded
from cnnstudio.engine.forms_kinds import Expected, Form
from cnnstudio.engine.forms_memory import Measured, keep, recall
from cnnstudio.engine.trainer import train
from cnnstudio.models import registry
from cnnstudio.models.split import Lower
from tests.engine.fake_forms import Clock, FakeForm, Told, turned

Configure = Callable[..., Config]
CONFIG = load_config(None, ["model.arch=compact", "model.width=8", "compute.device=cpu", "compute.precision=float32"])
COMPUTE = resolve(CONFIG.compute)
FOLDED = 10.0  # images a second on the clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock by which the folded network takes its time."""
    clock, forward = Clock(), Lower.forward

    def timed(self: Lower, x: Tensor) -> Tensor:
        clock.now += len(x) / FOLDED
        return forward(self, x)

    monkeypatch.setattr(Lower, "forward", timed)
    return clock


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def subject(told: Told) -> Subject:
    network = registry.build(registry.resolved(CONFIG.model), classes=3)
    return folded(network, "", images(4), compute=COMPUTE, telling=told.telling, what="the frozen part")


def images(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 32, 32, generator=generator).contiguous(memory_format=COMPUTE.memory_format)


def titles(subject: Subject, told: Told, clock: Clock, *forms: Form, batches: int = 12) -> list[str]:
    """Run batches of ten and one of seven, whose answers are those of the network; return the form that ran each."""
    runner = Runner(subject, 10 * batches + 7, COMPUTE, told.telling, forms, clock)
    seen = []
    for number in range(batches + 1):
        batch = images(10 if number < batches else 7, number)
        answer = runner(batch)
        seen.append(runner.title)
        before = clock.now
        with torch.no_grad():
            torch.testing.assert_close(answer, subject.lower(batch))
        clock.now = before
        assert not answer.requires_grad
    return seen


def test_a_form_that_pays_takes_over_after_the_first_batches(subject: Subject, told: Told, clock: Clock) -> None:
    form = FakeForm(clock, takes=3.0, thought=Expected(2.0, 3.0))
    # After 3 batches of ten 97 images are left: 9.7 s folded, 4.85 + 3 s by the form.
    assert titles(subject, told, clock, form) == ["", "", ""] + ["quick"] * 10
    assert form.sizes == [10] * 9  # the last batch is smaller, and stays folded
    assert told.phases == ["Quickening the frozen part, which 97 more images have to pass"]
    assert told.warnings == []


@pytest.mark.parametrize(("warm_up", "built"), [(4.8, 1), (4.9, 0)])
def test_a_form_has_to_save_more_than_its_warm_up(
    subject: Subject, told: Told, clock: Clock, warm_up: float, built: int
) -> None:
    form = FakeForm(clock, thought=Expected(2.0, warm_up))
    titles(subject, told, clock, form)
    assert form.built == built


def test_a_form_that_answers_otherwise_is_dropped_and_said(subject: Subject, told: Told, clock: Clock) -> None:
    form = FakeForm(clock, change=turned, thought=Expected(2.0, 1.0))
    assert set(titles(subject, told, clock, form)) == {""}
    assert form.sizes == []
    assert len(told.warnings) == 1
    assert told.warnings[0].startswith("the frozen part runs as it is: quick, it would answer otherwise (")
    titles(subject, told, clock, form)
    assert form.built == 1  # that is remembered


def test_features_that_are_no_numbers_are_no_answer(subject: Subject, told: Told, clock: Clock) -> None:
    form = FakeForm(clock, change=lambda features: features * float("nan"), thought=Expected(2.0, 1.0))
    assert set(titles(subject, told, clock, form)) == {""}
    assert "it would answer otherwise (nan)" in told.warnings[0]


def test_a_form_that_cannot_be_made_costs_nothing_but_a_word(subject: Subject, told: Told, clock: Clock) -> None:
    def fail(_: Tensor) -> Tensor:
        raise RuntimeError("no such instruction: vfoo\nand a long tale")

    form = FakeForm(clock, change=fail, thought=Expected(2.0, 1.0))
    assert set(titles(subject, told, clock, form)) == {""}
    what = "the frozen part runs as it is: quick, it does not run here (no such instruction: vfoo)"
    assert told.warnings == [what]


def test_a_form_that_fails_later_gives_way(subject: Subject, told: Told, clock: Clock) -> None:
    form = FakeForm(clock, thought=Expected(2.0, 1.0))

    def fail_at_the_third(features: Tensor) -> Tensor:
        if len(form.sizes) == 3:
            raise RuntimeError("out of memory")
        return features

    form.change = fail_at_the_third
    assert titles(subject, told, clock, form) == ["", "", "", "quick", "quick"] + [""] * 8
    assert told.warnings == ["the frozen part runs as it is: quick, it fails (out of memory)"]


def test_a_form_that_loses_is_dropped_and_remembered(subject: Subject, told: Told, clock: Clock) -> None:
    form = FakeForm(clock, speed=8.0, thought=Expected(2.0, 1.0))
    assert titles(subject, told, clock, form) == ["", "", "", "quick", "quick"] + [""] * 8
    sentence = "it takes longer (8.0 against 10.0 images a second)"
    assert told.warnings == [f"the frozen part runs as it is: quick, {sentence}"]
    assert set(titles(subject, told, clock, form)) == {""}
    assert form.built == 1


def test_what_was_measured_counts_more_than_what_was_thought(subject: Subject, told: Told, clock: Clock) -> None:
    form = FakeForm(clock, speed=40.0, takes=8.0, thought=Expected(2.0, 1.0))
    titles(subject, told, clock, form)
    form.thought = Expected(1.0, 1.0)
    form.takes = 3.0
    # 97 images: 9.7 s folded, 2.4 s by the form; the second time it is ready after half of 8 s, or sooner.
    assert "quick" in titles(subject, told, clock, form)
    assert form.built == 2
    assert "quick" not in titles(subject, told, clock, form, batches=6)  # 3.7 s folded, less than 0.9 + 3 s


def test_what_was_measured_holds_for_that_size_only(subject: Subject, told: Told, clock: Clock) -> None:
    form = FakeForm(clock, speed=8.0, thought=Expected(2.0, 1.0))
    titles(subject, told, clock, form)
    runner = Runner(subject, 1000, COMPUTE, told.telling, [form], clock)
    for _ in range(4):
        runner(images(5))
    assert form.built == 2


def test_the_form_that_saves_most_is_taken_and_the_next_one_if_that_fails(
    subject: Subject, told: Told, clock: Clock
) -> None:
    good = FakeForm(clock, key="good", title="good", thought=Expected(2.0, 1.0))
    better = FakeForm(clock, key="better", title="better", speed=40.0, takes=1.0, thought=Expected(4.0, 1.0))
    assert titles(subject, told, clock, good, better)[-1] == "better"
    assert good.built == 0
    better.key, better.change = "wrong", turned
    assert titles(subject, told, clock, good, better)[-1] == "good"


def test_few_images_are_not_worth_a_thought(subject: Subject, told: Told) -> None:
    form = FakeForm(thought=Expected(1000.0, 0.0))
    for count, built in ((LEAST - 1, 0), (LEAST, 1)):
        runner = fastest(subject, count=count, compute=COMPUTE, telling=told.telling, forms=[form])
        for _ in range(4):
            runner(images(10))
        assert form.built == built


def test_a_form_that_is_not_to_be_had_is_not_tried(subject: Subject, told: Told, clock: Clock) -> None:
    form = FakeForm(clock, why_not="there is no compiler", thought=Expected(9.0, 0.0))
    assert set(titles(subject, told, clock, form)) == {""}
    assert form.built == 0


def test_a_network_that_folds_badly_is_not_folded(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Lower.forward
    made: list[Lower] = []

    def spoilt(self: Lower, x: Tensor) -> Tensor:
        if self not in made:
            made.append(self)
        return forward(self, x) if self is made[0] else turned(forward(self, x))

    monkeypatch.setattr(Lower, "forward", spoilt)
    network = registry.build(registry.resolved(CONFIG.model), classes=3)
    subject = folded(network, "", images(4), compute=COMPUTE, telling=told.telling, what="the frozen part")
    assert subject.lower is made[0]
    assert told.warnings[0].startswith("the frozen part runs without folded BatchNorm: folded, it would answer")


def test_measurements_are_kept_and_damaged_ones_forgotten(user_home: Path) -> None:
    measured = Measured(about="a", warm_up=3.0, builds=2, images_per_second=20.0, folded_images_per_second=10.0)
    assert recall("a") is None
    keep(measured)
    assert recall("a") == measured
    assert recall("b") is None
    assert measured.speed_up == 2.0
    (file,) = (each for each in user_home.rglob("forms/*.json"))
    file.write_text(file.read_text()[:-20])
    assert recall("a") is None


@pytest.fixture
def trained(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Event]]:
    """Return a function that trains the head of a frozen network, for which any form pays."""
    monkeypatch.setattr("cnnstudio.engine.forms.LEAST", 1)
    monkeypatch.setattr("cnnstudio.engine.frozen._BATCH", {"cpu": 8})
    monkeypatch.setattr("cnnstudio.engine.frozen._TICK", 0.0)

    def run(form: Form, *changes: str) -> list[Event]:
        monkeypatch.setattr("cnnstudio.engine.frozen.FORMS", (form,))
        monkeypatch.setattr("cnnstudio.engine.frozen.open_store", _no_store)
        events: list[Event] = []
        frozen = ("transfer.mode=freeze", "model.pretrained=false", "model.width=8", *changes)
        ended = train(configure(*frozen), events.append, Control(), out=tmp_path / str(len(list(tmp_path.iterdir()))))
        assert ended.reason == "finished", ended.message
        return events

    return run


def _no_store(*_: object) -> None:
    raise OSError(28, "No space left on device")


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepEnded)]


def test_a_run_says_which_form_runs_and_learns_the_same(trained: Callable[..., list[Event]]) -> None:
    form = FakeForm(thought=Expected(1e9, 0.0))
    events = trained(form)
    texts = [event.text for event in events if isinstance(event, Phase)]
    assert "Running the frozen part, 24 of 48 images and views" in texts
    assert "Running the frozen part (quick), 32 of 48 images and views" in texts
    assert form.sizes == [8, 8, 8]
    without = trained(FakeForm(why_not="it is not to be had"))
    np.testing.assert_allclose(losses(events), losses(without), rtol=1e-3)


def test_a_deterministic_run_leaves_the_clock_no_choice(trained: Callable[..., list[Event]]) -> None:
    form = FakeForm(thought=Expected(1e9, 0.0))
    trained(form, "compute.deterministic=true")
    assert form.built == 0
