import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import EpochEnded, Event, Phase, Pulse, RunEnded, RunStarted, StepEnded, Warned
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.core.serial import from_line
from cnnstudio.engine.evaluate import load_model
from cnnstudio.engine.probes import to_tiles
from cnnstudio.engine.trainer import train

Configure = Callable[..., Config]


def run(config: Config, out: Path, control: Control | None = None) -> list[Event]:
    events: list[Event] = []
    train(config, events.append, control or Control(), out=out)
    return events


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepEnded)]


def test_a_run_tells_its_story_in_order(configure: Configure, tmp_path: Path) -> None:
    events = run(configure(), tmp_path / "run")

    assert [type(event) for event in events if not isinstance(event, Phase | Pulse)] == [
        RunStarted,
        *[StepEnded] * 5,
        EpochEnded,
        *[StepEnded] * 5,
        EpochEnded,
        RunEnded,
    ]
    started = next(event for event in events if isinstance(event, RunStarted))
    assert started.classes == ("left", "top")
    assert (started.train_images, started.val_images, started.steps_per_epoch) == (38, 10, 5)
    assert (started.val_counts, started.val_twins) == ((5, 5), 0)
    assert started.trainable == started.parameters > 1000
    assert started.config.train.lr == 0.003
    assert started.config.data.image_size == 32
    steps = [event for event in events if isinstance(event, StepEnded)]
    assert [step.epoch for step in steps] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0])
    assert all(sum(event.predicted) == 10 for event in events if isinstance(event, EpochEnded))
    texts = [event.text for event in events if isinstance(event, Phase)]
    assert "Reading 48 images" in texts
    assert "Training all layers, epoch 2 of 2" in texts


def test_a_run_learns_and_keeps_its_best_weights(configure: Configure, tmp_path: Path) -> None:
    events = run(configure("train.epochs=4"), tmp_path / "run")

    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "finished"
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    assert ended.best_val_accuracy == max(epoch.val_accuracy for epoch in epochs) >= 0.9
    assert epochs[-1].train_loss < epochs[0].train_loss / 2
    kept = [epoch for epoch in epochs if epoch.best]
    assert ended.best_epoch == kept[-1].epoch
    model = load_model(tmp_path / "run", device="cpu")
    folder = Path(model.config.data.folder)
    answers = [model.predict(path) for path in sorted(folder.rglob("*.png"))]
    right = sum(answer.top(1)[0][0] == answer.image.parent.name for answer in answers)
    assert right / len(answers) >= 0.9
    assert all(float(answer.probabilities.sum()) == pytest.approx(1.0, abs=1e-5) for answer in answers)


def test_the_run_folder_holds_what_the_design_says(configure: Configure, tmp_path: Path) -> None:
    events = run(configure(), tmp_path / "run")

    names = {path.name for path in (tmp_path / "run").iterdir()}
    weights = {"model.safetensors", "last.ckpt", "previous.ckpt"}
    assert names == {"config.toml", "events.jsonl", "classes.json", "versions.json", "history", *weights}
    assert json.loads((tmp_path / "run" / "classes.json").read_text()) == ["left", "top"]
    assert json.loads((tmp_path / "run" / "versions.json").read_text())["torch"] == torch.__version__
    kept = load_config(tmp_path / "run" / "config.toml")
    assert kept == next(event for event in events if isinstance(event, RunStarted)).config
    lines = (tmp_path / "run" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [from_line(line) for line in lines] == [event for event in events if not isinstance(event, Phase)]
    checkpoint = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert (checkpoint["epoch"], checkpoint["batch"], checkpoint["step"]) == (3, 0, 10)


def test_the_same_seed_gives_the_same_losses_and_weights(configure: Configure, tmp_path: Path) -> None:
    config = configure("data.augment=true", "model.dropout2d=0.2", "compute.deterministic=true")
    first, second = run(config, tmp_path / "a"), run(config, tmp_path / "b")
    other = run(config.replace("train.seed", 1), tmp_path / "c")

    assert losses(first) == losses(second)
    assert losses(first) != losses(other)
    weights = load_file(tmp_path / "a" / "model.safetensors"), load_file(tmp_path / "b" / "model.safetensors")
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_thread_gives_the_same_losses_as_the_main_thread(configure: Configure, tmp_path: Path) -> None:
    here = run(configure(), tmp_path / "a")
    there: list[Event] = []
    thread = threading.Thread(target=lambda: there.extend(run(configure(), tmp_path / "b")))
    thread.start()
    thread.join()

    assert losses(there) == losses(here)


def test_watching_changes_neither_losses_nor_weights(configure: Configure, tmp_path: Path) -> None:
    config = configure("model.dropout2d=0.2")
    plain = run(config, tmp_path / "plain")
    layers = next(event for event in plain if isinstance(event, RunStarted)).layers
    control = Control()
    control.watch(Watch(layers[-1]))
    watched = run(config, tmp_path / "watched", control)

    assert losses(watched) == losses(plain)
    maps = [event for event in watched if isinstance(event, FeatureMaps)]
    assert maps
    assert maps[0].layer == layers[-1]
    assert maps[0].tiles.dtype == np.uint8
    assert maps[0].tiles.shape == maps[0].shape
    assert float(maps[0].probabilities.sum()) == pytest.approx(1.0, abs=1e-5)


def test_pause_holds_and_resume_goes_on(configure: Configure, tmp_path: Path) -> None:
    control = Control()
    events: list[Event] = []
    reached = threading.Event()

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepEnded) and event.step == 3:
            control.pause()
            reached.set()

    thread = threading.Thread(target=lambda: train(configure(), sink, control, out=tmp_path / "run"))
    thread.start()
    assert reached.wait(60)
    thread.join(0.5)
    assert thread.is_alive()
    assert len(losses(events)) == 3
    control.resume()
    thread.join(60)
    assert losses(events) == losses(run(configure(), tmp_path / "unpaused"))


