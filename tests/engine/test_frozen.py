"""What is frozen is computed once, and answers as the network itself."""

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import platformdirs
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.events import EpochEnded, Event, RunEnded, RunStarted, StepEnded, Warned
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.data.images import Pixels
from cnnstudio.data.pixel_rows import PixelRows
from cnnstudio.engine.forms import COMPARED
from cnnstudio.engine.frozen import _BATCH
from cnnstudio.engine.trainer import train
from cnnstudio.models.create import create
from cnnstudio.models.split import Lower

Configure = Callable[..., Config]
FROZEN = ("transfer.mode=freeze", "model.pretrained=false", "train.epochs=3", "model.width=8")
COMPARED_ONCE = 2 * COMPARED  # both forms on a few images


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the size of each batch that the frozen part runs on."""
    sizes: list[int] = []
    forward = Lower.forward

    def counted(self: Lower, x: Tensor) -> Tensor:
        sizes.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(Lower, "forward", counted)
    return sizes


def run(config: Config, out: Path, **how: bool) -> list[Event]:
    events: list[Event] = []
    train(config, events.append, Control(), out=out, **how)
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished", events[-1].message
    return events


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepEnded)]


def without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the run believe that there is no memory for features."""
    scarce = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=4096))
    monkeypatch.setattr("cnnstudio.engine.feature_room.psutil", scarce)


@pytest.mark.parametrize("train_last", [1, 2, 4])
def test_the_run_is_that_of_the_whole_network(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train_last: int
) -> None:
    config = configure(*FROZEN, f"transfer.train_last={train_last}")
    with_features = run(config, tmp_path / "features")
    without_memory(monkeypatch)
    monkeypatch.setattr("cnnstudio.engine.feature_room.disk_room", lambda: 0)
    without = run(config, tmp_path / "whole")
    np.testing.assert_allclose(losses(with_features), losses(without), rtol=2e-2)
    first, second = (
        [event.val_accuracy for event in each if isinstance(event, EpochEnded)] for each in (with_features, without)
    )
    np.testing.assert_allclose(first, second, atol=0.1)
    assert any(isinstance(event, Warned) and "runs in every epoch" in event.text for event in without)


