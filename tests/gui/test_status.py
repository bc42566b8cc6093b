from dataclasses import replace
from pathlib import Path

import pytest

from cnnstudio.core.config import Config
from cnnstudio.core.events import Event, Phase, Tried
from cnnstudio.data.scan import Catalog
from cnnstudio.data.splits import Split
from cnnstudio.data.survey import Survey
from cnnstudio.gui.panels.rail import Badge
from cnnstudio.gui.panels.top_bar import RunState
from cnnstudio.gui.state import RunStatus, RunView, SessionState, Work
from cnnstudio.gui.status import badges, device, figures, present_work, subtitle, top_bar_state
from cnnstudio.gui.weights_view import Download, WeightsView
from cnnstudio.models.weight_sources import WeightSource
from tests.gui.events import ended, epoch, started, step

SURVEY = Survey(Catalog(Path("/images/birds"), ("robin", "wren"), ()), Split((), ()), ())
OPEN = SessionState(
    config=Config().replace("data.folder", "/images/birds").replace("model.arch", "resnet18"),
    survey=SURVEY,
    torch_ready=True,
    device="CPU · bf16",
    device_reason="x86. PyTorch finds no GPU that it can use, so the CPU computes.",
)


def running(*events: Event, status: RunStatus = "running", work: Work | None = None) -> SessionState:
    return replace(OPEN, run=RunView(status=status, work=work or Work("Starting")).after(events))


@pytest.mark.parametrize(
    ("status", "button"),
    [
        ("none", "idle"),
        ("running", "running"),
        ("pausing", "paused"),
        ("paused", "paused"),
        ("stopping", "stopping"),
        ("ended", "idle"),
    ],
)
def test_the_start_button_is_about_the_run(status: RunStatus, button: RunState) -> None:
    assert top_bar_state(running(status=status)) == button


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SessionState(), "Loading PyTorch"),
        (SessionState(torch_ready=True), "Drop a folder of images, or take a sample"),
        (OPEN, "Ready"),
        (replace(OPEN, torch_ready=False), "Loading PyTorch"),
        (running(), "Starting"),
        (running(status="pausing"), "Pausing …"),
        (running(started(), step(0.5), status="pausing"), "Pausing after this batch …"),
        (running(started(), step(0.5), status="paused"), "Paused. Space goes on"),
        (running(status="stopping"), "Stopping …"),
        (running(started(), step(0.5), status="stopping"), "Stopping after this batch …"),
        (
            running(started(), ended(accuracy=0.914, at=7), status="ended"),
            "Finished after 1 min 15 s: 91.4 % at epoch 7",
        ),
        (running(started(), ended("stopped", at=3), status="ended"), "Stopped after 1 min 15 s: 90.0 % at epoch 3"),
        (running(ended("stopped", accuracy=None, at=None), status="ended"), "Stopped before the first epoch ended"),
        (running(ended("failed", accuracy=None, at=None), status="ended"), "Failed"),
        (running(started(), ended()), "Finished after 1 min 15 s: 90.0 % at epoch 3"),  # its thread is about to end
    ],
)
def test_the_status_bar_says_what_happens(state: SessionState, words: str) -> None:
    assert present_work(state) == Work(words)


def test_work_is_shown_with_its_progress() -> None:
    looking = Work("Looking at 1,741 images", 0.25)
    assert present_work(replace(OPEN, surveying=looking)) == looking
    reading = Work("Reading 1,741 images", 0.5)
    assert present_work(replace(running(work=reading), surveying=looking)) == reading


def test_a_download_is_told_where_nothing_else_happens() -> None:
    source = WeightSource("resnet18", "ResNet-18", "IMAGENET1K_V1", "resnet18-f37072fd.pth", 44.661)
    coming = replace(OPEN, weights=WeightsView(download=Download(source, 11_700_000, 46_800_000)))
    assert present_work(coming) == Work("Downloading ResNet-18, 11.7 of 46.8 MB", 0.25)
    assert badges(coming)["model"] == "busy"
    assert badges(replace(coming, model_problem="It does not fit."))["model"] == "attention"
    busy = running(work=Work("Reading 80 images", 0.5))
    assert present_work(replace(busy, weights=coming.weights)) == Work("Reading 80 images", 0.5)


def test_progress_of_training_goes_by_steps() -> None:
    training = Phase(text="Training all layers, epoch 3 of 10", done=0.2)
    validating = Phase(text="Validating epoch 3", done=0.295)
    assert present_work(running(training)) == Work(training.text, 0.2)
    assert present_work(running(started(epochs=10), training, step(2.5))) == Work(training.text, 0.25)
    assert present_work(running(started(epochs=10), step(3.0), validating)) == Work(validating.text, 0.295)


