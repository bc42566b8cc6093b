"""The drawn network on the Model page: its buttons, and saving it."""

import re
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.panels.graph_panel import GraphPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from cnnstudio.gui.widgets.network_graph import NetworkGraph
from tests.gui.sessions import load_torch, notice

T = TypeVar("T", bound=QWidget)


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> GraphPanel:
    panel = GraphPanel(session, theme)
    qtbot.addWidget(panel)
    qtbot.addWidget(panel.tools)
    panel.resize(820, 400)
    panel.show()
    panel.tools.show()
    session.set_value("model.arch", "resnet18")
    load_torch(qtbot, session)
    return panel


def part(panel: GraphPanel, kind: type[T], name: str) -> T:
    found = panel.findChild(kind, name) or panel.tools.findChild(kind, name)
    assert found is not None
    return found


def press(panel: GraphPanel, name: str) -> None:
    QTest.mouseClick(part(panel, QPushButton, name), Qt.MouseButton.LeftButton)


def test_all_blocks_open_and_close(panel: GraphPanel) -> None:
    graph = part(panel, NetworkGraph, "network_graph")
    assert graph.expanded == frozenset()
    press(panel, "graph.open")
    assert {"layer1.0", "layer4.1"} < graph.expanded
    press(panel, "graph.close")
    assert graph.expanded == frozenset()


def test_zooming_and_fitting(panel: GraphPanel) -> None:
    canvas = part(panel, GraphCanvas, "network_canvas")
    fitted = canvas.magnification
    press(panel, "graph.zoom_in")
    press(panel, "graph.zoom_in")
    press(panel, "graph.zoom_out")
    assert canvas.magnification == pytest.approx(1.25 * fitted)
    press(panel, "graph.fit")
    assert canvas.magnification == pytest.approx(fitted)


def test_a_switch_redraws_and_leaves_open_what_is_open(qtbot: QtBot, panel: GraphPanel, session: Session) -> None:
    graph = part(panel, NetworkGraph, "network_graph")
    graph.expand("layer2.0")
    panel.select_layer("layer2.0.conv1")
    before = session.state.summary
    session.set_value("model.padding", "circular")
    qtbot.waitUntil(lambda: session.state.summary is not before)
    assert graph.expanded == {"layer2.0"}
    assert graph.chosen == "layer2.0.conv1"


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_drawing_is_saved(
    panel: GraphPanel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    target = tmp_path / f"drawing.{ending}"
    offered: list[str] = []

    def answer(_parent: QWidget, _title: str, name: str, _filter: str) -> tuple[str, str]:
        offered.append(name)
        return str(target.with_suffix("")), ""  # typed without its ending

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    menu = part(panel, QPushButton, "graph.save").menu()
    action = menu.findChild(QAction, f"graph.save.{ending}")
    assert action is not None
    action.trigger()
    assert offered == [f"resnet18.{ending}"]
    assert notice(session) == ("info", f"The drawing is saved: {target}")
    if ending == "svg":
        words = set(re.findall(r"<text[^>]*>([^<]*)</text>", target.read_text(encoding="utf-8")))
        assert {"layer1.0", "layer4.1", "3 × 224²"} <= words
    else:
        image = QImage(str(target))
        assert image.width() > 1000
        assert len({image.pixel(x, image.height() // 2) for x in range(image.width())}) > 8


def test_a_file_that_cannot_be_written_is_told(panel: GraphPanel, session: Session, tmp_path: Path) -> None:
    panel.save(tmp_path / "no such folder" / "drawing.svg")
    level, text = notice(session)
    assert level == "error"
    assert "no such folder" in text


def test_nothing_is_saved_where_the_question_is_left(
    panel: GraphPanel, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    action = part(panel, QPushButton, "graph.save").menu().findChild(QAction, "graph.save.svg")
    assert action is not None
    action.trigger()
    assert notice(session) == ("", "")
