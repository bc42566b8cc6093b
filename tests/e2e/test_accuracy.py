"""What the program promises of its own samples and of real pictures, trained to the end."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnnstudio.data.samples import sample, write_sample

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def train(data: Path, out: Path, *settings: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "cnnstudio", "train", "--data", str(data), "--out", str(out), "--json"]
    command += [f"--set={setting}" for setting in settings]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "name",
    ["shapes", pytest.param("borders", marks=pytest.mark.nightly), pytest.param("textures", marks=pytest.mark.nightly)],
)
def test_the_compact_network_learns_each_sample(name: str, tmp_path: Path) -> None:
    folder = write_sample(name, tmp_path / name)
    events = train(folder, tmp_path / "run", "model.arch=compact", *sample(name).settings)
    assert events[-1]["event"] == "run_ended"
    assert events[-1]["reason"] == "finished"
    assert events[-1]["best_val_accuracy"] >= 0.95


def test_a_frozen_pretrained_network_learns_six_classes_of_clip_art(openclipart: Path, tmp_path: Path) -> None:
    settings = ("model.arch=efficientnet_lite0", "transfer.mode=freeze", "train.epochs=5")
    events = train(openclipart, tmp_path / "run", *settings)
    assert events[-1]["reason"] == "finished"
    assert events[-1]["best_val_accuracy"] >= 0.70
    # The last one: what cannot be read may be found only while the run learns already, which lets it begin anew.
    started = [event for event in events if event["event"] == "run_started"][-1]
    aside = {Path(each["path"]).name: each["reason"] for each in started["set_aside"]}
    assert len(aside) == 12
    assert aside["stop_sign_right_font_mig_.png"] == "623 million pixels, more than the 89 million allowed"
    assert all("million pixels" in reason for reason in aside.values())
