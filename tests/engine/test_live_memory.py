"""Watching all live views for ten thousand steps costs no memory that is not given back."""

import gc
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from cnnstudio.core import control
from cnnstudio.core.config import load_config
from cnnstudio.core.control import Control
from cnnstudio.core.events import Event, RunStarted, StepEnded, Warned
from cnnstudio.core.pictures import BatchNormScope, DropoutMasks, FeatureMaps, FeatureRows, Filters, Picture
from cnnstudio.engine.trainer import train
from cnnstudio.runtime.mailbox import Mailbox
from tests.watches import everything

SOON, END = 2_000, 10_000  # steps
FLAT = 20e6  # bytes
EPOCHS = 10


@pytest.mark.parametrize(
    "mode", [pytest.param("freeze", marks=pytest.mark.slow), pytest.param("scratch", marks=pytest.mark.nightly)]
)
@pytest.mark.timeout(900)
def test_memory_is_flat_while_everything_is_watched(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_LOOKING", 0.2)  # more looks than a run affords
    images = tmp_path / "images"
    random = np.random.default_rng(0)
    for name in ("dark", "light"):
        (images / name).mkdir(parents=True)
        for number in range(1250):
            pixels = random.integers(0, 128, (16, 16, 3), dtype=np.uint8) + np.uint8(127 * (name == "light"))
            Image.fromarray(pixels).save(images / name / f"{number:04}.png")
    config = load_config(
        None,
        [
            *(f"data.folder='{images}'", "data.image_size=16", "data.batch_size=2", "data.augment=false"),
            *("model.arch=compact", "model.batchnorm=true", "model.dropout2d=0.2", "model.pretrained=false"),
            *(f"transfer.mode={mode}", f"train.epochs={EPOCHS}", "compute.device=cpu", "compute.precision=float32"),
        ],
    )
    steering, mailbox, over = Control(), Mailbox(), threading.Event()
    seen: dict[type[Event], int] = {}
    memory: dict[int, int] = {}

    def sink(event: Event) -> None:
        assert not isinstance(event, Warned) or event.path, event
        if isinstance(event, RunStarted):
            steering.watch(everything(event))
        if isinstance(event, StepEnded):
            for step in (SOON, END):
                if event.step >= step and step not in memory:
                    gc.collect()
                    memory[step] = psutil.Process().memory_info().rss
        mailbox.put(event)

    def read() -> None:
        while not over.wait(0.03):
            for event in mailbox.drain():
                seen[type(event)] = seen.get(type(event), 0) + 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        train(config, sink, steering, out=tmp_path / "run")
    finally:
        over.set()
        reader.join()
    pictures = {kind: count for kind, count in seen.items() if issubclass(kind, Picture)}
    assert pictures.keys() == {FeatureMaps, FeatureRows, Filters, BatchNormScope, DropoutMasks}
    assert min(pictures.values()) > 20
    assert memory[END] - memory[SOON] < FLAT
