from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.events import RunStarted
from cnnstudio.gui.panels.network_panel import NEXT, OTHER, THIS, NetworkPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.key_values import KeyValues
from cnnstudio.gui.widgets.stage_column import StageColumn
from tests.gui.events import changed, ended, started, step
from tests.gui.sessions import WAIT, begin, feed, finish

T = TypeVar("T", bound=QWidget)


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> NetworkPanel:
    panel = NetworkPanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(316, 478)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def part(panel: NetworkPanel, kind: type[T], name: str) -> T:
    found = panel.findChild(kind, name)
    assert found is not None
    return found


def describe(qtbot: QtBot, session: Session, arch: str, **transfer: object) -> None:
    """Choose an architecture, and wait for its layers."""
    config = Config().replace("model.arch", arch)
    for name, value in transfer.items():
        config = config.replace(f"transfer.{name}", value)
    before = session.state.summary
    session.use_config(config)
    if not session.state.torch_ready:
        session.load_torch()
    qtbot.waitUntil(lambda: session.state.summary not in {before, None}, timeout=60_000)


def figures(panel: NetworkPanel) -> dict[str, str]:
    values = part(panel, KeyValues, "network.values")
    return {key: values.value(key) for key in values.keys()}  # noqa: SIM118 - not a mapping


def test_words_stand_in_until_torch_is_loaded(panel: NetworkPanel) -> None:
    assert part(panel, QLabel, "network.empty").text() == "PyTorch is loading."
    assert part(panel, QLabel, "network.total").text() == "Compact CNN"
    assert not part(panel, StageColumn, "stage_column").isVisible()
    assert panel.layer() == ""


def test_stages_and_the_first_layer_are_shown(qtbot: QtBot, panel: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "resnet18")
    column = part(panel, StageColumn, "stage_column")
    assert [(stage.title, stage.shape) for stage in column.stages] == [
        ("7×7 stem", "56²"),
        ("layer1 · 64 maps", "56²"),
        ("layer2 · 128 maps", "28²"),
        ("layer3 · 256 maps", "14²"),
        ("layer4 · 512 maps", "7²"),
        ("head · Classifier", ""),
    ]
    assert part(panel, QLabel, "network.total").text() == "ResNet-18 · 11.7 M"
    assert (panel.layer(), column.chosen) == ("conv1", "stem")
    assert part(panel, QLabel, "network.layer_type").text() == "Conv2d · learns"
    assert figures(panel) == {
        "Output": "64 × 112²",
        "Kernel": "7×7 · stride 2 · same",
        "Parameters": "9,408",  # 7 · 7 · 3 · 64, no bias before BatchNorm
        "FLOPs": "236 M",
        "Receptive field": "7 px",
        "Memory": "3.1 MB",  # 64 · 112 · 112 numbers of four bytes
    }


def test_a_stage_leads_to_its_first_layer(qtbot: QtBot, panel: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "resnet18")
    column = part(panel, StageColumn, "stage_column")
    with qtbot.waitSignal(panel.layer_chosen) as told:
        row = column.visualItemRect(column.item(2)).center()
        QTest.mouseClick(column.viewport(), Qt.MouseButton.LeftButton, pos=row)
    assert told.args == ["layer2.0.conv1"]
    assert part(panel, QLabel, "network.layer").text() == "layer2.0.conv1"
    assert figures(panel)["Parameters"] == "73,728"
    with qtbot.waitSignal(panel.layer_chosen) as told:
        QTest.keyClick(column, Qt.Key.Key_Down)
    assert told.args == ["layer3.0.conv1"]


def test_a_layer_marks_its_stage_without_a_signal(qtbot: QtBot, panel: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "resnet18")
    with qtbot.assertNotEmitted(panel.layer_chosen):
        panel.select_layer("fc")
        panel.select_layer("no such layer")
    assert panel.layer() == "fc"
    assert part(panel, StageColumn, "stage_column").chosen == "head"
    assert figures(panel) == {
        "Output": "1000",
        "Kernel": "512 → 1,000",
        "Parameters": "513,000",
        "FLOPs": "1.02 M",
        "Receptive field": "224 px",
        "Memory": "3.9 KB",
    }


