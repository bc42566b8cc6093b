from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.events import SetAside
from cnnstudio.data.images import UnreadableImageError
from cnnstudio.engine.evaluate import Prediction, load_model
from cnnstudio.engine.forms_kinds import Expected
from cnnstudio.engine.telling import Telling
from cnnstudio.engine.trainer import train
from tests.engine.fake_forms import FakeForm, Told, turned

Configure = Callable[..., Config]


@pytest.fixture
def run(configure: Configure, tmp_path: Path) -> Path:
    train(configure("train.epochs=1"), lambda _event: None, Control(), out=tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def told() -> Told:
    return Told()


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


def test_many_images_are_answered_as_one_by_one(run: Path, bright_and_dark: Path, tmp_path: Path, told: Told) -> None:
    model = load_model(run, device="cpu")
    (tmp_path / "words.png").write_text("not a picture")
    files = sorted(bright_and_dark.rglob("*.png"))
    files.insert(5, tmp_path / "words.png")
    answers = list(model.predict_all(files, told.telling))
    unreadable = answers.pop(5)
    assert isinstance(unreadable, SetAside)
    assert unreadable.path == str(files.pop(5))
    assert unreadable.reason.startswith("not an image")
    for path, answer in zip(files, answers, strict=True):
        assert isinstance(answer, Prediction)
        assert answer.image == path
        np.testing.assert_allclose(answer.probabilities, model.predict(path).probabilities, atol=1e-5)


@pytest.mark.parametrize("change", [lambda logits: logits, turned])
def test_very_many_images_are_answered_by_a_form_that_answers_alike(
    run: Path, bright_and_dark: Path, told: Told, monkeypatch: pytest.MonkeyPatch, change: Callable[[Tensor], Tensor]
) -> None:
    form = FakeForm(thought=Expected(1e9, 0.0), change=change)
    monkeypatch.setattr("cnnstudio.engine.forms.LEAST", 1)
    monkeypatch.setattr("cnnstudio.engine.evaluate.LEAST", 1)
    monkeypatch.setattr("cnnstudio.engine.evaluate._BATCH", 8)
    monkeypatch.setattr("cnnstudio.engine.evaluate.FORMS", (form,))
    model = load_model(run, device="cpu")
    files = sorted(bright_and_dark.rglob("*.png"))
    answers = list(model.predict_all(files, told.telling))
    for path, answer in zip(files, answers, strict=True):
        assert isinstance(answer, Prediction)
        np.testing.assert_allclose(answer.probabilities, model.predict(path).probabilities, atol=1e-3)
    assert form.built == 1
    assert form.sizes == ([] if change is turned else [8, 8, 8])
    assert any("it would answer otherwise" in text for text in told.warnings) == (change is turned)


def test_a_run_that_is_given_up_stops_between_batches(run: Path, bright_and_dark: Path) -> None:
    def give_up() -> None:
        raise StopRun

    model = load_model(run, device="cpu")
    with pytest.raises(StopRun):
        list(model.predict_all(sorted(bright_and_dark.rglob("*.png")), Telling(print, give_up)))


def test_no_images_give_no_answers(run: Path, told: Told) -> None:
    assert list(load_model(run, device="cpu").predict_all([], told.telling)) == []
