from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.gui.pages.model_page import ModelPage
from cnnstudio.gui.panels.network_views import IMPOSSIBLE, LOADING, UNCHANGED, NetworkViews
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.architecture_gallery import ArchitectureGallery
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from cnnstudio.gui.widgets.layer_strip import LayerStrip
from cnnstudio.gui.widgets.layer_table import LayerTable
from cnnstudio.gui.widgets.network_graph import NetworkGraph
from cnnstudio.gui.widgets.stage_column import StageColumn
from cnnstudio.gui.widgets.switch import Switch

T = TypeVar("T", bound=QWidget)


@pytest.fixture
def cold(qtbot: QtBot, theme: Theme, session: Session) -> ModelPage:
    """Return the page before torch is loaded."""
    page = ModelPage(session, theme)
    qtbot.addWidget(page)
    page.resize(1184, 728)
    page.show()
    qtbot.waitExposed(page)
    return page


@pytest.fixture
def page(qtbot: QtBot, cold: ModelPage, session: Session) -> ModelPage:
    session.load_torch()
    qtbot.waitUntil(lambda: session.state.summary is not None, timeout=60_000)
    return cold


def part(page: ModelPage, kind: type[T], name: str) -> T:
    found = page.findChild(kind, name)
    assert found is not None
    return found


def arch(page: ModelPage, name: str) -> QAbstractButton:
    return part(page, QAbstractButton, f"model.arch.{name}")


def choose(qtbot: QtBot, page: ModelPage, session: Session, name: str) -> None:
    before = session.state.summary
    QTest.mouseClick(arch(page, name), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.state.summary is not before)


def chosen(page: ModelPage) -> list[str]:
    return [part(page, ArchitectureGallery, "model.arch").value()]


def view(page: ModelPage, name: str) -> None:
    QTest.mouseClick(part(page, QAbstractButton, f"network_views.view.{name}"), Qt.MouseButton.LeftButton)


def text(page: ModelPage, name: str) -> str:
    label = part(page, QLabel, name)
    return label.text() if label.isVisible() else ""


def test_the_page_stands_before_torch_is_loaded(cold: ModelPage, session: Session) -> None:
    assert chosen(cold) == ["compact"]
    assert text(cold, "network_views.empty") == LOADING
    QTest.mouseClick(arch(cold, "resnet18"), Qt.MouseButton.LeftButton)
    assert session.state.config.model.arch == "resnet18"


def test_an_architecture_says_what_it_offers(cold: ModelPage) -> None:
    card = arch(cold, "efficientnet_lite0")
    assert card.accessibleName() == "EfficientNet-Lite0, 2020"
    QTest.mouseClick(card, Qt.MouseButton.LeftButton)
    words = [text(cold, f"model.arch.details.{name}") for name in ("title", "year", "facts", "weights")]
    assert words == [
        "EfficientNet-Lite0",
        "2020",
        "4.65 M parameters · 770 MFLOPs · 224 × 224 px",
        "ImageNet weights, bundled",
    ]
    QTest.mouseClick(arch(cold, "compact"), Qt.MouseButton.LeftButton)
    assert text(cold, "model.arch.details.weights") == "No pretrained weights"


def test_all_layers_and_their_totals_are_shown(qtbot: QtBot, page: ModelPage, session: Session) -> None:
    choose(qtbot, page, session, "resnet18")
    views = part(page, NetworkViews, "network_views")
    assert (views.title(), views.subtitle()) == (
        "ResNet-18",
        "11.7 M parameters, all learn · 3.63 GFLOPs · 22.6 MB of activations · 224 × 224 px, at least 1 × 1",
    )
    view(page, "layers")
    table = part(page, LayerTable, "layer_table")
    names = [row.name for row in table.rows_model.rows]
    assert (names[0], names[-1]) == ("conv1", "fc")
    assert table.isVisible()
    assert text(page, "network_views.empty") == ""


def test_arrow_keys_go_from_card_to_card(page: ModelPage, session: Session) -> None:
    card = arch(page, "compact")
    card.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(card, Qt.Key.Key_Right)
    assert chosen(page) == [session.state.config.model.arch] != ["compact"]
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Left)
    assert chosen(page) == [session.state.config.model.arch] == ["compact"]


def test_a_choice_brings_its_companions_in_one_step(page: ModelPage, session: Session) -> None:
    QTest.mouseClick(arch(page, "efficientnet_lite0"), Qt.MouseButton.LeftButton)
    assert session.state.config.transfer.mode == "freeze"
    assert text(page, "model.note") == (
        "Transfer is now Freeze: EfficientNet-Lite0 starts from its pretrained weights."
    )
    session.undo()
    assert session.state.config == Config()
    assert chosen(page) == ["compact"]
    assert text(page, "model.note") == ""


