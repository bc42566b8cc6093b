"""Memory, device and numbers fail in the middle of a run; what the run then does is stated here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.core.events import EpochEnded, RunStarted
from cnnstudio.engine.evaluate import load_model
from cnnstudio.engine.resume import read_checkpoint
from cnnstudio.engine.saver import Saver
from cnnstudio.models.compact import Compact
from tests.engine.faults import SMALL, assert_near, break_forward, ending, out_of_memory, warnings
from tests.engine.resumed_runs import assert_same_state, resume, run, told

Configure = Callable[..., Config]
WITHOUT_BATCHNORM = (*SMALL, "model.batchnorm=false")
GONE = "CUDA error: unspecified launch failure\nCUDA kernel errors might be reported at some other API call"


# Memory


@pytest.mark.parametrize("switches", [(), ("train.mix=mixup", "train.ema=0.9", "data.augment=true")])
def test_out_of_memory_divides_batches_and_the_run_ends_with_the_same_weights(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switches: tuple[str, ...]
) -> None:
    config = configure(*WITHOUT_BATCHNORM, *switches)
    whole = run(config, tmp_path / "whole")
    passes = break_forward(monkeypatch, out_of_memory(4, at=3))
    divided = run(config, tmp_path / "divided")

    text = "the device ran out of memory: batches of 8 are computed as 2 × 4 from step 3 on"
    assert warnings(divided) == [text]
    assert ending(divided).reason == "finished"
    assert [size for size, learning in passes if learning][:6] == [8, 8, 8, 4, 4, 4]
    assert_near(divided, whole, rel=1e-3)
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "divided")]
    torch.testing.assert_close(weights[1], weights[0], rtol=1e-3, atol=1e-4)


def test_with_batchnorm_it_is_said_what_changes(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_forward(monkeypatch, out_of_memory(2))
    events = run(configure(*SMALL, "train.epochs=1"), tmp_path / "run")
    assert ending(events).message == ""
    (text,) = warnings(events)
    assert text.endswith("batches of 8 are computed as 4 × 2 from step 1 on, and BatchNorm sees 2 images at a time")
    assert ending(events).reason == "finished"
    epoch = next(event for event in events if isinstance(event, EpochEnded))
    assert epoch.train_loss < 1


def test_validation_is_divided_by_itself(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configure(*SMALL)
    whole = run(config, tmp_path / "whole")
    passes = break_forward(monkeypatch, out_of_memory(3, learning=False))
    divided = run(config, tmp_path / "divided")
    assert warnings(divided) == [
        "the device ran out of memory: batches of 8 are computed as 4 × 2 in validation from step 5 on"
    ]
    assert {size for size, learning in passes if learning} == {8, 6}
    assert_near(divided, whole, rel=1e-4)


def test_a_division_is_remembered_when_the_run_goes_on(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(*SMALL, "model.dropout2d=0.2")
    passes = break_forward(monkeypatch, out_of_memory(4))
    whole = run(config, tmp_path / "whole")
    first = run(config, tmp_path / "parts", stop_at=7)
    passes.clear()
    second = resume(tmp_path / "parts")
    assert max(size for size, learning in passes if learning) == 4
    assert warnings(second) == []
    assert told(first, second) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


def test_a_checkpoint_from_before_divisions_is_read(configure: Configure, tmp_path: Path) -> None:
    run(configure(*SMALL, "train.epochs=1"), tmp_path / "run")
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    del state["portion"]
    torch.save(state, tmp_path / "run" / "last.ckpt")
    assert read_checkpoint(tmp_path / "run")[0].position.portion == 0


def test_where_nothing_fits_the_run_says_what_to_change(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_forward(monkeypatch, out_of_memory(0))
    events = run(configure(*WITHOUT_BATCHNORM), tmp_path / "run")
    assert ending(events).reason == "failed"
    expected = (
        "the device has too little memory for 1 image at a time; lower data.image_size or choose a smaller network"
    )
    assert ending(events).message.startswith(expected)


# The device


def test_a_lost_device_ends_the_run_and_its_last_checkpoint_goes_on(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(*SMALL, "train.epochs=3")
    run(config, tmp_path / "whole")
    dead = False

    def breaks(number: int, x: Tensor, learning: bool) -> Exception | None:
        nonlocal dead
        dead = dead or number > 10
        return torch.AcceleratorError(GONE) if dead else None

    with pytest.MonkeyPatch.context() as patch:
        break_forward(patch, breaks)
        really = Saver.save

        def save(self: Saver, *state: Any, **how: Any) -> None:
            if dead:
                raise torch.AcceleratorError(GONE)  # nothing can be copied from it any more
            really(self, *state, **how)

        patch.setattr(Saver, "save", save)
        first = run(config, tmp_path / "parts")
    ended = ending(first)
    assert (ended.reason, ended.best_epoch) == ("failed", 1)
    lost = "the device has failed (CUDA error: unspecified launch failure); start CNN Studio again and resume the run"
    assert ended.message.startswith(lost)
    assert load_model(tmp_path / "parts", device="cpu").classes == ("left", "top")

    second = resume(tmp_path / "parts")
    assert next(event for event in second if isinstance(event, RunStarted)).resumed_step == 5
    assert ending(second).reason == "finished"
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


def test_a_device_lost_before_the_first_checkpoint_leaves_nothing_to_resume(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_forward(monkeypatch, lambda *_: RuntimeError("CUDA error: device-side assert triggered"))
    ended = ending(run(configure(*SMALL), tmp_path / "run"))
    assert ended.reason == "failed"
    lost = "the device has failed (CUDA error: device-side assert triggered); start CNN Studio again (details"
    assert ended.message.startswith(lost)


# The numbers


def test_a_state_that_has_diverged_does_not_replace_a_good_one(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses are read every few steps; a checkpoint that falls due in between must not keep what is no number."""
    monkeypatch.setattr(Saver, "due", lambda self: True)
    monkeypatch.setattr("cnnstudio.engine.loop._REPORTS_AN_EPOCH", 1)
    really = Compact.forward
    passes = []

    def forward(self: Compact, x: Tensor) -> Tensor:
        if not self.training or not isinstance(x, Tensor):  # such as what asks whether the images are large enough
            return really(self, x)
        passes.append(len(x))
        return really(self, x) * (torch.nan if len(passes) == 7 else 1)

    monkeypatch.setattr(Compact, "forward", forward)
    ended = ending(run(configure(*SMALL), tmp_path / "run"))
    assert ended.reason == "failed"
    assert ended.message.startswith("the loss is no longer a number after step 7; lower train.lr and start again")
    checkpoint, _ = read_checkpoint(tmp_path / "run")
    assert checkpoint.position.step == 6
    assert all(bool(each.isfinite().all()) for each in checkpoint.network.values())
    assert ended.best_epoch == 1
