from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.errors import InputError
from cnnstudio.gui.theme import DARK, LIGHT, Theme
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from cnnstudio.gui.widgets.graph_legend import GraphLegend
from cnnstudio.gui.widgets.network_graph import NetworkGraph
from tests.gui.graph.networks import Row, frozen_until, googlenet, mobile, resnet18, resnet101, vgg16
from tests.gui.widgets.pointer import LEFT


@pytest.fixture
def graph(qtbot: QtBot, theme: Theme) -> NetworkGraph:
    graph = NetworkGraph(theme)
    graph.resize(820, 330)
    qtbot.addWidget(graph)
    graph.show()
    qtbot.waitExposed(graph)
    return graph


def canvas(graph: NetworkGraph) -> GraphCanvas:
    found: GraphCanvas | None = graph.findChild(GraphCanvas, "network_canvas")
    assert found is not None
    return found


def legend(graph: NetworkGraph) -> GraphLegend:
    found: GraphLegend | None = graph.findChild(GraphLegend, "network_legend")
    assert found is not None
    return found


@pytest.mark.parametrize("build", [vgg16, resnet18, resnet101, googlenet, mobile])
def test_a_network_is_shown_whole_with_a_legend_of_one_line(
    graph: NetworkGraph, qtbot: QtBot, build: Callable[[], tuple[Row, ...]]
) -> None:
    graph.show_network(build(), image_size=224)
    qtbot.waitUntil(lambda: legend(graph).isVisible() and legend(graph).height() == 20)
    assert canvas(graph).shows_all
    assert graph.expanded == frozenset()
    assert graph.chosen == ""


def test_without_a_network_there_are_words_and_no_legend(graph: NetworkGraph, qtbot: QtBot) -> None:
    assert not legend(graph).isVisible()
    graph.show_network(vgg16())
    assert legend(graph).isVisible()
    graph.show_network(())
    assert not legend(graph).isVisible()
    assert canvas(graph).accessibleDescription() == "The network is drawn here once an architecture is chosen"
    qtbot.waitUntil(lambda: canvas(graph).height() == graph.height())
    for slot in (graph.expand_all, graph.collapse_all, graph.fit, graph.zoom_in, graph.zoom_out):
        slot()
    graph.expand("conv1")
    graph.collapse("conv1")
    graph.select("conv1")
    assert graph.expanded == frozenset()


def test_blocks_open_and_close_by_name(graph: NetworkGraph) -> None:
    graph.show_network(resnet18())
    graph.expand("layer1.0")
    graph.expand("layer3.1")
    graph.expand("fc")
    graph.expand("no such block")
    assert graph.expanded == {"layer1.0", "layer3.1"}
    graph.collapse("layer1.0")
    graph.collapse("layer4.0")
    assert graph.expanded == {"layer3.1"}


def test_all_blocks_open_and_close_at_once_and_all_is_shown(graph: NetworkGraph) -> None:
    graph.show_network(resnet18())
    closed = canvas(graph).magnification
    graph.zoom_in()
    graph.expand_all()
    assert len(graph.expanded) == 9
    assert canvas(graph).magnification < closed
    assert canvas(graph).shows_all
    graph.collapse_all()
    assert graph.expanded == frozenset()
    assert canvas(graph).magnification == pytest.approx(closed)


def test_zooming_and_fitting(graph: NetworkGraph) -> None:
    graph.show_network(resnet18())
    fitted = canvas(graph).magnification
    graph.zoom_in()
    graph.zoom_in()
    graph.zoom_out()
    assert canvas(graph).magnification == pytest.approx(1.25 * fitted)
    graph.fit()
    assert canvas(graph).magnification == pytest.approx(fitted)


