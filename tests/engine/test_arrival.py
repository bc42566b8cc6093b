"""A run that begins while its images are read ends as one that has read them before."""

import shutil
import threading
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.events import EpochEnded, Event, Phase, RunStarted, StepEnded, Warned
from cnnstudio.data.cache import begin_catalog
from cnnstudio.data.image_store import ImageStore
from cnnstudio.data.images import Pixels, read_image
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.reading import Reading
from cnnstudio.data.scan import scan
from cnnstudio.data.splits import split
from cnnstudio.engine.arrival import Coming
from cnnstudio.engine.batches import batches_of_epoch
from cnnstudio.engine.past_batch import read_batch
from cnnstudio.engine.trainer import train
from cnnstudio.runtime.runs import read_story
from tests.engine.faults import SMALL, ending
from tests.engine.resumed_runs import assert_same_state, resume, run, told

Configure = Callable[..., Config]
PIXELS = ("data.augment=true", "train.epochs=2", "data.batch_size=4", *SMALL)
FROZEN = (*PIXELS, "transfer.mode='freeze'", "model.pretrained=false", "compute.deterministic=true")


@pytest.fixture
def images(bright_and_dark: Path, tmp_path: Path) -> Path:
    """A copy of the images that a test may spoil."""
    return Path(shutil.copytree(bright_and_dark, tmp_path / "images"))


