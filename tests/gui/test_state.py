from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from PIL import Image

from cnnstudio.core.events import Event, Phase, Warned
from cnnstudio.data.survey import survey
from cnnstudio.gui.state import RunStatus, RunView, SessionState, Work
from tests.gui.events import ended, epoch, maps, started, step


@pytest.fixture
def looked_at(tmp_path: Path) -> SessionState:
    """Return a state from which a run can start."""
    for name in ("robin", "wren"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("RGB", (8, 8)).save(tmp_path / name / f"{number}.png")
    return SessionState(survey=survey(tmp_path, val_fraction=0.3, seed=0), torch_ready=True)


def test_a_view_tells_the_whole_story() -> None:
    note = Warned(text="One image is grey.")
    story: list[Event] = [
        Phase(text="Reading 100 images", done=0.5),
        started(),
        Phase(text="Training all layers, epoch 1 of 10", done=0.0),
        step(0.5, loss=0.9),
        maps("features.0"),
        step(1.0, loss=0.7),
        epoch(1, val_accuracy=0.6),
        note,
        step(1.5, loss=0.6),
        epoch(2, val_accuracy=0.5, best=False),
    ]
    blank = RunView(status="running")
    view = blank.after(story)
    assert view.work == Work("Training all layers, epoch 1 of 10", 0.0)
    assert view.started == started()
    assert view.step == step(1.5, loss=0.6)
    assert [each.epoch for each in view.epochs] == [1, 2]
    assert view.notes == (note,)
    assert view.best == epoch(1, val_accuracy=0.6)
    assert (view.status, view.ended) == ("running", None)
    assert blank == RunView(status="running")
    over = view.after([ended()])
    assert (over.ended, over.work, over.epochs) == (ended(), None, view.epochs)


def test_what_a_run_told_before_it_began_anew_does_not_count() -> None:
    note = Warned(text="an image is set aside, and the run has begun anew without it: truncated")
    view = RunView().after([started(images=80), step(0.5), epoch(1), note, started(images=72), step(0.1)])
    assert view == RunView(started=started(images=72), step=step(0.1), notes=(note,))
    assert view.after([started().model_copy(update={"resumed_step": 1})]).step == step(0.1)


def test_events_one_by_one_or_all_at_once_are_the_same() -> None:
    story: list[Event] = [started(), step(0.5), epoch(1), step(1.5), epoch(2, best=False), ended("stopped")]
    one_by_one = RunView()
    for event in story:
        one_by_one = one_by_one.after([event])
    assert one_by_one == RunView().after(story)


def test_the_latest_best_epoch_is_the_best() -> None:
    view = RunView().after([epoch(1), epoch(2, best=False), epoch(3), epoch(4, best=False)])
    assert view.best == epoch(3)
    assert RunView().after([epoch(1, best=False)]).best is None


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], False),
        ([started(), step(0.5)], False),
        ([started(), epoch(1)], True),
        ([started(), ended("stopped", accuracy=None, at=None)], True),  # its weights are kept all the same
        ([ended("stopped", accuracy=None, at=None, run="")], False),  # stopped while images were read
        ([started(), ended("failed", accuracy=None, at=None)], False),
        ([started(), epoch(1), ended("failed")], True),
    ],
)
def test_there_is_a_model_once_weights_were_kept(events: list[Event], expected: bool) -> None:
    assert RunView().after(events).has_model == expected


def test_the_time_left_goes_by_speed_at_first_and_by_whole_epochs_later() -> None:
    running = RunView(status="running")
    assert running.seconds_left is None
    assert running.after([started(epochs=10)]).seconds_left is None
    first = running.after([started(epochs=10, images=80), step(0.5, speed=40.0)])
    assert first.seconds_left == pytest.approx(9.5 * 80 / 40)
    later = first.after([epoch(1, seconds=3.0), epoch(2, seconds=5.0), step(2.5)])
    assert later.seconds_left == pytest.approx(7.5 * 4.0)
    assert later.after([step(10.0)]).seconds_left == 0.0
    assert RunView(status="ended").after([started(), step(1.0)]).seconds_left is None


@pytest.mark.parametrize(
    ("status", "active"),
    [("none", False), ("running", True), ("pausing", True), ("paused", True), ("stopping", True), ("ended", False)],
)
def test_a_run_is_active_while_it_has_a_thread(status: RunStatus, active: bool) -> None:
    assert RunView(status=status).active == active


def test_the_start_is_refused_with_the_most_pressing_reason(looked_at: SessionState) -> None:
    assert looked_at.start_refusal == ""
    assert SessionState().start_refusal == "Choose a folder of images first: drop it on the Data page."
    looking = replace(looked_at, surveying=Work("Looking at 6 images", 0.5), model_problem="No.", torch_ready=False)
    assert looking.start_refusal == "The images are still being looked at."
    assert replace(looking, surveying=None).start_refusal == "No."
    assert replace(looked_at, torch_ready=False).start_refusal == "PyTorch is still loading."


def test_states_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(SessionState(), "torch_ready", True)  # noqa: B010 - what mypy would refuse
    with pytest.raises(FrozenInstanceError):
        setattr(RunView(), "status", "running")  # noqa: B010
