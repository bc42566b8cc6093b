"""Whatever decides how a network learns, a run that breaks off goes on to the same bits."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cnnstudio.core.config import Config
from cnnstudio.core.events import RunEnded
from tests.engine.resumed_runs import SWITCHES, assert_same_state, resume, run, told

Configure = Callable[..., Config]
TWO_PHASES = ("transfer.mode=freeze_then_finetune", "model.pretrained=false")
FROZEN = ("transfer.mode=freeze", "model.pretrained=false")
OPTIONS = {
    "cosine": ("train.schedule=cosine",),
    "cosine, two phases": ("train.schedule=cosine", *TWO_PHASES),
    "constant": ("train.schedule=constant", "train.optimizer=sgd"),
    "frozen, views": FROZEN,
    "average": ("train.ema=0.9",),
    "mixup": ("train.mix=mixup",),
    "mixup, frozen": ("train.mix=mixup", *FROZEN),
    "cutmix": ("train.mix=cutmix", "train.label_smoothing=0.1"),
    "average, two phases": ("train.ema=0.9", *TWO_PHASES),
}


@pytest.mark.parametrize("stop_at", [3, 13])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_a_stopped_run_goes_on_to_the_same_bits(
    configure: Configure, tmp_path: Path, stop_at: int, options: tuple[str, ...]
) -> None:
    config = configure(*SWITCHES, *options)
    whole = run(config, tmp_path / "whole")
    first = run(config, tmp_path / "parts", stop_at=stop_at)
    assert isinstance(first[-1], RunEnded)
    assert first[-1].reason == "stopped"
    second = resume(tmp_path / "parts")
    assert told(first, second) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