@pytest.mark.parametrize("train_last", [1, 3])
def test_where_memory_is_scarce_features_are_in_a_file_while_the_run_lasts(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int], train_last: int
) -> None:
    config = configure(*FROZEN, f"transfer.train_last={train_last}", "data.augment=true")
    in_memory = run(config, tmp_path / "memory")
    shutil.rmtree(platformdirs.user_cache_path("cnnstudio", appauthor=False) / "features")
    without_memory(monkeypatch)
    for name, computed in (("computed", True), ("known", False)):
        seen.clear()
        in_a_file = run(config, tmp_path / name)
        assert losses(in_a_file) == losses(in_memory)
        assert bool(seen) == computed
        assert any(isinstance(each, Warned) and "in a file while the run lasts" in each.text for each in in_a_file)
    assert not list(platformdirs.user_cache_path("cnnstudio", appauthor=False).glob("*.features"))
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("memory", "known"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


@pytest.mark.skipif(sys.platform != "linux", reason="room is taken ahead on Linux only")
def test_a_disk_that_has_no_room_after_all_is_said_and_the_frozen_part_runs_in_every_epoch(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    without_memory(monkeypatch)
    monkeypatch.setattr(os, "posix_fallocate", full)
    told = [each.text for each in run(configure(*FROZEN), tmp_path / "run") if isinstance(each, Warned)]
    refused = "the disk takes no features of the frozen part (no space left on device), so it runs in every epoch"
    assert refused in told


def test_one_thread_takes_the_steps_of_a_small_head_and_all_of_them_everything_else(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    control, threads, before = Control(), defaultdict[type[Event], set[int]](set), torch.get_num_threads()

    def note(event: Event) -> None:
        if isinstance(event, RunStarted):
            control.watch(Watch(layer=event.layers[0]))
        threads[type(event)].add(torch.get_num_threads())

    train(configure(*FROZEN, "transfer.mode=freeze_then_finetune"), note, control, out=tmp_path / "run")
    assert threads[FeatureMaps] == {3}
    assert threads[StepEnded] == {1, 3}  # of the head, then of everything
    assert torch.get_num_threads() == before


def test_each_image_passes_the_frozen_part_once(configure: Configure, tmp_path: Path, seen: list[int]) -> None:
    run(configure(*FROZEN), tmp_path / "run")
    assert sum(seen) - COMPARED_ONCE - 1 == 48  # one for the shape


def test_the_next_run_finds_the_features(configure: Configure, tmp_path: Path, seen: list[int]) -> None:
    first = run(configure(*FROZEN), tmp_path / "first")
    seen.clear()
    second = run(configure(*FROZEN), tmp_path / "second")
    assert losses(second) == losses(first)
    run(configure(*FROZEN, "train.lr=0.1", "train.optimizer='sgd'"), tmp_path / "third")
    assert seen == []


def test_known_features_need_no_pixels(
    configure: Configure, tmp_path: Path, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object) -> None:
        pytest.fail("pixels were read")

    config = configure(*FROZEN, "data.augment=true", "data.batch_size=64")  # one batch is read to tune by
    first = run(config, tmp_path / "first")
    monkeypatch.setattr("cnnstudio.data.cache.read_image", opened)
    monkeypatch.setattr("cnnstudio.data.pixel_rows.read_image", opened)
    reads: list[int] = []
    read = PixelRows.read

    def counted(self: PixelRows, images: Sequence[int]) -> Pixels:
        reads.append(len(images))
        return read(self, images)

    monkeypatch.setattr(PixelRows, "read", counted)
    assert losses(run(config, tmp_path / "second")) == losses(first)
    assert reads == [38]


def test_an_image_that_was_changed_in_place_gets_features_of_its_own(
    configure: Configure, bright_and_dark: Path, tmp_path: Path, seen: list[int]
) -> None:
    shutil.copytree(bright_and_dark, tmp_path / "images")
    config = configure(*FROZEN, f"data.folder='{tmp_path / 'images'}'")
    run(config, tmp_path / "first")
    changed, other = tmp_path / "images" / "left" / "07.bmp", tmp_path / "images" / "left" / "08.bmp"
    for path, colour in ((changed, (9, 9, 200)), (other, (200, 9, 9))):
        Image.new("RGB", (40, 40), colour).save(path)
    run(config, tmp_path / "second")
    before = changed.stat()
    Image.new("RGB", (40, 40), (9, 200, 9)).save(changed)
    assert changed.stat().st_size == before.st_size
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    seen.clear()
    run(config, tmp_path / "third")
    assert sum(seen) == 1 + COMPARED_ONCE


@pytest.mark.parametrize("store", ["features", "digests", "pixels"])
@pytest.mark.parametrize("name", ["keys.bin", "rows.bin", "about.json"])
def test_damaged_files_of_the_cache_cost_time_and_nothing_else(
    configure: Configure, tmp_path: Path, store: str, name: str
) -> None:
    first = run(configure(*FROZEN), tmp_path / "first")
    cache = Path(platformdirs.user_cache_path("cnnstudio", appauthor=False))
    (file,) = (cache / store).rglob(name)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    assert losses(run(configure(*FROZEN), tmp_path / "second")) == pytest.approx(losses(first), rel=1e-3)


def test_an_image_that_changes_under_the_run_ends_it(
    configure: Configure, bright_and_dark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bright_and_dark, tmp_path / "images")
    config = configure(*FROZEN, f"data.folder='{tmp_path / 'images'}'")
    run(config, tmp_path / "first")
    cache = Path(platformdirs.user_cache_path("cnnstudio", appauthor=False))
    for kind in ("features", "pixels"):
        shutil.rmtree(cache / kind)
    image = tmp_path / "images" / "top" / "05.png"

    def changed(config: Config, count: int) -> object:
        Image.new("RGB", (40, 40), (1, 2, 3)).save(image)
        return create(config, count)

    monkeypatch.setattr("cnnstudio.engine.prepare.create", changed)
    ended = train(config, lambda _: None, Control(), out=tmp_path / "second")
    assert ended.reason == "failed"
    assert "the image has changed since the run began" in ended.message
    assert "05.png" in ended.message


@pytest.mark.parametrize(("fits", "told"), [(9, "2 × 8"), (5, "4 × 4")])
def test_the_frozen_part_goes_on_in_parts_where_memory_runs_out(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: int, told: str
) -> None:
    expected = run(configure(*FROZEN), tmp_path / "first")
    shutil.rmtree(Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)))
    forward = Lower.forward

    def scarce(self: Lower, x: Tensor) -> Tensor:
        if len(x) > fits and len(x) != COMPARED:
            raise torch.OutOfMemoryError("out of memory")
        return forward(self, x)

    monkeypatch.setattr(Lower, "forward", scarce)
    events = run(configure(*FROZEN), tmp_path / "second")
    np.testing.assert_allclose(losses(events), losses(expected), rtol=1e-3)
    warnings = [event.text for event in events if isinstance(event, Warned) and "memory" in event.text]
    text = f"the device ran out of memory: batches of 16 are computed as {told} in the frozen part from here on"
    assert warnings == [text]


def test_memory_for_not_even_one_image_ends_the_run(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("cnnstudio.engine.frozen.Runner.__call__", nothing)
    monkeypatch.setattr("cnnstudio.engine.frozen._Frozen._shape", lambda _self: (8, 1, 1))
    ended = train(configure(*FROZEN), lambda _: None, Control(), out=tmp_path / "run")
    assert ended.reason == "failed"
    assert "too little memory for 1 image at a time" in ended.message


@pytest.mark.parametrize(
    "change", ["model.padding=circular", "data.image_size=40", "train.seed=3", "transfer.train_last=2"]
)
def test_features_of_another_network_are_not_taken(
    configure: Configure, tmp_path: Path, seen: list[int], change: str
) -> None:
    run(configure(*FROZEN), tmp_path / "first")
    seen.clear()
    run(configure(*FROZEN, change), tmp_path / "second")
    assert sum(seen) == 48 + COMPARED_ONCE + 1


def test_features_are_those_of_an_arithmetic_that_does_as_well(
    configure: Configure, tmp_path: Path, seen: list[int]
) -> None:
    """The clock may choose another one of the shorter types the next time; exact is exact."""
    exact = "compute.deterministic=true"
    runs = [
        (("bfloat16",), True),
        (("bfloat16_dense",), False),
        (("float32",), True),
        (("bfloat16", exact), True),
        (("bfloat16", exact), False),
        (("bfloat16_dense", exact), True),
        (("float32", exact), True),
        (("float32",), False),
    ]
    for number, ((precision, *more), computes) in enumerate(runs):
        seen.clear()
        run(configure(*FROZEN, "train.epochs=1", f"compute.precision={precision}", *more), tmp_path / str(number))
        assert bool(seen) == computes, runs[number]


def test_new_images_cost_what_they_are(
    configure: Configure, bright_and_dark: Path, tmp_path: Path, seen: list[int]
) -> None:
    shutil.copytree(bright_and_dark, tmp_path / "images")
    config = configure(*FROZEN, f"data.folder='{tmp_path / 'images'}'")
    run(config, tmp_path / "first")
    Image.new("RGB", (40, 40), (200, 30, 90)).save(tmp_path / "images" / "left" / "0new.png")
    (tmp_path / "images" / "top" / "03.png").rename(tmp_path / "images" / "top" / "z.png")
    seen.clear()
    run(config, tmp_path / "second")
    assert sum(seen) == 1 + COMPARED_ONCE


def test_views_are_shifted_and_mirrored_and_remembered(configure: Configure, tmp_path: Path, seen: list[int]) -> None:
    config = configure(*FROZEN, "data.augment=true")
    first = run(config, tmp_path / "first")
    assert sum(seen) == 48 + 2 * 38 + COMPARED_ONCE + 1  # as many views of each of 38 training images as epochs: 3
    seen.clear()
    assert losses(run(config, tmp_path / "second")) == losses(first)
    assert seen == []
    plain = run(configure(*FROZEN), tmp_path / "plain")
    assert losses(plain) != losses(first)


@pytest.mark.parametrize(("passes", "views"), [(1_000, 4), (90, 2), (10, 1)])
def test_many_images_are_computed_in_few_views(
    configure: Configure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seen: list[int],
    passes: int,
    views: int,
) -> None:
    monkeypatch.setattr("cnnstudio.engine.feature_room._PASSES", {"cpu": passes})
    told = run(configure(*FROZEN, "data.augment=true", "train.epochs=5"), tmp_path / "run")
    assert sum(seen) == 48 + (views - 1) * 38 + COMPARED_ONCE + 1
    assert [each.config.transfer.views for each in told if isinstance(each, RunStarted)] == [views]


@pytest.mark.parametrize(("wanted", "views"), [(1, 1), (6, 6), (8, 7)])
def test_the_user_may_want_more_or_fewer_views(
    configure: Configure, tmp_path: Path, seen: list[int], wanted: int, views: int
) -> None:
    """Seven epochs have no use for an eighth one."""
    run(configure(*FROZEN, "data.augment=true", "train.epochs=7", f"transfer.views={wanted}"), tmp_path / "run")
    assert sum(seen) == 48 + (views - 1) * 38 + COMPARED_ONCE + 1


def test_a_resumed_run_ends_with_the_same_bits(configure: Configure, tmp_path: Path) -> None:
    config = configure(*FROZEN, "data.augment=true", "transfer.mode=freeze_then_finetune", "train.epochs=4")
    run(config, tmp_path / "whole")
    control = Control()

    def sink(event: Event) -> None:
        if isinstance(event, StepEnded) and event.step == 3:
            control.stop()

    train(config, sink, control, out=tmp_path / "parts")
    run(load_config(tmp_path / "parts" / "config.toml"), tmp_path / "parts", resume=True)
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_a_full_disk_costs_the_head_start_only(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cnnstudio.data.row_store.RowStore.append", full)
    run(configure(*FROZEN), tmp_path / "first")
    monkeypatch.setattr("cnnstudio.engine.frozen.open_store", full)
    seen.clear()
    run(configure(*FROZEN), tmp_path / "second")
    assert sum(seen) == 48 + COMPARED_ONCE


def test_a_stop_keeps_the_features_that_are_there(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    monkeypatch.setitem(_BATCH, "cpu", 10)
    monkeypatch.setattr("cnnstudio.engine.frozen._TICK", 0.0)
    control = Control()

    def sink(event: Event) -> None:
        if getattr(event, "text", "").startswith("Running the frozen part, 20 of 48"):
            control.stop()

    ended = train(configure(*FROZEN), sink, control, out=tmp_path / "first")
    assert ended.reason == "stopped"
    seen.clear()
    run(configure(*FROZEN), tmp_path / "second")
    assert sum(seen) == 18 + COMPARED_ONCE


def test_features_that_are_too_large_are_not_kept(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    monkeypatch.setattr("cnnstudio.engine.frozen._LARGEST_KEPT", 1000)
    first = run(configure(*FROZEN), tmp_path / "first")
    seen.clear()
    assert losses(run(configure(*FROZEN), tmp_path / "second")) == losses(first)
    assert sum(seen) == 48 + COMPARED_ONCE + 1
