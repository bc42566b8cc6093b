"""Images, looks, clock, lock and signals go wrong while a run is under way; what the run then does is stated here."""

import json
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import EpochEnded, Event, RunStarted, StepEnded, Warned
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.data.images import Pixels, UnreadableImageError, read_image
from cnnstudio.data.parallel import in_threads
from cnnstudio.engine.evaluate import load_model
from cnnstudio.engine.probes import FeatureMapProbe
from cnnstudio.engine.resume import read_checkpoint
from cnnstudio.engine.trainer import train
from tests.engine.faults import SMALL, break_forward, ending, warnings
from tests.engine.resumed_runs import resume, run, told

Configure = Callable[..., Config]

# Images


@pytest.fixture
def images(bright_and_dark: Path, tmp_path: Path) -> Path:
    """A copy of the images that a test may spoil."""
    return Path(shutil.copytree(bright_and_dark, tmp_path / "images"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(Path.unlink, "the file is gone"), (truncate, "truncated"), (lambda path: path.write_bytes(b""), "empty file")],
    ids=["deleted", "truncated", "emptied"],
)
def test_an_image_spoiled_between_the_scan_and_its_decoding_is_set_aside_and_named(
    configure: Configure,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], object],
    reason: str,
) -> None:
    spoiled = images / "left" / "03.png"
    really, begun = read_image, threading.Event()

    def read(path: Path, side: int) -> Pixels:
        if not begun.is_set():
            begun.set()
            damage(spoiled)
        return really(path, side)

    monkeypatch.setattr("cnnstudio.data.cache.read_image", read)
    monkeypatch.setattr("cnnstudio.data.cache.in_threads", partial(in_threads, threads=1))
    events = run(configure(*SMALL, f"data.folder='{images}'", "train.epochs=1"), tmp_path / "run")
    started = next(event for event in events if isinstance(event, RunStarted))
    (aside,) = started.set_aside
    assert aside.path == str(spoiled.resolve())
    assert reason in aside.reason
    assert started.train_images + started.val_images == 47
    assert ending(events).reason == "finished"


def test_an_image_deleted_before_epoch_three_costs_nothing(configure: Configure, images: Path, tmp_path: Path) -> None:
    config = configure(*SMALL, "train.epochs=4", f"data.folder='{images}'")
    whole = run(config, tmp_path / "whole")
    events: list[Event] = []
    control = Control()

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, EpochEnded) and event.epoch == 2:
            (images / "left" / "00.png").unlink()
            (images / "top" / "01.png").write_bytes(b"no image")
            control.watch(Watch("features.0", str(images / "left" / "00.png")))

    train(config, sink, control, out=tmp_path / "run")
    assert ending(events).reason == "finished"
    assert told(events) == told(whole)
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert warned.text == "the preview image cannot be shown: the file is gone"
    assert warned.path == str(images / "left" / "00.png")


def test_the_runs_own_preview_image_is_named_where_it_is_gone(
    configure: Configure, images: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    control = Control()

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, RunStarted):
            shutil.rmtree(images)
            control.watch(Watch("features.0"))

    train(configure(*SMALL, "train.epochs=1", f"data.folder='{images}'"), sink, control, out=tmp_path / "run")
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert Path(warned.path).parent.parent == images
    assert ending(events).reason == "finished"


