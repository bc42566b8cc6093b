"""A run that is stepped through is the same run, and each stage shows what it has really computed."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.events import Event, RunEnded, RunStarted, StepEnded, Warned
from cnnstudio.core.pictures import STAGES, FeatureMaps, StepStage
from cnnstudio.engine import stepping
from cnnstudio.engine.trainer import train

Configure = Callable[..., Config]
SMALL = ("model.depth=2", "model.width=8", "compute.device=cpu", "compute.precision=float32")
STEADY = (*SMALL, "compute.memory_format=channels_last")


class Debugger:
    """Steps through a run from within its sink: whoever sees a stage asks for the next one, as `then` says.

    Attributes:
        events: All that the run has told.
        seen: The stages that were shown.
    """

    def __init__(self, *, after: int, then: Callable[["Debugger", StepStage], None]) -> None:
        self.control = Control()
        self.events: list[Event] = []
        self.seen: list[StepStage] = []
        self._after, self._then = after, then

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        done = event.step if isinstance(event, StepEnded) else 0 if isinstance(event, RunStarted) else None
        if done == self._after and not self.seen:
            self.control.step()
        elif isinstance(event, StepStage):
            self.seen.append(event)
            self._then(self, event)

    def train(self, config: Config, out: Path, *, resume: bool = False) -> RunEnded:
        return train(config, self, self.control, out=out, resume=resume)


def goes_on_after(count: int) -> Callable[[Debugger, StepStage], None]:
    def then(debugger: Debugger, _stage: StepStage) -> None:
        if len(debugger.seen) < count:
            debugger.control.step()
        else:
            debugger.control.resume()

    return then


def stops_after(count: int) -> Callable[[Debugger, StepStage], None]:
    def then(debugger: Debugger, _stage: StepStage) -> None:
        if len(debugger.seen) < count:
            debugger.control.step()
        else:
            debugger.control.stop()

    return then


def told(events: list[Event]) -> list[tuple[float, ...]]:
    return [(each.step, each.loss, each.accuracy, each.lr) for each in events if isinstance(each, StepEnded)]


def plain(config: Config, out: Path) -> list[tuple[float, ...]]:
    events: list[Event] = []
    train(config, events.append, Control(), out=out)
    return told(events)


def assert_same_weights(one: Path, other: Path) -> None:
    found, wanted = (load_file(run / "model.safetensors") for run in (one, other))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def row(stage: StepStage, name: str) -> dict[str, float]:
    figures = stage.figures[stage.names.index(name)]
    return dict(zip(("low", "high", "mean", "zeros", "norm"), map(float, figures), strict=True))


# The run stays the run


@pytest.mark.parametrize("count", [1, 2, 3, 4, 27])  # goes on after each of the stages, and over the end of an epoch
def test_a_run_that_was_stepped_through_is_the_same_to_the_last_bit(
    configure: Configure, tmp_path: Path, count: int
) -> None:
    config = configure(*STEADY, "model.dropout2d=0.2", "train.ema=0.9")
    debugger = Debugger(after=2, then=goes_on_after(count))
    assert debugger.train(config, tmp_path / "stepped").reason == "finished"
    assert len(debugger.seen) == count
    assert [stage.stage for stage in debugger.seen] == [STAGES[at % 4] for at in range(count)]
    assert [stage.step for stage in debugger.seen] == [3 + at // 4 for at in range(count)]
    assert told(debugger.events) == plain(config, tmp_path / "plain")
    assert_same_weights(tmp_path / "stepped", tmp_path / "plain")


@pytest.mark.slow
def test_a_residual_network_too(configure: Configure, tmp_path: Path) -> None:
    config = configure("model.arch=resnet18", "compute.device=cpu", "compute.precision=float32", "train.epochs=1")
    config = config.replace("compute.memory_format", "channels_last")
    debugger = Debugger(after=0, then=goes_on_after(7))
    debugger.train(config, tmp_path / "stepped")
    assert told(debugger.events) == plain(config, tmp_path / "plain")
    assert_same_weights(tmp_path / "stepped", tmp_path / "plain")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_stop_finishes_the_step_and_the_run_can_go_on_from_there(
    configure: Configure, tmp_path: Path, count: int
) -> None:
    config = configure(*STEADY)
    debugger = Debugger(after=2, then=stops_after(count))
    assert debugger.train(config, tmp_path / "stepped").reason == "stopped"
    assert [each.step for each in debugger.events if isinstance(each, StepEnded)] == [1, 2, 3]
    kept = torch.load(tmp_path / "stepped" / "last.ckpt", weights_only=True)
    assert (kept["step"], kept["batch"]) == (3, 3)
    rest: list[Event] = []
    train(config, rest.append, Control(), out=tmp_path / "stepped", resume=True)
    assert [*told(debugger.events), *told(rest)] == plain(config, tmp_path / "plain")
    assert_same_weights(tmp_path / "stepped", tmp_path / "plain")


def test_nothing_is_recorded_while_nobody_steps(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "Recording", lambda _network: pytest.fail("nobody steps"))
    plain(configure(*SMALL, "train.epochs=1"), tmp_path / "run")


def test_the_run_holds_behind_each_stage_and_time_spent_there_is_not_counted(
    configure: Configure, tmp_path: Path
) -> None:
    shown = threading.Event()
    debugger = Debugger(after=2, then=lambda _debugger, _stage: shown.set())
    config = configure(*SMALL, "train.epochs=1")
    thread = threading.Thread(target=debugger.train, args=(config, tmp_path / "run"))
    thread.start()
    for number, stage in enumerate(STAGES, start=1):
        assert shown.wait(60)
        shown.clear()
        thread.join(0.5)
        assert thread.is_alive()
        assert debugger.control.holding
        assert [each.stage for each in debugger.seen] == list(STAGES[:number])
        assert len(told(debugger.events)) == (3 if stage == "update" else 2)
        debugger.control.step() if number < len(STAGES) else debugger.control.resume()
    thread.join(60)
    third = [each for each in debugger.events if isinstance(each, StepEnded)][2]
    assert third.images_per_second > 8 / 1.45  # at least 1.5 s were spent looking at its eight images


def test_another_tensor_can_be_looked_at_while_a_stage_is_held(configure: Configure, tmp_path: Path) -> None:
    shown = threading.Event()
    debugger = Debugger(after=1, then=lambda _debugger, _stage: shown.set())
    thread = threading.Thread(target=debugger.train, args=(configure(*SMALL, "train.epochs=1"), tmp_path / "run"))
    thread.start()
    wanted = ("features.0", "probabilities", "features.0.weight", "features.1.weight before")
    for number, name in enumerate(wanted):
        assert shown.wait(60)
        shown.clear()
        debugger.control.watch(Watch(tensor=name))
        assert shown.wait(60)
        shown.clear()
        assert debugger.seen[-1].stage == STAGES[number]
        assert debugger.seen[-1].tensor == name
        debugger.control.step() if number < 3 else debugger.control.resume()
    thread.join(60)
    assert not thread.is_alive()


def test_other_views_are_served_behind_the_update_but_not_within_a_step(configure: Configure, tmp_path: Path) -> None:
    def then(debugger: Debugger, stage: StepStage) -> None:
        if stage.stage == "forward":
            debugger.control.watch(Watch("features.0"))
        if len(debugger.seen) < 4:
            debugger.control.step()
        else:
            threading.Timer(0.5, debugger.control.resume).start()

    debugger = Debugger(after=1, then=then)
    debugger.train(configure(*SMALL, "train.epochs=1"), tmp_path / "run")
    kinds = [type(each) for each in debugger.events if isinstance(each, StepStage | FeatureMaps)]
    assert kinds[:5] == [StepStage] * 4 + [FeatureMaps]


# What is seen


def test_loss_and_gradient_and_update_fit_together(configure: Configure, tmp_path: Path) -> None:
    config = configure(*SMALL, "train.label_smoothing=0.1", "train.optimizer=sgd", "train.epochs=1")
    debugger = Debugger(after=0, then=goes_on_after(4))
    debugger.train(config, tmp_path / "run")
    forward, loss, backward, update = debugger.seen
    first = next(each for each in debugger.events if isinstance(each, StepEnded))
    assert (forward.names[0], forward.shapes[0]) == ("input", (8, 3, 32, 32))
    assert np.isnan(forward.loss)
    assert loss.loss == first.loss
    assert row(loss, "loss")["mean"] == pytest.approx(first.loss, abs=1e-6)
    assert row(loss, "loss of each image")["mean"] == pytest.approx(first.loss, abs=1e-6)
    assert row(loss, "logits") == row(forward, forward.names[-1])
    assert row(loss, "targets")["low"] == pytest.approx(0.05)
    assert row(loss, "targets")["mean"] == pytest.approx(0.5)
    assert 0 < loss.right < 1
    assert loss.tensor == "probabilities"
    assert (loss.tiles.shape, loss.low) == ((1, 8, 2), 0.0)
    assert 0 < update.rates[0] == update.rates[1] < first.lr  # which is that of the next step, as the run warms up
    for name in backward.names:
        if name.endswith((".weight", ".bias")):
            assert row(update, f"{name} change")["norm"] > 0
            assert row(backward, name)["norm"] > 0
    biases = [name for name in backward.names if name.endswith(".bias")]
    assert biases  # which do not decay; Nesterov's momentum is 0.95 while the run warms up
    for name in biases:
        low, high = (-1.95 * update.rates[0] * row(backward, name)[end] for end in ("high", "low"))
        assert row(update, f"{name} change")["low"] == pytest.approx(low, rel=1e-3, abs=1e-9)
        assert row(update, f"{name} change")["high"] == pytest.approx(high, rel=1e-3, abs=1e-9)
        assert row(update, f"{name} after")["mean"] == pytest.approx(
            row(update, f"{name} before")["mean"] + row(update, f"{name} change")["mean"], abs=1e-7
        )
    assert (update.tensor, backward.names[0]) == ("features.0.weight change", forward.names[-1])


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixed_labels_cost_what_the_run_says(configure: Configure, tmp_path: Path, mix: str) -> None:
    debugger = Debugger(after=0, then=goes_on_after(2))
    debugger.train(configure(*SMALL, f"train.mix={mix}", "train.epochs=1"), tmp_path / "run")
    loss = debugger.seen[1]
    assert row(loss, "loss of each image")["mean"] == pytest.approx(row(loss, "loss")["mean"], abs=1e-5)
    assert row(loss, "targets")["mean"] == pytest.approx(0.5)


@pytest.mark.slow
def test_auxiliary_losses_are_rows_of_their_own(configure: Configure, tmp_path: Path) -> None:
    config = configure("model.arch=googlenet", "data.image_size=64", "train.epochs=1", *SMALL[2:])
    debugger = Debugger(after=0, then=stops_after(2))
    debugger.train(config, tmp_path / "run")
    forward, loss = debugger.seen
    parts = [row(loss, name)["mean"] for name in ("loss", "loss of aux1", "loss of aux2")]
    assert row(loss, "total loss")["mean"] == pytest.approx(parts[0] + 0.3 * (parts[1] + parts[2]), rel=1e-5)
    assert loss.loss == pytest.approx(row(loss, "total loss")["mean"])
    inside = [at for at, block in enumerate(forward.blocks) if block == "inception3a"]
    titles = [forward.titles[at] for at in inside]
    assert titles[-5:] == [*(f"branch {number} of 4" for number in range(1, 5)), "concat"]
    widths = [forward.shapes[at][1] for at in inside[-5:]]
    assert widths == [64, 128, 32, 32, 256]


def test_features_of_what_is_frozen_are_where_the_pass_begins(configure: Configure, tmp_path: Path) -> None:
    config = configure("model.depth=3", *SMALL[1:], "transfer.mode=freeze", "transfer.train_last=2", "train.epochs=1")
    config = config.replace("model.pretrained", False)
    debugger = Debugger(after=0, then=stops_after(4))
    debugger.train(config, tmp_path / "run")
    forward, _, backward, update = debugger.seen
    assert "begins with the features of what is frozen (stage1 to stage2)" in forward.note
    assert (forward.shapes[0], forward.kinds[0]) == ((8, 16, 8, 8), "features of the frozen part")
    assert forward.names[1] == "features.8"  # which the pooling that ends the second stage feeds
    learning = ("features.8", "features.9", "features.11", "features.12", "classifier")
    assert all(name.startswith(learning) for name in update.names)
    assert not any(name.startswith(("features.0", "features.7")) for name in (*forward.names, *backward.names))


def test_a_batch_in_parts_shows_the_first_and_says_so(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnstudio.engine.learning import Learning

    accumulate = Learning.accumulate
    failed: list[bool] = []

    def too_large_once(self: Learning, loss: torch.Tensor) -> None:
        if not failed:
            failed.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory")
        accumulate(self, loss)

    monkeypatch.setattr(Learning, "accumulate", too_large_once)
    debugger = Debugger(after=0, then=stops_after(6))
    debugger.train(configure(*SMALL, "model.batchnorm=false"), tmp_path / "run")
    assert [each.stage for each in debugger.seen] == ["forward", "loss", *STAGES]  # again, where it did not fit
    assert [each.images for each in debugger.seen] == [8, 8, 4, 4, 4, 4]
    backward = debugger.seen[4]
    assert "in 2 parts, of which you see the first (4 of 8 images)" in backward.note
    assert backward.shapes[backward.names.index("features.0")][0] == 4
    assert any("2 × 4" in each.text for each in debugger.events if isinstance(each, Warned))
