"""What is kept of a run: where it stands, its best epoch, and nothing that has gone wrong."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.events import EpochEnded, Event, Warned
from cnnstudio.core.history import HISTORY, kept_epochs
from cnnstudio.engine.averaging import Average
from cnnstudio.engine.checkpoint import BEST, RunFolder
from cnnstudio.engine.dist import World
from cnnstudio.engine.endings import DivergedError
from cnnstudio.engine.keeping import Keeping
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.metrics import Running
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.resume import LAST, Checkpoint, Position, read_checkpoint
from cnnstudio.engine.schedule import make_optimizer, make_schedule, training_phases

Configure = Callable[..., Config]
SMALL = ("model.width=8", "model.depth=3", "data.image_size=32", "compute.precision=float32")


class Kept:
    """A run that has taken a number of steps, and what is kept of it."""

    def __init__(self, prepared: Prepared, path: Path) -> None:
        config = prepared.config
        self.told: list[Event] = []
        self.folder = RunFolder.make(path, config, prepared.store.catalog.classes)
        self.keeping = Keeping(prepared, self.folder, World(), self.told.append, best=None, began=time.monotonic() - 60)
        self.network, self.prepared = prepared.network, prepared
        phase = training_phases(config)[0]
        optimizer = make_optimizer(self.network, config, phase)
        schedule = make_schedule(optimizer, config, steps=10)
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        average = Average(self.network, self.network, 0)
        self.learning = Learning(0, phase, optimizer, schedule, scaler, average, first=1, chosen=1)

    def here(self, position: Position, loss: float = 1.0) -> Checkpoint:
        sums = Running(torch.device("cpu")), Running(torch.device("cpu"))
        for each in sums:
            each.include(torch.tensor([loss * 4, 3.0]), 4)
        return self.keeping.checkpoint(position, self.learning, sums, ())

    def end_epoch(self, epoch: int, accuracy: float, *, best: bool) -> None:
        """End an epoch in which every parameter has grown by one."""
        with torch.no_grad():
            for each in self.network.parameters():
                each.add_(1)
        ended = EpochEnded(
            epoch=epoch,
            train_loss=1.0,
            train_accuracy=0.5,
            val_loss=1.0,
            val_accuracy=accuracy,
            images_per_second=1.0,
            seconds=1.0,
            best=best,
        )
        self.keeping.end_epoch(ended, lambda: self.here(Position(epoch=epoch + 1)))

    @property
    def bias(self) -> torch.Tensor:
        bias: torch.Tensor = self.network.state_dict()[f"{self.network.head}.bias"]
        return bias.clone()


@pytest.fixture
def kept(configure: Configure, tmp_path: Path) -> Iterator[Kept]:
    run = Kept(prepare(configure(*SMALL), lambda _: None, Control()), tmp_path / "run")
    yield run
    run.keeping.saver.wait()
    run.folder.close()


def test_where_a_run_stands_is_all_that_it_needs(kept: Kept) -> None:
    found = kept.here(Position(epoch=3, batch=2, step=14, waited=1))
    assert found.position.spent == pytest.approx(60, abs=5)
    expected = Position(epoch=3, batch=2, step=14, waited=1, phase=0, first=1, chosen=1, spent=found.position.spent)
    assert found.position == expected
    assert found.classes == kept.prepared.store.catalog.classes
    split, images = kept.prepared.split, kept.prepared.store.catalog.images
    assert [Path(each).name for each in found.train] == [images[index].path.name for index in split.train]
    assert [Path(each).name for each in found.val] == [images[index].path.name for index in split.val]
    assert found.network.keys() == kept.network.state_dict().keys()
    assert found.frozen == frozenset()
    kept.network.freeze(1)
    learning = {key for key in kept.network.state_dict() if key.startswith("classifier.")}
    assert kept.here(Position()).frozen == kept.network.state_dict().keys() - learning
    assert learning


def test_a_state_that_has_diverged_is_none(kept: Kept) -> None:
    with pytest.raises(DivergedError, match="after step 14"):
        kept.here(Position(step=14), loss=math.nan)


def test_the_best_epoch_is_on_the_disk_when_its_end_is_told_and_stays_there(kept: Kept) -> None:
    kept.end_epoch(1, 0.5, best=True)
    first = kept.bias
    assert torch.equal(load_file(kept.folder.path / BEST)[f"{kept.network.head}.bias"], first)
    kept.end_epoch(2, 0.4, best=False)
    kept.keeping.finish()
    assert torch.equal(load_file(kept.folder.path / BEST)[f"{kept.network.head}.bias"], first)
    assert kept.keeping.best is not None
    assert kept.keeping.best.epoch == 1
    newest, reason = read_checkpoint(kept.folder.path)
    assert (newest.position.epoch, reason) == (3, "")
    assert torch.equal(newest.network[f"{kept.network.head}.bias"], kept.bias)
    assert kept_epochs(kept.folder.path) == (1, 2)
    assert kept.told == []


def test_an_epoch_that_could_not_be_kept_is_told_once(kept: Kept) -> None:
    (kept.folder.path / HISTORY).write_text("a file where a folder is to be", encoding="utf-8")
    for epoch in (1, 2):
        kept.end_epoch(epoch, 0.5, best=epoch == 1)
    kept.keeping.finish()
    (warned,) = kept.told
    assert isinstance(warned, Warned)
    assert "not kept for the time machine" in warned.text
    assert (kept.folder.path / BEST).exists()


def test_a_run_that_begins_anew_leaves_no_checkpoint_to_go_on_from(kept: Kept) -> None:
    for epoch in (1, 2):
        kept.keeping.saver.save(replace(kept.here(Position()), position=Position(epoch=epoch)))
    kept.keeping.saver.wait()
    assert (kept.folder.path / LAST).exists()
    kept.keeping.forget()
    assert not list(kept.folder.path.glob("*.ckpt"))