class Overlap:
    """Lets small folders overlap too, and watches which images are decoded.

    Attributes:
        read: Names of the images in the order in which their decoding began.
        gate: Images that come after the first ones wait for it.
        threads: That decode them.
        late: Whether the first ones have been decoded.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.threads, self.late = 1, False
        monkeypatch.setattr("cnnstudio.data.cache._FEWEST", 1)
        monkeypatch.setattr("cnnstudio.data.cache.read_image", self._read)
        monkeypatch.setattr("cnnstudio.data.reading.in_threads", self._in_threads)

    def _read(self, path: Path, side: int) -> Pixels:
        self.read.append(f"{path.parent.name}/{path.name}")
        if threading.current_thread().name.startswith("cnnstudio-decode") and self.late:
            self.gate.wait(20)
            time.sleep(0.005)
        return read_image(path, side)

    def _in_threads(
        self, work: Callable[[int], object], items: list[int], **named: Any
    ) -> Generator[object, None, None]:
        self.late = True
        self.read.clear()
        return in_threads(work, items, **{**named, "threads": self.threads})


@pytest.fixture
def overlap(monkeypatch: pytest.MonkeyPatch) -> Overlap:
    return Overlap(monkeypatch)


def forget(home: Path) -> None:
    """Let the next run decode and compute everything itself."""
    shutil.rmtree(home / "cache", ignore_errors=True)


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Phase)]


def overlapping(events: list[Event]) -> list[str]:
    return [text for text in texts(events) if "while images are read" in text]


@pytest.mark.parametrize("settings", [PIXELS, FROZEN], ids=["pixels", "frozen"])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_run_ends_with_the_same_bits(
    configure: Configure,
    tmp_path: Path,
    user_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: tuple[str, ...],
    threads: int,
) -> None:
    config = configure(*settings)
    whole = run(config, tmp_path / "whole")
    assert not overlapping(whole)
    forget(user_home)
    Overlap(monkeypatch).threads = threads
    events = run(config, tmp_path / "run")
    assert overlapping(events)
    assert told(events) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "run")
    assert (tmp_path / "run" / "classes.json").read_bytes() == (tmp_path / "whole" / "classes.json").read_bytes()


def test_images_are_decoded_as_the_first_epoch_asks_for_them(
    configure: Configure, tmp_path: Path, overlap: Overlap, bright_and_dark: Path
) -> None:
    config = configure(*PIXELS)
    run(config, tmp_path / "run")
    catalog = scan(bright_and_dark)
    division = split(catalog, val_fraction=config.data.val_fraction, seed=config.train.seed)
    first = set(Coming.of(catalog, division, config, frozen=False).first)
    batches = batches_of_epoch(torch.tensor(division.train), config, epoch=1)
    order = [*torch.cat(batches).tolist(), *division.val]
    names = ["/".join(catalog.images[index].path.parts[-2:]) for index in order if index not in first]
    assert overlap.read == names


def test_steps_are_taken_before_the_last_image_is_there(configure: Configure, tmp_path: Path, overlap: Overlap) -> None:
    began: list[int] = []

    def sink(event: Event) -> None:
        if isinstance(event, StepEnded):
            began.append(len(overlap.read))

    train(configure(*PIXELS), sink, Control(), out=tmp_path / "run")
    assert began[0] < began[-1] == len(overlap.read)


@pytest.mark.parametrize("settings", [PIXELS, FROZEN], ids=["pixels", "frozen"])
def test_a_run_that_waits_for_images_stops_at_once_and_goes_on_to_the_same_bits(
    configure: Configure, tmp_path: Path, user_home: Path, overlap: Overlap, settings: tuple[str, ...]
) -> None:
    config = configure(*settings)
    whole = run(config, tmp_path / "whole")
    forget(user_home)
    overlap.late = False
    overlap.gate.clear()
    control = Control()
    events: list[Event] = []
    stopped: list[float] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, Phase) and "while images are read" in event.text and not stopped:
            stopped.append(time.monotonic())
            control.stop()
            overlap.gate.set()  # what is being decoded is waited for, and no more

    train(config, sink, control, out=tmp_path / "run")
    assert ending(events).reason == "stopped"
    assert time.monotonic() - stopped[0] < 5
    assert not [each for each in threading.enumerate() if each.name.startswith(("cnnstudio-decode", "cnnstudio-read"))]
    assert len(overlap.read) < 10
    if settings == FROZEN:
        return  # it has stopped before its first checkpoint
    second = resume(tmp_path / "run")
    assert told(events, second) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize("settings", [PIXELS, FROZEN], ids=["pixels", "frozen"])
def test_an_image_that_cannot_be_read_late_is_set_aside_and_the_run_is_that_without_it(
    configure: Configure,
    images: Path,
    tmp_path: Path,
    user_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: tuple[str, ...],
) -> None:
    config = configure(*settings, f"data.folder='{images}'")
    division = split(scan(images), val_fraction=config.data.val_fraction, seed=config.train.seed)
    coming = Coming.of(scan(images), division, config, frozen=settings == FROZEN)
    late = [index for index in coming.then if index not in coming.first]
    spoiled = scan(images).images[late[len(late) // 2]].path
    spoiled.write_bytes(spoiled.read_bytes()[:200])
    whole = run(config, tmp_path / "whole")
    forget(user_home)
    Overlap(monkeypatch)
    events = run(config, tmp_path / "run")
    openings = [at for at, event in enumerate(events) if isinstance(event, RunStarted)]
    assert len(openings) == 2
    before, after = (event for event in events if isinstance(event, RunStarted))
    (expected,) = [event for event in whole if isinstance(event, RunStarted)]
    assert (before.set_aside, before.train_images + before.val_images) == ((), 48)
    assert after.set_aside == expected.set_aside
    assert (after.train_images, after.val_images) == (expected.train_images, expected.val_images)
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert warned.path == str(spoiled)
    assert warned.text.startswith("an image is set aside, and the run has begun anew without it: ")
    assert told(events[openings[1] :]) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "run")
    counted = [event for event in read_story(tmp_path / "run") if isinstance(event, StepEnded | EpochEnded)]
    assert told(list(counted)) == told(whole)
    if settings == PIXELS:
        assert read_batch(tmp_path / "run", 1, whole=True).size == 4


@pytest.mark.parametrize("settings", [PIXELS, FROZEN], ids=["pixels", "frozen"])
def test_what_headers_tell_of_an_image_is_known_before_the_run_begins(
    configure: Configure,
    images: Path,
    tmp_path: Path,
    user_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: tuple[str, ...],
) -> None:
    config = configure(*settings, f"data.folder='{images}'")
    spoiled = scan(images).images[-1].path
    spoiled.write_bytes(b"only words")
    whole = run(config, tmp_path / "whole")
    forget(user_home)
    Overlap(monkeypatch)
    events = run(config, tmp_path / "run")
    assert overlapping(events)
    (opening,) = [event for event in events if isinstance(event, RunStarted)]
    assert [each.path for each in opening.set_aside] == [str(spoiled)]
    assert told(events) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "run")


def test_twins_are_told_once_all_images_are_there(
    configure: Configure, images: Path, tmp_path: Path, overlap: Overlap
) -> None:
    catalog = scan(images)
    config = configure(*PIXELS, f"data.folder='{images}'")
    division = split(catalog, val_fraction=config.data.val_fraction, seed=config.train.seed)
    shutil.copyfile(catalog.images[division.train[-1]].path, catalog.images[division.val[-1]].path)
    events = run(config, tmp_path / "run")
    assert [event.val_twins for event in events if isinstance(event, RunStarted)] == [0]
    assert {event.val_twins for event in events if isinstance(event, EpochEnded)} == {1}


def test_waiting_for_images_does_not_count_as_training(configure: Configure, tmp_path: Path, overlap: Overlap) -> None:
    overlap.gate.clear()
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if overlapping([event]) and not overlap.gate.is_set():
            time.sleep(1.0)
            overlap.gate.set()

    train(configure(*PIXELS), sink, Control(), out=tmp_path / "run")
    first = next(event for event in events if isinstance(event, EpochEnded))
    assert first.seconds > 1.0
    assert first.images_per_second > 1.3 * 38 / first.seconds


def test_an_error_that_nobody_expects_ends_the_run_in_words(
    configure: Configure, tmp_path: Path, overlap: Overlap, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise OSError("the device is gone")

    monkeypatch.setattr("cnnstudio.data.decoded.Decoded.keep", lambda *_: None)
    monkeypatch.setattr("cnnstudio.engine.prepare.begin_catalog", partial(_break_later, broken))
    events = run(configure(*PIXELS), tmp_path / "run")
    assert ending(events).reason == "failed"
    assert "the device is gone" in ending(events).message


def _break_later(broken: Callable[..., bool], *args: Any, **named: Any) -> ImageStore:
    def begin(count: int, order: Sequence[int], work: Callable[[int], object], _: object, **more: Any) -> Reading:
        return Reading(count, order, work, broken, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnnstudio.data.cache.Reading", begin)
        return begin_catalog(*args, **named)