def test_frozen_stages_are_told_from_those_that_learn(qtbot: QtBot, panel: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "efficientnet_lite0", mode="freeze", train_last=3)
    column = part(panel, StageColumn, "stage_column")
    assert [stage.frozen for stage in column.stages] == [True] * 7 + [False] * 3
    assert part(panel, QLabel, "network.layer_type").text() == "Conv2d · frozen"
    panel.select_layer("classifier.1")
    assert part(panel, QLabel, "network.layer_type").text() == "Linear · 1000 → 1000 classes · learns"


def test_the_selected_layer_outlives_a_switch(qtbot: QtBot, panel: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "resnet18")
    panel.select_layer("layer3.0.conv1")
    before = session.state.summary
    session.set_value("model.batchnorm", False)
    qtbot.waitUntil(lambda: session.state.summary is not before)
    assert panel.layer() == "layer3.0.conv1"
    assert figures(panel)["Parameters"] == f"{3 * 3 * 128 * 256 + 256:,}"


def test_a_long_column_scrolls_and_leaves_the_figures_in_sight(
    qtbot: QtBot, panel: NetworkPanel, session: Session
) -> None:
    describe(qtbot, session, "efficientnet_lite0", mode="freeze")
    column, values = part(panel, StageColumn, "stage_column"), part(panel, KeyValues, "network.values")
    qtbot.waitUntil(lambda: column.verticalScrollBar().maximum() > 0)
    assert panel.rect().contains(values.mapTo(panel, values.rect().bottomRight()))
    assert column.geometry().bottom() < values.mapTo(panel, values.rect().topLeft()).y()


@pytest.fixture
def editable(qtbot: QtBot, theme: Theme, session: Session) -> NetworkPanel:
    panel = NetworkPanel(session, theme, editable=True)
    qtbot.addWidget(panel)
    panel.resize(316, 478)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def drag_boundary(column: StageColumn, learning: int) -> None:
    """Pull the boundary with the mouse to where so many stages learn."""
    viewport = column.viewport()
    start, end = column.grip(), column.grip(learning)
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(viewport, (start + end) / 2)
    QTest.mouseMove(viewport, end)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end)


def test_the_boundary_is_dragged_into_the_settings(qtbot: QtBot, editable: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "resnet18", mode="freeze")
    column = part(editable, StageColumn, "stage_column")
    drag_boundary(column, 3)
    assert (session.state.config.transfer.mode, session.state.config.transfer.train_last) == ("freeze", 3)
    qtbot.waitUntil(lambda: [each.frozen for each in column.stages] == [True] * 3 + [False] * 3)
    drag_boundary(column, 6)
    assert session.state.config.transfer.mode == "finetune"
    qtbot.waitUntil(lambda: session.state.summary is not None and not any(each.frozen for each in column.stages))
    session.undo()
    assert (session.state.config.transfer.mode, session.state.config.transfer.train_last) == ("freeze", 3)


def test_freezing_a_network_that_learns_from_scratch_uses_its_weights(
    qtbot: QtBot, editable: NetworkPanel, session: Session
) -> None:
    describe(qtbot, session, "efficientnet_lite0")
    drag_boundary(part(editable, StageColumn, "stage_column"), 2)
    config = session.state.config
    assert (config.transfer.mode, config.transfer.train_last, config.model.pretrained) == ("freeze", 2, True)


