"""Where in an image a fully convolutional network sees its classes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.data.images import read_thumbnail
from cnnstudio.engine.evaluate import load_model
from cnnstudio.engine.trainer import train

Configure = Callable[..., Config]


@pytest.fixture
def run(configure: Configure, tmp_path: Path) -> Path:
    config = configure("train.epochs=1", "model.head='convolutional'", "model.depth=2", "model.width=8")
    train(config, lambda _event: None, Control(), out=tmp_path / "run")
    return tmp_path / "run"


def picture(folder: Path, width: int, height: int) -> Path:
    pixels = np.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "picture.png")
    return folder / "picture.png"


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (40, 40, (16, 16)),  # twice the 32 pixels of training, halved by two stages
        (60, 40, (16, 24)),
        (20, 80, (64, 16)),
        (10, 80, (16, 16)),  # too long: a square, as in training
    ],
)
def test_maps_keep_the_shape_of_the_image(
    run: Path, tmp_path: Path, width: int, height: int, expected: tuple[int, int]
) -> None:
    maps = load_model(run, device="cpu").heat_maps(picture(tmp_path, width, height))
    assert maps is not None
    assert maps.shape == (2, *expected)
    np.testing.assert_allclose(maps.sum(0), 1, rtol=1e-5)


def test_each_place_is_what_a_window_of_the_image_says(run: Path, tmp_path: Path) -> None:
    model, path = load_model(run, device="cpu"), picture(tmp_path, 60, 40)
    maps = model.heat_maps(path)
    assert maps is not None
    batch = model._input(read_thumbnail(path, 96))
    middle = model.network.get_submodule("features")(batch)
    layer = model.network.get_submodule("classifier")
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    logits = torch.einsum("kc,nchw->nkhw", layer.weight[:, :, 0, 0], middle) + layer.bias[:, None, None]
    np.testing.assert_allclose(maps, logits[0].softmax(0).detach().numpy(), atol=1e-5)


def test_other_networks_have_no_maps(configure: Configure, tmp_path: Path) -> None:
    train(configure("train.epochs=1"), lambda _event: None, Control(), out=tmp_path / "run")
    model = load_model(tmp_path / "run", device="cpu")
    assert model.heat_maps(picture(tmp_path, 40, 40)) is None
    assert not model.network.fully_convolutional
