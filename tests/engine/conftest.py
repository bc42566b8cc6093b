"""A folder that can be learnt in a second, and a way to collect what a run reports."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnstudio.core.config import Config, load_config

Configure = Callable[..., Config]


@pytest.fixture(scope="session")
def bright_and_dark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that differ in where the light falls: 2 × 24 images of 40 × 32 pixels."""
    root = tmp_path_factory.mktemp("bright_and_dark")
    generator = np.random.default_rng(0)
    for label, name in enumerate(("left", "top")):
        (root / name).mkdir()
        for number in range(24):
            pixels = generator.integers(0, 96, (32, 40, 3), dtype=np.uint8)
            if label == 0:
                pixels[:, :14] += 128
            else:
                pixels[:11] += 128
            Image.fromarray(pixels).save(root / name / f"{number:02}.png")
    return root


@pytest.fixture
def configure(bright_and_dark: Path) -> Configure:
    """Return a function that makes a quick configuration, with changes as `key=value`."""

    def make(*changes: str) -> Config:
        quick = [
            f"data.folder='{bright_and_dark}'",
            "data.image_size=32",
            "data.batch_size=8",
            "data.augment=false",
            "train.epochs=2",
            "train.lr=0.003",
        ]
        return load_config(None, [*quick, *changes])

    return make