def test_a_paused_run_still_shows_what_is_asked_for(configure: Configure, tmp_path: Path) -> None:
    control = Control()
    events: list[Event] = []
    paused, shown = threading.Event(), threading.Event()

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepEnded) and event.step == 2:
            control.pause()
            paused.set()
        if isinstance(event, FeatureMaps):
            shown.set()

    thread = threading.Thread(target=lambda: train(configure(), sink, control, out=tmp_path / "run"))
    thread.start()
    assert paused.wait(60)
    started = next(event for event in events if isinstance(event, RunStarted))
    control.watch(Watch(started.layers[0]))
    assert shown.wait(60)
    control.stop()
    thread.join(60)
    maps = next(event for event in events if isinstance(event, FeatureMaps))
    assert (maps.layer, maps.step) == (started.layers[0], 2)


def test_stop_acts_within_one_batch_and_keeps_a_model(configure: Configure, tmp_path: Path) -> None:
    control = Control()
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepEnded) and event.step == 7:
            control.stop()

    ended = train(configure("train.epochs=50"), sink, control, out=tmp_path / "run")

    assert ended.reason == "stopped"
    assert len(losses(events)) == 7
    assert ended.best_epoch == 1
    assert load_model(tmp_path / "run", device="cpu").classes == ("left", "top")


def test_stop_within_the_first_epoch_keeps_what_there_is(configure: Configure, tmp_path: Path) -> None:
    control = Control()

    def sink(event: Event) -> None:
        if isinstance(event, StepEnded):
            control.stop()

    ended = train(configure(), sink, control, out=tmp_path / "run")

    assert (ended.reason, ended.best_val_accuracy, ended.best_epoch) == ("stopped", None, None)
    assert load_model(tmp_path / "run", device="cpu").classes == ("left", "top")


def test_stop_while_reading_leaves_no_run_behind(configure: Configure, tmp_path: Path) -> None:
    control = Control()

    def sink(event: Event) -> None:
        if isinstance(event, Phase) and event.text.startswith("Reading"):
            control.stop()

    ended = train(configure(), sink, control, out=tmp_path / "run")

    assert (ended.reason, ended.run) == ("stopped", "")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_ends_the_run_in_words(configure: Configure, tmp_path: Path) -> None:
    events = run(configure("train.lr=100", "train.optimizer=sgd", "model.batchnorm=false"), tmp_path / "run")

    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "failed"
    assert "no longer a number" in ended.message
    assert "lower train.lr" in ended.message


def test_an_image_that_is_damaged_is_set_aside_and_named(
    configure: Configure, bright_and_dark: Path, tmp_path: Path
) -> None:
    root = tmp_path / "images"
    for path in bright_and_dark.rglob("*.png"):
        target = root / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    bad = root / "left" / "00.png"
    bad.write_bytes(bad.read_bytes()[:300])
    events = run(configure(f"data.folder='{root}'", "train.epochs=1"), tmp_path / "run")

    started = next(event for event in events if isinstance(event, RunStarted))
    assert [aside.path for aside in started.set_aside] == [str(bad.resolve())]
    assert started.train_images + started.val_images == 47
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished"


def test_a_preview_that_cannot_be_shown_is_a_warning(configure: Configure, tmp_path: Path) -> None:
    control = Control()
    control.watch(Watch("no.such.layer"))
    events = run(configure("train.epochs=1"), tmp_path / "run", control)

    warnings = [event.text for event in events if isinstance(event, Warned)]
    assert warnings == ["there is no layer no.such.layer to show"]
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished"