def test_the_boundary_stays_where_there_are_no_weights(qtbot: QtBot, editable: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "nin")
    column = part(editable, StageColumn, "stage_column")
    before = session.state.config
    drag_boundary(column, 1)
    QTest.keyClick(column, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert session.state.config == before


def test_learning_rates_are_typed_into_the_settings(qtbot: QtBot, editable: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "resnet18", mode="finetune", lr_decay=0.5)
    column = part(editable, StageColumn, "stage_column")
    assert [each.multiplier for each in column.stages] == [0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0]
    column.setFocus()
    column.setCurrentRow(1)
    QTest.keyClick(column, Qt.Key.Key_F2)
    QTest.keyClicks(column.focusWidget(), "0.3\r")
    qtbot.waitUntil(lambda: session.state.config.transfer.lr_multipliers == {"layer1": 0.3})
    qtbot.waitUntil(lambda: column.stages[1].by_hand and column.stages[1].multiplier == 0.3)


def test_the_read_only_column_says_nothing_to_the_settings(qtbot: QtBot, panel: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "resnet18", mode="freeze")
    before = session.state.config
    drag_boundary(part(panel, StageColumn, "stage_column"), 4)
    assert session.state.config == before


def opening(arch: str, **transfer: object) -> RunStarted:
    """Return the opening event of a run."""
    told = started()
    config = told.config.replace("model.arch", arch)
    for name, value in transfer.items():
        config = config.replace(f"transfer.{name}", value)
    return told.model_copy(update={"config": config, "classes": ("ant", "bee", "wasp")})


def run(qtbot: QtBot, session: Session, told: RunStarted) -> None:
    """Let a run go on, and wait until its layers are known."""
    begin(session)
    feed(session, told)
    qtbot.waitUntil(lambda: session.state.run_summary is not None, timeout=WAIT)


def whose(panel: NetworkPanel) -> str:
    label = part(panel, QLabel, "network.whose")
    return label.text() if label.isVisible() else ""


def frozen(panel: NetworkPanel) -> list[bool]:
    return [stage.frozen for stage in part(panel, StageColumn, "stage_column").stages]


def test_while_a_run_goes_on_its_stages_are_shown(
    qtbot: QtBot, panel: NetworkPanel, editable: NetworkPanel, session: Session
) -> None:
    describe(qtbot, session, "resnet18", mode="freeze", train_last=4)
    assert (whose(panel), frozen(panel)) == ("", [True] * 2 + [False] * 4)
    run(qtbot, session, opening("resnet18", mode="freeze", train_last=1))
    assert (whose(panel), frozen(panel)) == (THIS, [True] * 5 + [False])
    panel.select_layer("layer4.0.conv1")
    assert part(panel, QLabel, "network.layer_type").text() == "Conv2d · frozen"
    feed(session, step(1.5), changed(2, "transfer.train_last", 1, 2, "layer4 learns"))
    assert frozen(panel) == [True] * 4 + [False] * 2  # at once
    assert panel.layer() == "layer4.0.conv1"
    assert part(panel, QLabel, "network.layer_type").text() == "Conv2d · learns"
    assert (whose(editable), frozen(editable)) == ("", [True] * 2 + [False] * 4)
    feed(session, ended("stopped"))
    finish(session)
    assert (whose(panel), frozen(panel)) == (NEXT, [True] * 2 + [False] * 4)


def test_in_the_second_phase_all_stages_learn(qtbot: QtBot, panel: NetworkPanel, session: Session) -> None:
    describe(qtbot, session, "resnet18")
    run(qtbot, session, opening("resnet18", mode="freeze_then_finetune", train_last=2))
    feed(session, step(1.0).model_copy(update={"phase": "last 2 stages"}))
    assert frozen(panel) == [True] * 4 + [False] * 2
    feed(session, step(3.5).model_copy(update={"phase": "all layers"}))
    assert frozen(panel) == [False] * 6


def test_the_network_of_a_run_is_shown_where_the_next_one_has_others(
    qtbot: QtBot, panel: NetworkPanel, session: Session
) -> None:
    describe(qtbot, session, "nin")
    run(qtbot, session, opening("resnet18"))
    assert part(panel, QLabel, "network.total").text() == "ResNet-18 · 11.2 M"  # three classes
    panel.select_layer("layer3.0.conv1")
    feed(session, ended())
    finish(session)  # its curves and pictures are still there
    assert (whose(panel), panel.layer()) == (OTHER, "layer3.0.conv1")
    describe(qtbot, session, "vgg16")
    assert (whose(panel), panel.layer()) == (OTHER, "layer3.0.conv1")
    describe(qtbot, session, "resnet18")
    assert (whose(panel), panel.layer()) == (NEXT, "layer3.0.conv1")
    assert part(panel, QLabel, "network.total").text() == "ResNet-18 · 11.7 M"
    begin(session)
    assert whose(panel) == ""