def test_a_switch_shows_what_it_changes(qtbot: QtBot, page: ModelPage, session: Session) -> None:
    choose(qtbot, page, session, "resnet18")
    assert text(page, "network_views.change").startswith("Layers 24 → 68 · Parameters 1.38 M → 11.7 M · FLOPs ")
    before = session.state.summary
    QTest.mouseClick(part(page, Switch, "model.batchnorm"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.state.summary is not before)
    assert text(page, "network_views.change").startswith("Layers 68 → 48 · Parameters −4,800 · Memory ")
    before = session.state.summary
    session.set_value("model.padding", "replicate")
    qtbot.waitUntil(lambda: session.state.summary is not before)
    before = session.state.summary
    session.set_value("model.padding", "same")
    qtbot.waitUntil(lambda: session.state.summary is not before)
    assert text(page, "network_views.change") == UNCHANGED


def test_freezing_shows_in_totals_stages_and_layers(qtbot: QtBot, page: ModelPage, session: Session) -> None:
    choose(qtbot, page, session, "efficientnet_lite0")
    assert part(page, NetworkViews, "network_views").subtitle().startswith("4.65 M parameters, 1.28 M learn · ")
    rows = part(page, LayerTable, "layer_table").rows_model.rows
    assert [row.name for row in rows if not row.frozen] == ["avgpool", "classifier.0", "classifier.1"]
    before = session.state.summary
    transfer = part(page, ComboField, "transfer.mode")
    QTest.keyClick(transfer, Qt.Key.Key_Down)
    assert session.state.config.transfer.mode == "finetune"
    qtbot.waitUntil(lambda: session.state.summary is not before)
    assert text(page, "network_views.change") == "Learning 1.28 M → 4.65 M"
    assert not any(stage.frozen for stage in part(page, StageColumn, "stage_column").stages)


def test_stage_and_layer_lead_to_each_other(qtbot: QtBot, page: ModelPage, session: Session) -> None:
    choose(qtbot, page, session, "resnet18")
    view(page, "layers")
    column, table = part(page, StageColumn, "stage_column"), part(page, LayerTable, "layer_table")
    assert (table.chosen, column.chosen) == ("conv1", "stem")
    QTest.mouseClick(column.viewport(), Qt.MouseButton.LeftButton, pos=column.visualItemRect(column.item(4)).center())
    assert table.chosen == "layer4.0.conv1"
    QTest.keyClick(table, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert (table.chosen, column.chosen, text(page, "layer.name")) == ("fc", "head", "fc")
    graph = part(page, NetworkGraph, "network_graph")
    assert graph.chosen == "fc"
    view(page, "graph")
    canvas = part(page, GraphCanvas, "network_canvas")
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Home)
    assert (graph.chosen, table.chosen, column.chosen, text(page, "layer.name")) == ("conv1", "conv1", "stem", "conv1")


def test_the_chosen_layer_says_what_a_switch_has_changed(qtbot: QtBot, page: ModelPage, session: Session) -> None:
    strip = part(page, LayerStrip, "layer")
    assert (text(page, "layer.name"), strip.figure("Output"), strip.before("Output")) == ("features.0", "32 × 96²", "")
    before = session.state.summary
    QTest.keyClick(part(page, ComboField, "model.padding"), Qt.Key.Key_Down)
    assert session.state.config.model.padding == "valid"
    qtbot.waitUntil(lambda: session.state.summary is not before)
    assert (strip.figure("Output"), strip.before("Output")) == ("32 × 94²", "was 32 × 96²")
    assert (strip.figure("Kernel"), strip.before("Kernel")) == ("3×3 · stride 1 · valid", "was 3×3 · stride 1 · same")
    assert (strip.figure("Parameters"), strip.before("Parameters")) == ("864", "")
    session.undo()
    qtbot.waitUntil(lambda: strip.figure("Output") == "32 × 96²")
    assert strip.before("Output") == "was 32 × 94²"


def test_switches_that_cannot_stand_say_so_and_are_mended(qtbot: QtBot, page: ModelPage, session: Session) -> None:
    session.set_value("transfer.mode", "finetune")
    qtbot.waitUntil(lambda: session.state.model_problem != "")
    assert text(page, "preflight.0.text") == session.state.model_problem
    assert "Compact CNN has no pretrained weights" in text(page, "preflight.0.text")
    assert text(page, "network_views.empty") == IMPOSSIBLE
    QTest.mouseClick(part(page, QAbstractButton, "preflight.0.remedy0"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.state.model_problem == "" and session.state.summary is not None)
    assert part(page, NetworkGraph, "network_graph").isVisible()
    assert text(page, "network_views.empty") == ""
    session.undo()
    assert session.state.config.transfer.mode == "finetune"


@pytest.mark.parametrize("name", ["compact", "resnet18", "efficientnet_lite0"])
def test_everything_fits_a_small_window(qtbot: QtBot, page: ModelPage, session: Session, name: str) -> None:
    if name != "compact":
        choose(qtbot, page, session, name)
    cards = [part(page, QWidget, key) for key in ("switches", "network", "network_views")]
    qtbot.waitUntil(lambda: all(page.rect().contains(card.mapTo(page, card.rect().bottomRight())) for card in cards))
    assert page.verticalScrollBar().maximum() == 0


def test_number_of_classes_follows_the_open_folder(
    qtbot: QtBot, page: ModelPage, session: Session, image_tree: Callable[..., Path]
) -> None:
    session.open_folder(image_tree(("ant", "bee", "fly")))
    table = part(page, LayerTable, "layer_table")
    qtbot.waitUntil(lambda: table.rows_model.rows[-1].output_shape == (3,), timeout=10_000)
    assert text(page, "network_views.change").startswith("Parameters 1.38 M → 1.13 M · FLOPs 611 M → 610 M")