def test_a_choice_is_passed_on(graph: NetworkGraph, qtbot: QtBot) -> None:
    graph.show_network(resnet18())
    with qtbot.waitSignal(graph.layer_chosen) as chosen:
        QTest.keyClick(canvas(graph), Qt.Key.Key_End)
    assert chosen.args == ["fc"]
    drawing = canvas(graph).drawing
    assert drawing is not None
    with qtbot.waitSignal(graph.layer_chosen) as chosen:
        place = canvas(graph).mapFromScene(QPointF(*drawing.picture.by_key["layer2.1"].rect.centre))
        QTest.mouseClick(canvas(graph).viewport(), LEFT, pos=place)
    assert chosen.args == ["layer2.1.conv1"]
    assert graph.chosen == "layer2.1.conv1"
    with qtbot.assertNotEmitted(graph.layer_chosen):
        graph.select("layer4.1.bn2")
    assert graph.chosen == "layer4.1.bn2"


def test_the_canvas_is_reached_with_tab_and_with_the_mouse(qtbot: QtBot, theme: Theme) -> None:
    page = QWidget()
    column = QVBoxLayout(page)
    before = QLineEdit()
    graph = NetworkGraph(theme)
    column.addWidget(before)
    column.addWidget(graph)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitExposed(page)
    graph.show_network(vgg16())
    page.activateWindow()
    before.setFocus()
    QTest.keyClick(before, Qt.Key.Key_Tab)
    assert page.focusWidget() is canvas(graph)
    before.setFocus()
    QTest.mouseClick(canvas(graph).viewport(), LEFT)
    assert page.focusWidget() is canvas(graph)
    before.setFocus()
    graph.setFocus()
    assert page.focusWidget() is canvas(graph)


def test_switches_change_the_figures_and_neither_view_nor_choice(graph: NetworkGraph) -> None:
    graph.show_network(resnet18())
    graph.expand("layer1.1")
    graph.zoom_in()
    graph.select("layer1.1.bn1")
    before = canvas(graph).viewportTransform()
    graph.show_network(frozen_until(resnet18(), "layer3"))
    assert canvas(graph).viewportTransform() == before
    assert graph.expanded == {"layer1.1"}
    assert graph.chosen == "layer1.1.bn1"
    assert "frozen" in [entry.word for entry in legend(graph).entries]
    graph.show_network(vgg16())
    assert canvas(graph).shows_all
    assert graph.expanded == frozenset()


def test_the_image_is_shown_with_its_size(graph: NetworkGraph, tmp_path: Path) -> None:
    graph.show_network(vgg16(), image_size=96)
    graph.save_svg(tmp_path / "sized.svg")
    assert ">3 × 96²</text>" in (tmp_path / "sized.svg").read_text(encoding="utf-8")
    graph.show_network(vgg16())
    graph.save_svg(tmp_path / "unsized.svg")
    assert ">image</text>" in (tmp_path / "unsized.svg").read_text(encoding="utf-8")


def test_files_hold_what_is_open_whatever_is_in_sight(graph: NetworkGraph, tmp_path: Path) -> None:
    graph.show_network(resnet18())
    graph.expand("layer4.0")
    for _ in range(5):
        graph.zoom_in()
    graph.save_svg(tmp_path / "network.svg")
    words = (tmp_path / "network.svg").read_text(encoding="utf-8")
    assert all(f">{title}</text>" in words for title in ("conv + pool", "layer1.0", "Conv 1×1 /2", "Linear"))
    graph.save_png(tmp_path / "network.png")
    assert (tmp_path / "network.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_to_draw_is_refused(graph: NetworkGraph, tmp_path: Path) -> None:
    for save in (graph.save_svg, graph.save_png):
        with pytest.raises(InputError, match="there is no network to draw"):
            save(tmp_path / "network")
    assert not any(tmp_path.iterdir())


def test_the_theme_reaches_canvas_legend_and_files(graph: NetworkGraph, theme: Theme, tmp_path: Path) -> None:
    graph.show_network(vgg16())
    for mode, tokens in (("dark", DARK), ("light", LIGHT)):
        theme.set_mode("dark" if mode == "dark" else "light")
        picture = canvas(graph).viewport().grab().toImage()
        assert picture.pixelColor(1, 1) == QColor(tokens.card)
        assert canvas(graph).scene_of_graph.style_of_graph.tokens is tokens
        graph.save_svg(tmp_path / f"{mode}.svg")
        assert tokens.learning.lower() in (tmp_path / f"{mode}.svg").read_text(encoding="utf-8")
