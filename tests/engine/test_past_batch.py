"""Which images a step learnt from: compared with those that the trainer really took."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event, StepEnded
from cnnstudio.data.images import Pixels
from cnnstudio.engine.feed import PixelFeed
from cnnstudio.engine.past_batch import PastBatch, read_batch
from cnnstudio.engine.trainer import train
from tests.engine.faults import SMALL
from tests.engine.resumed_runs import resume

Configure = Callable[..., Config]
Record = list[tuple[list[Path], list[Pixels]]]


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return files and pixels of every batch from now on, as the network gets them, but not normalised."""
    taken: Record = []
    feed = PixelFeed.training

    def training(self: PixelFeed, indices: Tensor) -> Tensor:
        inputs, prepared = feed(self, indices), self._prepared
        pixels = (255 * (inputs * prepared.std + prepared.mean)).round().to(torch.uint8).permute(0, 2, 3, 1)
        paths = [prepared.store.catalog.images[index].path for index in indices.tolist()]
        taken.append((paths, list(pixels.numpy())))
        return inputs

    monkeypatch.setattr(PixelFeed, "training", training)
    return taken


@pytest.fixture
def images(tmp_path: Path, bright_and_dark: Path) -> Path:
    """Return a copy of the images, and one file among them that cannot be read."""
    folder = tmp_path / "images"
    shutil.copytree(bright_and_dark, folder)
    (folder / "left" / "05b.png").write_bytes(b"no picture")
    return folder


def same(batch: PastBatch, taken: tuple[list[Path], list[Pixels]]) -> bool:
    paths, pixels = taken
    assert [image.path for image in batch.images] == paths
    assert [image.title for image in batch.images] == [path.parent.name for path in paths]
    return all(
        image.pixels is not None and np.array_equal(image.pixels, seen)
        for image, seen in zip(batch.images, pixels, strict=True)
    )


def test_every_batch_is_the_one_that_was_learnt_from_also_after_an_interruption(
    configure: Configure, images: Path, tmp_path: Path, record: Record
) -> None:
    config = configure(*SMALL, f"data.folder='{images}'", "data.augment=true", "train.epochs=3")
    out, control = tmp_path / "run", Control()

    def stop_in_the_second_epoch(event: Event) -> None:
        if isinstance(event, StepEnded) and event.step == 7:
            control.stop()

    train(config, stop_in_the_second_epoch, control, out=out)
    assert same(read_batch(out, 6, whole=True), record[5])
    resume(out)
    taken = list(record)
    assert len(taken) == 15
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for step, each in enumerate(taken, start=1):
        batch = read_batch(out, step, whole=True)
        assert same(batch, each)
        assert (batch.epoch, batch.number, batch.batches) == ((step - 1) // 5 + 1, (step - 1) % 5 + 1, 5)
    assert torch.equal(torch.get_rng_state(), before)
    assert batch.note == "As the network saw them."
    for name in ("last.ckpt", "previous.ckpt"):
        (out / name).unlink()
    assert same(read_batch(out, 9, whole=True), taken[8])
    few = read_batch(out, 9, whole=True, most=3)
    assert (few.size, [image.path for image in few.images]) == (8, taken[8][0][:3])


def test_where_the_views_are_not_known_the_images_are_shown_as_they_are(
    configure: Configure, images: Path, tmp_path: Path, record: Record
) -> None:
    out = tmp_path / "run"
    train(
        configure(*SMALL, f"data.folder='{images}'", "data.augment=true", "train.epochs=1", "train.mix='mixup'"),
        lambda _event: None,
        Control(),
        out=out,
    )
    paths, taken = record[1][0], record[1]
    mixed = ", before they were mixed in pairs (mixup)."
    seen = read_batch(out, 2, whole=True)
    assert same(seen, taken)
    assert seen.note == f"As the network saw them{mixed}"
    frozen = read_batch(out, 2, whole=False)
    assert not same(frozen, taken)
    assert frozen.note.startswith("As they are: of its shifted and mirrored views")
    paths[0].unlink()
    rest = read_batch(out, 2, whole=True)
    assert [image.path for image in rest.images] == paths
    assert (rest.images[0].pixels, rest.images[0].problem, rest.images[0].title) == (None, "gone", paths[0].parent.name)
    assert rest.images[1].pixels is not None
    assert rest.note.startswith("As they are: the folder has changed since")


def test_where_the_images_are_gone_it_says_so(configure: Configure, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    config = configure(*SMALL, f"data.folder='{images}'", "train.epochs=1")
    train(config, lambda _event: None, Control(), out=out)
    for name in ("last.ckpt", "previous.ckpt"):
        (out / name).unlink(missing_ok=True)
    for path in sorted(images.rglob("*.png"))[:4]:
        path.unlink()
    with pytest.raises(InputError, match="have changed"):
        read_batch(out, 1, whole=True)
    shutil.rmtree(images)
    with pytest.raises(InputError, match="images"):
        read_batch(out, 1, whole=True)
