"""A run that gets no better ends early, says so, and goes on to the same bits."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cnnstudio.core.config import Config
from cnnstudio.core.events import EpochEnded, Event, Phase, RunEnded, StepEnded, Warned
from cnnstudio.engine.loop import Loop
from cnnstudio.engine.metrics import Averages
from cnnstudio.engine.stopping import Patience
from tests.engine.resumed_runs import assert_same_state, resume, run, told

Configure = Callable[..., Config]
TWO_PHASES = ("transfer.mode=freeze_then_finetune", "model.pretrained=false")


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[float]], None]:
    """Return a function that decides the validation accuracy after each epoch; the last one stays."""

    def decide(accuracies: Sequence[float]) -> None:
        really = Loop._validate

        def pretended(self: Loop, *given: object) -> Averages:
            found: Averages = really(self, *given)  # type: ignore[arg-type]
            epoch = self._step // 5
            return replace(found, accuracy=accuracies[min(epoch, len(accuracies)) - 1], loss=1.0)

        monkeypatch.setattr(Loop, "_validate", pretended)

    return decide


def epochs(events: list[Event]) -> list[int]:
    return [event.epoch for event in events if isinstance(event, EpochEnded)]


def warnings(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Warned)]


def test_it_counts_epochs_since_the_best() -> None:
    patience = Patience(2)
    seen = []
    for better in (True, False, True, False, False, False):
        patience.see(better=better)
        seen.append((patience.waited, patience.over))
    assert seen == [(0, False), (1, False), (0, False), (1, False), (2, True), (3, True)]
    patience.renew()
    assert not patience.over


def test_without_patience_it_waits_for_ever() -> None:
    patience = Patience(0)
    for _ in range(100):
        patience.see(better=False)
    assert not patience.over


def test_a_run_ends_early_and_says_why(
    configure: Configure, tmp_path: Path, validated: Callable[[Sequence[float]], None]
) -> None:
    validated((0.5, 0.6, 0.6, 0.7, 0.7, 0.6))
    events = run(configure("train.epochs=20", "train.patience=2"), tmp_path / "run")
    assert epochs(events) == [1, 2, 3, 4, 5, 6]
    why = "validation was not better for 2 epochs, so training ends after epoch 6 of 20"
    assert warnings(events) == [f"{why}, and the weights of epoch 4 are kept"]
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.reason, ended.best_epoch, ended.best_val_accuracy) == ("finished", 4, 0.7)


def test_with_the_last_epoch_nothing_ends_early(
    configure: Configure, tmp_path: Path, validated: Callable[[Sequence[float]], None]
) -> None:
    validated((0.5, 0.4, 0.4))
    events = run(configure("train.epochs=3", "train.patience=2"), tmp_path / "run")
    assert epochs(events) == [1, 2, 3]
    assert warnings(events) == []


def test_the_first_of_two_phases_gives_way_to_the_second(
    configure: Configure, tmp_path: Path, validated: Callable[[Sequence[float]], None]
) -> None:
    validated((0.5, 0.4, 0.6, 0.7, 0.8, 0.7))
    config = configure(*TWO_PHASES, "train.epochs=16", "train.patience=1")  # 4 and 12 epochs
    events = run(config, tmp_path / "run")
    assert epochs(events) == [1, 2, 3, 4, 5, 6]
    first, second = warnings(events)
    assert first == "validation was not better for 1 epoch, so the phase “head only” ends after epoch 2 of 4"
    assert second.endswith("so training ends after epoch 6 of 14, and the weights of epoch 5 are kept")
    texts = [event.text for event in events if isinstance(event, Phase) and event.text.startswith("Training")]
    assert texts[1:3] == ["Training head only, epoch 2 of 16", "Training all layers, epoch 3 of 14"]
    steps = [event.step for event in events if isinstance(event, StepEnded)]
    assert steps == list(range(1, 31))


@pytest.mark.parametrize("stop_at", [8, 10, 13, 20, 27])
def test_a_stopped_run_waits_no_longer_than_a_whole_one(
    configure: Configure, tmp_path: Path, validated: Callable[[Sequence[float]], None], stop_at: int
) -> None:
    validated((0.5, 0.4, 0.6, 0.6, 0.7, 0.7))
    config = configure(*TWO_PHASES, "train.epochs=16", "train.patience=1", "model.width=4")
    whole = run(config, tmp_path / "whole")
    first = run(config, tmp_path / "parts", stop_at=stop_at)
    second = resume(tmp_path / "parts")
    assert told(first, second) == told(whole)
    assert set(warnings(first)) | set(warnings(second)) == set(warnings(whole))
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    again = resume(tmp_path / "parts")
    assert isinstance(again[-1], RunEnded)
    assert (again[-1].reason, epochs(again)) == ("finished", [])
