import numpy as np
import pytest
from pydantic import ValidationError

from cnnstudio.core.events import EpochEnded, Phase, RunEnded, SetAside, StepEnded
from tests.pictures import feature_maps


def step(**changes: float) -> StepEnded:
    values = {"step": 3, "epoch": 0.5, "loss": 0.25, "accuracy": 0.75, "lr": 0.001, "images_per_second": 90.0}
    return StepEnded.model_validate(values | changes)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_are_finite(number: float) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        step(loss=number)
    with pytest.raises(ValidationError, match="finite number"):
        Phase(text="Reading", done=number)


def test_events_are_equal_by_value_and_frozen() -> None:
    assert step() == step()
    assert step() != step(loss=0.5)
    with pytest.raises(ValidationError, match="frozen"):
        step().loss = 0.0
    with pytest.raises(ValidationError, match="frozen"):
        SetAside(path="a.png", reason="empty").path = "b.png"


def test_reason_of_an_ending_is_one_of_three() -> None:
    with pytest.raises(ValidationError, match="'finished', 'stopped' or 'failed'"):
        RunEnded.model_validate({"reason": "bored", "best_val_accuracy": None, "seconds": 1.0, "run": "runs/1"})


def test_epoch_needs_all_its_figures() -> None:
    with pytest.raises(ValidationError, match="val_accuracy"):
        EpochEnded.model_validate({"epoch": 1, "train_loss": 0.5})


def test_feature_maps_are_told_apart_by_identity() -> None:
    """Comparing arrays field by field would raise; a picture is only ever replaced by the next one."""
    first, second = (feature_maps(tiles=np.zeros((2, 4, 4), np.uint8)) for _ in range(2))
    assert first == first  # noqa: PLR0124 - equality itself is tested
    assert first != second
