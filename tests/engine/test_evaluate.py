from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.data.images import UnreadableImageError
from cnnstudio.engine.evaluate import Prediction, load_model
from cnnstudio.engine.trainer import train

Configure = Callable[..., Config]


@pytest.fixture
def run(configure: Configure, tmp_path: Path) -> Path:
    train(configure("train.epochs=1"), lambda _event: None, Control(), out=tmp_path / "run")
    return tmp_path / "run"


def test_loading_a_model_draws_no_random_numbers(run: Path) -> None:
    before = torch.get_rng_state()
    load_model(run, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_folder_that_is_no_run_says_what_is_missing(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.toml is missing"):
        load_model(tmp_path / "elsewhere")
    (run / "model.safetensors").unlink()
    with pytest.raises(InputError, match="wait for the first epoch to end"):
        load_model(run)


@pytest.mark.parametrize("kept", [0, 7, 8, 100, 4096])
def test_truncated_weights_are_refused_in_words(run: Path, kept: int) -> None:
    weights = run / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"the weights do not load: .*model\.safetensors"):
        load_model(run, device="cpu")


def test_weights_of_another_network_are_refused_in_words(run: Path) -> None:
    config = run / "config.toml"
    config.write_text(config.read_text().replace('arch = "compact"', 'arch = "resnet18"'))
    with pytest.raises(InputError, match="the weights do not load"):
        load_model(run, device="cpu")


def test_an_image_that_cannot_be_read_is_named(run: Path, tmp_path: Path) -> None:
    model = load_model(run, device="cpu")
    (tmp_path / "words.png").write_text("not a picture")
    with pytest.raises(UnreadableImageError, match="not an image"):
        model.predict(tmp_path / "words.png")


def test_the_top_classes_come_in_order() -> None:
    prediction = Prediction(Path("x"), ("a", "b", "c"), np.array([0.25, 0.5, 0.25], dtype=np.float32))
    assert prediction.top(2) == (("b", 0.5), ("a", 0.25))