def test_figures_are_shown_while_a_run_goes_on() -> None:
    assert figures(OPEN) == ()
    assert figures(running(started())) == ()
    assert figures(running(started(epochs=10, images=80), step(0.5, speed=1234.4))) == ("1,234 images/s", "1 s left")
    assert figures(running(started(epochs=10), step(2.0), epoch(1, seconds=20.0))) == ("40 images/s", "2 min 40 s left")
    assert figures(running(started(), step(0.5), ended(), status="ended")) == ()


def test_the_subtitle_names_what_is_open() -> None:
    assert subtitle(SessionState()) == ""
    assert subtitle(OPEN) == "birds · resnet18"
    assert subtitle(running(started(run="/runs/birds-compact-7"))) == "birds · birds-compact-7"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SessionState(), ("attention", "none", "none", "none")),
        (SessionState(surveying=Work("Looking")), ("busy", "none", "none", "none")),
        (OPEN, ("ready", "none", "none", "none")),
        (replace(OPEN, model_problem="It does not fit."), ("ready", "attention", "none", "none")),
        (running(started()), ("ready", "none", "busy", "none")),
        (running(started(), epoch(1), ended(), status="ended"), ("ready", "none", "ready", "none")),
        (replace(OPEN, model_folder=Path("/runs/1")), ("ready", "none", "none", "ready")),
    ],
)
def test_pages_have_badges(state: SessionState, expected: tuple[Badge, Badge, Badge, Badge]) -> None:
    assert badges(state) == dict(zip(("data", "model", "train", "test"), expected, strict=True))


def test_a_described_network_is_ready() -> None:
    from cnnstudio.models.summary import Summary

    summary = Summary((), 96, 0, 0, 0, 16, ())
    assert badges(replace(OPEN, summary=summary))["model"] == "ready"


def test_the_device_chip_names_what_really_computes() -> None:
    reason = OPEN.device_reason
    assert device(SessionState()) == ("Looking for devices…", "unknown", "PyTorch is still loading.")
    assert device(OPEN) == ("CPU · bf16", "good", reason)
    assert device(running(started())) == (
        "CPU · fp32",
        "good",
        f"This run uses CPU · fp32; the next one uses CPU · bf16. {reason}",
    )
    assert device(replace(running(started()), device="CPU · fp32"))[2] == reason
    assert device(running(started(), ended(), status="ended")) == ("CPU · bf16", "good", reason)


def test_a_device_that_is_not_there_is_no_device() -> None:
    why = "no device 'cuda' on this machine [compute.device]: use auto or one of cpu"
    missing = replace(OPEN, device="", device_reason=why)
    assert device(missing) == ("No such device", "warn", why)
    still = replace(running(started()), device="", device_reason=why)
    assert device(still) == ("CPU · fp32", "good", f"This run uses CPU · fp32; the next one cannot start. {why}")


TRIED = (
    Tried(precision="float32", memory_format="channels_last", images_per_second=21.4),
    Tried(precision="float32", memory_format="contiguous", images_per_second=1234.5),
)


def test_the_device_chip_tells_what_was_tried() -> None:
    reason = OPEN.device_reason
    opening = started().model_copy(
        update={"device": "CPU · bf16", "tuning": "Tried before the run, with 8 images a step.", "tuned": TRIED}
    )
    table = (
        "Tried before the run, with 8 images a step:\n"
        "float32 · channels_last: 21 images/s\n"
        "float32 · contiguous: 1,234 images/s"
    )
    assert device(running(opening))[2] == f"{reason}\n{table}"
    other = opening.model_copy(update={"device": "CPU · fp32"})
    assert device(running(other))[2].endswith(f"{reason}\n{table}")
    next_run = replace(OPEN, arithmetic="Not tuned.")
    assert device(next_run)[2] == f"{reason}\nNot tuned."
    assert device(replace(running(opening), arithmetic="Not tuned."))[2] == f"{reason}\n{table}"
    assert device(replace(running(opening, ended(), status="ended"), arithmetic="Not tuned."))[2].endswith("Not tuned.")


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (1.07, "Deterministic algorithms cost 7 % of speed."),
        (1.01, "Deterministic algorithms cost nothing measurable."),
        (0.97, "Deterministic algorithms cost nothing measurable."),
        (None, ""),
    ],
)
def test_the_device_chip_tells_what_being_deterministic_costs(cost: float | None, words: str) -> None:
    opening = started().model_copy(update={"device": "CPU · bf16", "deterministic_cost": cost})
    assert device(running(opening))[2].split("\n")[1:] == ([words] if words else [])
