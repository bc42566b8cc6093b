"""Watching all live views for ten thousand steps costs no memory that is not given back."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SOON, END = 2_000, 10_000  # steps
FLAT = 20e6  # bytes
EPOCHS = 10
VIEWS = {"FeatureMaps", "FeatureRows", "Filters", "BatchNormScope", "DropoutMasks"}


@pytest.mark.parametrize(
    "mode", [pytest.param("freeze", marks=pytest.mark.slow), pytest.param("scratch", marks=pytest.mark.nightly)]
)
@pytest.mark.timeout(900)
def test_memory_is_flat_while_everything_is_watched(mode: str, tmp_path: Path) -> None:
    images = tmp_path / "images"
    random = np.random.default_rng(0)
    for name in ("dark", "light"):
        (images / name).mkdir(parents=True)
        for number in range(1250):
            pixels = random.integers(0, 128, (16, 16, 3), dtype=np.uint8) + np.uint8(127 * (name == "light"))
            Image.fromarray(pixels).save(images / name / f"{number:04}.png")
    program = (sys.executable, "-m", "tests.engine.watched_memory")  # what other tests leave would be measured too
    settings = (images, tmp_path / "run", mode, EPOCHS, SOON, END)
    done = subprocess.run([*program, *map(str, settings)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["reason"] == "finished"
    assert found["pictures"].keys() == VIEWS
    assert min(found["pictures"].values()) > 20
    soon, end = found["memory"]
    assert 0 < end < soon + FLAT