def test_a_pause_is_no_training_time(configure: Configure, tmp_path: Path) -> None:
    control = Control()
    epochs: list[EpochEnded] = []

    def sink(event: Event) -> None:
        if isinstance(event, StepEnded) and event.step == 2:
            control.pause()
            threading.Timer(3.0, control.resume).start()
        if isinstance(event, EpochEnded):
            epochs.append(event)

    began = time.monotonic()
    train(configure("train.epochs=1"), sink, control, out=tmp_path / "run")
    assert epochs[0].seconds < time.monotonic() - began - 3.0


def test_the_run_knows_its_images_wherever_it_is_opened(
    configure: Configure, bright_and_dark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bright_and_dark.parent)
    events = run(configure(f"data.folder='{bright_and_dark.name}'", "train.epochs=1"), tmp_path / "run")
    started = next(event for event in events if isinstance(event, RunStarted))
    assert started.config.data.folder == str(bright_and_dark)


def test_what_goes_wrong_before_the_first_step_is_told_too(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_little(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("cnnstudio.engine.device.Compute.place", too_little)
    events = run(configure(), tmp_path / "run")
    assert isinstance(events[-1], RunEnded)
    assert (events[-1].reason, events[-1].run) == ("failed", "")
    assert "lower data.batch_size" in events[-1].message
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said_before_the_images_are_read(
    configure: Configure, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="the run folder cannot be written: permission denied"):
        run(configure(), tmp_path / "run")


def test_nothing_is_overwritten(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="nothing is overwritten"):
        run(configure(), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_frozen_weights_stay_bit_identical(configure: Configure, tmp_path: Path) -> None:
    config = configure("transfer.mode=freeze", "model.pretrained=false")
    events = run(config, tmp_path / "run")
    started = next(event for event in events if isinstance(event, RunStarted))
    assert 0 < started.trainable < started.parameters
    from cnnstudio.models.create import create

    torch.manual_seed(config.train.seed)
    network, _ = create(config, classes=2)
    before, after = network.state_dict(), load_file(tmp_path / "run" / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {f"{network.head}.weight", f"{network.head}.bias"}


def test_freeze_then_finetune_trains_the_head_first_and_then_all(configure: Configure, tmp_path: Path) -> None:
    config = configure("transfer.mode=freeze_then_finetune", "model.pretrained=false", "train.epochs=4")
    events = run(config, tmp_path / "run")

    texts = [event.text for event in events if isinstance(event, Phase) and event.text.startswith("Training")]
    assert texts == [
        "Training head only, epoch 1 of 4",
        "Training all layers, epoch 2 of 4",
        "Training all layers, epoch 3 of 4",
        "Training all layers, epoch 4 of 4",
    ]


def test_a_full_disk_ends_the_run_in_words_and_the_listener_hears_it(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cnnstudio.engine.checkpoint.RunFolder.save_last", full)
    events = run(configure(), tmp_path / "run")

    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "failed"
    assert ended.message.startswith("the disk is full; make room (details in error.txt")
    assert load_model(tmp_path / "run", device="cpu").classes == ("left", "top")
    assert "OSError" in (tmp_path / "run" / "error.txt").read_text()


def test_a_layer_is_reported_by_what_it_computes_not_by_what_comes_after(configure: Configure, tmp_path: Path) -> None:
    control = Control()
    seen: list[FeatureMaps] = []

    def sink(event: Event) -> None:
        if isinstance(event, RunStarted):
            control.watch(Watch(event.layers[0]))
        if isinstance(event, StepEnded) and event.step == 2:
            control.pause()  # the maps of the pause are those of the weights that are kept
        if isinstance(event, FeatureMaps) and event.step == 2:
            seen.append(event)
            control.stop()

    # in the arithmetic in which a model answers; where the run is faster in bfloat16, it would take that
    train(configure("train.epochs=30", "compute.precision=float32"), sink, control, out=tmp_path / "run")
    model = load_model(tmp_path / "run", device="cpu")
    image = Path(seen[0].image)
    answers: list[torch.Tensor] = []
    layer = model.network.get_submodule(seen[0].layer)
    layer.register_forward_hook(lambda _module, _inputs, output: answers.append(output.clone()))
    prediction = model.predict(image)

    assert seen[0].shape == tuple(answers[0].shape[1:])
    np.testing.assert_array_equal(seen[0].tiles, to_tiles(answers[0][0]))
    np.testing.assert_allclose(seen[0].probabilities, prediction.probabilities, atol=1e-5)
