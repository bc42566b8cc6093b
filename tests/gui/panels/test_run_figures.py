import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cnnstudio.core.events import Event
from cnnstudio.gui.panels.run_figures import RunFigures
from cnnstudio.gui.session import Session
from cnnstudio.gui.widgets.key_values import KeyValues
from tests.gui.events import ended, epoch, started, step
from tests.gui.sessions import begin, feed, finish

NOTHING = {
    "Val accuracy": "–",
    "Best": "–",
    "Since best": "–",
    "Training loss": "–",
    "Speed": "–",
    "Learning rate": "–",
    "Weights": "–",
    "Time left": "–",
}


@pytest.fixture
def panel(qtbot: QtBot, session: Session) -> RunFigures:
    panel = RunFigures(session)
    qtbot.addWidget(panel)
    return panel


def figures(panel: RunFigures) -> dict[str, str]:
    """Return all figures but the memory, which is the machine's."""
    values = panel.findChild(KeyValues, "train.figures.values")
    assert values is not None
    return {key: values.value(key) for key in values.keys() if key != "Memory"}  # noqa: SIM118 - not a mapping


def test_before_a_run_there_are_no_figures(panel: RunFigures, session: Session) -> None:
    assert figures(panel) == NOTHING
    begin(session)
    feed(session, started())
    assert figures(panel) == NOTHING | {"Weights": "random"}


def test_the_figures_follow_the_run(panel: RunFigures, session: Session) -> None:
    begin(session)
    feed(session, started(epochs=10, images=80), step(0.5, loss=0.6934, lr=0.00123, speed=40.0))
    assert figures(panel) == NOTHING | {
        "Training loss": "0.693",
        "Speed": "40 images/s",
        "Learning rate": "1.2e-03",
        "Weights": "random",
        "Time left": "19 s",
    }
    feed(session, step(1.0, loss=0.5, lr=0.003, speed=1234.0), epoch(1, val_accuracy=0.8, seconds=20.0))
    assert figures(panel) == {
        "Val accuracy": "80.0 % ± 16.8",  # 1.96 · √(0.8 · 0.2 / 20)
        "Best": "80.0 % at epoch 1",
        "Since best": "this epoch",
        "Training loss": "0.500",
        "Speed": "1,234 images/s",
        "Learning rate": "3.0e-03",
        "Weights": "random",
        "Time left": "3 min 0 s",
    }


@pytest.mark.parametrize(
    ("later", "best", "since"),
    [
        ([epoch(2, val_accuracy=0.7, best=False)], "80.0 % at epoch 1", "1 epoch"),
        (
            [epoch(2, val_accuracy=0.7, best=False), epoch(3, val_accuracy=0.75, best=False)],
            "80.0 % at epoch 1",
            "2 epochs",
        ),
        ([epoch(2, val_accuracy=0.7, best=False), epoch(3, val_accuracy=0.9)], "90.0 % at epoch 3", "this epoch"),
    ],
)
def test_epochs_since_the_best_are_counted(
    panel: RunFigures, session: Session, later: list[Event], best: str, since: str
) -> None:
    begin(session)
    feed(session, started(), epoch(1, val_accuracy=0.8), *later)
    shown = figures(panel)
    assert (shown["Best"], shown["Since best"]) == (best, since)


def test_a_perfect_share_of_few_images_is_not_certain(panel: RunFigures, session: Session) -> None:
    begin(session)
    feed(session, started(), epoch(1, val_accuracy=1.0))
    assert figures(panel)["Val accuracy"] == "100.0 % ± 8.1"


def test_a_run_that_has_ended_leaves_its_figures_but_no_time(panel: RunFigures, session: Session) -> None:
    begin(session)
    feed(session, started(), step(1.0), epoch(1), ended())
    finish(session)
    shown = figures(panel)
    assert (shown["Best"], shown["Time left"]) == ("80.0 % at epoch 1", "–")
    begin(session)
    assert figures(panel) == NOTHING


def test_the_weights_of_the_run_are_told_with_what_was_not_used(panel: RunFigures, session: Session) -> None:
    words = "ResNet-18, ImageNet: 120 of 122 tensors loaded; not used: fc.weight, fc.bias"
    told = started().model_copy(
        update={"weights": words, "weights_loaded": 120, "weights_skipped": ("fc.weight", "fc.bias")}
    )
    begin(session)
    feed(session, told)
    assert figures(panel)["Weights"] == "120 of 122 tensors"
    value = panel.findChild(QLabel, "train.figures.values.weights")
    assert value is not None
    assert (value.toolTip(), value.accessibleDescription()) == (words, words)


def test_memory_is_that_of_the_process(panel: RunFigures, monkeypatch: pytest.MonkeyPatch) -> None:
    values = panel.findChild(KeyValues, "train.figures.values")
    assert values is not None
    assert 0.05 < float(values.value("Memory").removesuffix(" GB")) < 100
    monkeypatch.setattr(panel._process, "memory_info", lambda: type("Memory", (), {"rss": 2.34e9}))
    panel._timer.timeout.emit()
    assert values.value("Memory") == "2.3 GB"