def test_a_decoding_thread_that_raises_what_nobody_expects_costs_one_image(
    configure: Configure, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OddError(Exception):
        pass

    really = read_image

    def odd(path: Path, side: int) -> Pixels:
        if path.name == "05.png" and path.parent.name == "top":
            raise OddError("decoder lost count")
        return really(path, side)

    monkeypatch.setattr("cnnstudio.data.cache.read_image", odd)
    events = run(configure(*SMALL, f"data.folder='{images}'", "train.epochs=1"), tmp_path / "run")
    started = next(event for event in events if isinstance(event, RunStarted))
    (aside,) = started.set_aside
    assert aside.path == str((images / "top" / "05.png").resolve())
    assert aside.reason == "cannot be decoded (OddError: decoder lost count)"
    assert ending(events).reason == "finished"


def test_decoding_threads_that_all_fail_end_in_one_sentence(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path, side: int) -> Pixels:
        raise UnreadableImageError("cannot be read: input/output error")

    monkeypatch.setattr("cnnstudio.data.cache.read_image", broken)
    with pytest.raises(InputError, match="input/output error"):
        run(configure(*SMALL), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# Looking in


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("division by zero"),
        AssertionError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        OSError(5, "I/O"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_probe_that_raises_anything_is_told_once_and_training_goes_on(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def raises(*_: object) -> None:
        raise error

    monkeypatch.setattr(FeatureMapProbe, "look", raises)
    events: list[Event] = []
    control = Control()
    control.watch(Watch("features.0"))
    train(configure(*SMALL, "train.epochs=1"), events.append, control, out=tmp_path / "run")
    (text,) = warnings(events)
    assert text.startswith("the feature maps of features.0 cannot be shown: ")
    assert (str(error) or "AssertionError") in text
    assert len([event for event in events if isinstance(event, StepEnded)]) == 5
    assert ending(events).reason == "finished"


def test_a_probe_that_fails_inside_a_layer_leaves_no_trace(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(*SMALL, "model.dropout2d=0.2")
    whole = run(config, tmp_path / "whole")
    break_forward(monkeypatch, lambda _, x, learning: ValueError("odd image") if len(x) == 1 else None)
    events: list[Event] = []
    control = Control()
    control.watch(Watch("features.0"))
    train(config, events.append, control, out=tmp_path / "run")
    assert warnings(events) == ["the feature maps of features.0 cannot be shown: odd image"]
    assert not [event for event in events if isinstance(event, FeatureMaps)]
    assert told(events) == told(whole)


# Clock, lock


def test_a_clock_that_goes_backwards_changes_nothing(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(*SMALL)
    whole = run(config, tmp_path / "whole")
    now = [2e9]

    def backwards() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", backwards)
    monkeypatch.setattr(time, "time_ns", lambda: int(backwards() * 1e9))
    events = run(config, tmp_path / "run")
    assert told(events) == told(whole)
    assert 0 < ending(events).seconds < 600
    rates = [event.images_per_second for event in events if isinstance(event, StepEnded | EpochEnded)]
    assert all(0 < rate < 1e6 for rate in rates)
    assert read_checkpoint(tmp_path / "run")[0].position.spent > 0


def test_a_folder_that_another_process_writes_is_left_alone(configure: Configure, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(configure(*SMALL), folder, stop_at=3)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code = f"""
        import sys
        from pathlib import Path
        from cnnstudio.core.lock import exclusive
        with exclusive(Path({str(folder)!r}) / ".lock", lambda: None):
            print("held", flush=True)
            sys.stdin.read()
    """
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="the run is being written by another window or program"):
        resume(folder)
    other.communicate("", timeout=30)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert ending(resume(folder)).reason == "finished"


# Signals


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="nobody can catch SIGTERM there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_ends_the_program_and_the_run_can_go_on(
    bright_and_dark: Path, tmp_path: Path, number: signal.Signals, times: int
) -> None:
    folder = tmp_path / "run"
    settings = ("data.image_size=32", "data.batch_size=8", "train.epochs=5000", "train.lr=0.003", "model.width=8")
    command = [sys.executable, "-m", "cnnstudio", "train", f"--data={bright_and_dark}", f"--out={folder}", "--json"]
    process = subprocess.Popen(
        [*command, *(f"--set={each}" for each in settings)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "epoch":
            break
    for _ in range(times):
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    if times == 1:
        ended = json.loads(out.splitlines()[-1])
        assert (ended["event"], ended["reason"]) == ("run_ended", "stopped")
        assert ended["best_val_accuracy"] is not None
    assert load_model(folder, device="cpu").classes == ("left", "top")
    assert ending(resume(folder, stop_at=read_checkpoint(folder)[0].position.step + 2)).reason == "stopped"


def test_weights_that_lie_about_themselves_are_refused_in_words(configure: Configure, tmp_path: Path) -> None:
    run(configure(*SMALL, "train.epochs=1"), tmp_path / "run")
    header = json.dumps({"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}).encode()
    (tmp_path / "run" / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(1))
    with pytest.raises(InputError, match=r"the weights do not load: .*model\.safetensors"):
        load_model(tmp_path / "run", device="cpu")
