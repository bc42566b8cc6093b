import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.control import MEAN_OF_INPUTS, STRONGEST_INPUT, Watch
from cnnstudio.gui.panels.filters_panel import FiltersPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunView
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.colormaps import argb_table
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.field import ComboField, SpinField
from cnnstudio.gui.widgets.filter_view import FilterView
from cnnstudio.gui.widgets.kernel_pixels import Kernels, peaks_of, to_levels
from cnnstudio.gui.widgets.pill_row import PillRow
from tests.e2e.gestures import child, choose, press
from tests.gui.events import LAYERS, ended, started
from tests.gui.filters import Kind, filters
from tests.gui.sessions import begin, begin_run, feed, finish, look_into, notice

FIRSTS = ("features.0", "features.7", "features.14", "features.21")


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> FiltersPanel:
    return look_into(qtbot, FiltersPanel(session, theme), 860, 340)


@pytest.fixture
def running(panel: FiltersPanel, session: Session) -> FiltersPanel:
    """Return the panel during a run."""
    begin_run(session, started())
    return panel


def view(panel: FiltersPanel) -> FilterView:
    return child(panel, FilterView, "train.filters")


def kernels(panel: FiltersPanel) -> Kernels:
    return view(panel).wall.canvas.kernels


def words(panel: FiltersPanel) -> str:
    return child(panel, ElidedLabel, "filter_words").text()


def hint(panel: FiltersPanel) -> str:
    label = child(panel, QLabel, "filter_hint")
    return label.text() if label.isVisible() else ""


def watched(session: Session) -> tuple[str, int]:
    watch = session.run.host.control.watched
    return watch.filters, watch.map_in


def visible(panel: FiltersPanel, *names: str) -> list[bool]:
    return [child(panel, QWidget, f"train.filters.{name}").isVisible() for name in names]


# Layers


def test_before_a_run_it_says_what_will_appear(panel: FiltersPanel, session: Session) -> None:
    assert visible(panel, "stage", "layer", "options") == [False, False, False]
    assert hint(panel).startswith("The filters of your network appear here once training starts")
    assert not child(panel, QWidget, "train.filters.save").isEnabled()
    assert session.state.watch == Watch()


def test_stages_lead_to_their_first_convolution(running: FiltersPanel, session: Session) -> None:
    assert child(running, PillRow, "train.filters.stage").options() == FIRSTS
    assert watched(session) == ("features.0", STRONGEST_INPUT)
    told: list[str] = []
    running.layer_chosen.connect(told.append)
    press(running, "train.filters.stage.features.14")
    assert watched(session) == ("features.14", STRONGEST_INPUT)
    choose(running, "train.filters.layer", "features.24")
    assert child(running, PillRow, "train.filters.stage").value() == "features.21"
    assert told == ["features.14", "features.24"]


def test_a_block_or_a_layer_behind_is_shown_by_its_convolution(panel: FiltersPanel, session: Session) -> None:
    from cnnstudio.core.config import Config
    from cnnstudio.models.create import outline
    from cnnstudio.models.summary import summarise, watchable

    network = outline(Config().replace("model.arch", "resnet18"), 2)
    session._set(summary=summarise(network, image_size=64))
    begin(session)
    feed(session, started(layers=watchable(network)))
    assert "maxpool" not in [child(panel, ComboField, "train.filters.layer").itemData(row) for row in range(21)]
    told: list[str] = []
    panel.layer_chosen.connect(told.append)
    panel.choose_layer("layer3")
    assert watched(session)[0] == "layer3.0.conv1"
    panel.take(filters(layer="layer3.0.conv1"))
    assert panel.subtitle().endswith("step 10 · the first convolution of layer3")
    panel.choose_layer("layer3.0.bn2")
    panel.take(filters(layer="layer3.0.conv2"))
    assert panel.subtitle().endswith("step 10 · the convolution before layer3.0.bn2")
    panel.choose_layer("fc")
    assert watched(session)[0] == "layer3.0.conv2"
    assert told == []  # who has chosen it knows


def test_nothing_is_watched_while_nobody_looks(running: FiltersPanel, session: Session) -> None:
    running.take(filters())
    choose(running, "train.filters.inputs", "Mean of inputs")
    running.watch(seen=False)
    assert session.state.watch == Watch()
    running.choose_layer("features.7")
    assert session.state.watch == Watch()
    running.watch(seen=True)
    assert watched(session) == ("features.7", MEAN_OF_INPUTS)


def test_a_run_elsewhere_is_not_looked_into(panel: FiltersPanel, session: Session) -> None:
    session.run._show(RunView(status="following", started=started()))
    assert hint(panel) == "Filters can be seen where the run trains"
    assert visible(panel, "stage", "layer", "options") == [False, False, False]


def test_another_run_begins_with_nothing(running: FiltersPanel, session: Session) -> None:
    running.take(filters())
    assert hint(running) == ""
    feed(session, ended())
    finish(session)
    assert len(kernels(running).order) == 6  # still to be seen
    assert not child(running, ComboField, "train.filters.layer").isEnabled()
    begin(session)
    assert hint(running).startswith("The filters of your network appear here")
    assert (running.subtitle(), len(kernels(running).order)) == ("", 0)
    feed(session, started(layers=LAYERS[:2]))
    assert watched(session)[0] == "features.0"


# What is drawn


def test_kernels_are_those_of_the_picture(running: FiltersPanel) -> None:
    picture = filters("kernels", count=12, map_in=STRONGEST_INPUT, change=(0.1,) * 12)
    running.take(picture)
    np.testing.assert_array_equal(kernels(running).values, picture.values)
    assert running.subtitle() == "features.0 · 12 filters, 3 × 3 over 8 maps · step 10"
    assert words(running).startswith("Changed by 10 % (median) since the start")
    most = float(np.abs(picture.values).max())
    assert view(running).key.ends == (f"−{most:.2g}", f"+{most:.2g}")
    assert visible(running, "inputs", "input") == [True, False]
    canvas = view(running).wall.canvas
    x, y = canvas.grid.corner(7)
    levels = to_levels(picture.values, peaks_of(picture.values, own=False))
    pixel = canvas.grab().toImage().pixel(x + canvas.grid.wide // 2, y + canvas.grid.high // 2)
    assert pixel == argb_table("diverging")[levels[7, 1, 1]]


def test_the_change_since_the_start_has_a_number_a_filter(running: FiltersPanel) -> None:
    picture = filters(change=(0.1, 0, 0.02, 0.03, 0.3, 0.05))
    running.take(picture)
    assert kernels(running).captions == ()
    press(running, "train.filters.show.change")
    np.testing.assert_array_equal(kernels(running).values, picture.values - picture.start)
    assert kernels(running).captions == ("10 %", "0 %", "2.0 %", "3.0 %", "30 %", "5.0 %")
    choose(running, "train.filters.order", "By change")
    assert kernels(running).order.tolist() == [4, 0, 5, 3, 2, 1]
    press(running, "train.filters.show.now")
    np.testing.assert_array_equal(kernels(running).values, picture.values)
    assert kernels(running).order.tolist() == [4, 0, 5, 3, 2, 1]


def test_without_a_start_there_is_no_change_to_be_seen(running: FiltersPanel) -> None:
    running.take(filters(change=None))
    choose(running, "train.filters.order", "By change")
    assert kernels(running).order.tolist() == [0, 1, 2, 3, 4, 5]
    press(running, "train.filters.show.change")
    assert hint(running).startswith("What the weights of this layer were at the start is not kept.")
    assert not child(running, QWidget, "train.filters.save").isEnabled()
    press(running, "train.filters.show.now")
    assert hint(running) == ""


def test_frozen_layers_say_so(running: FiltersPanel) -> None:
    running.take(replace(filters(change=(0,) * 6), frozen=True))
    assert words(running) == "Frozen: does not change."


def test_the_scale_is_each_kernel_s_own_where_there_are_colours(running: FiltersPanel) -> None:
    color, deep = filters("color"), filters("kernels")
    scale = child(running, ComboField, "train.filters.scale")
    running.take(color)
    assert (scale.value(), view(running).key.ends) == ("own", ("−max", "+max"))
    np.testing.assert_array_equal(kernels(running).peaks, np.abs(color.values).max((1, 2, 3)))
    running.take(deep)
    assert scale.value() == "shared"
    assert set(kernels(running).peaks) == {np.abs(deep.values).max()}
    choose(running, "train.filters.scale", "Own scales")
    np.testing.assert_array_equal(kernels(running).peaks, np.abs(deep.values).max((1, 2)))


def test_one_input_can_be_chosen(running: FiltersPanel, session: Session) -> None:
    running.take(filters())
    choose(running, "train.filters.inputs", "One input")
    assert watched(session) == ("features.0", 0)
    spin = child(running, SpinField, "train.filters.input")
    assert (spin.isVisible(), spin.maximum()) == (True, 7)
    spin.setFocus()
    QTest.keyClick(spin, Qt.Key.Key_Up)
    assert watched(session) == ("features.0", 1)
    late, wanted = filters(map_in=0), filters(map_in=1, count=9, change=(0.1,) * 9)
    running.take(late)
    assert len(kernels(running).order) == 6
    running.take(wanted)
    np.testing.assert_array_equal(kernels(running).values, wanted.values)
    running.take(filters("mixing"))
    assert visible(running, "inputs", "input") == [False, False]


def test_a_mixing_matrix_names_what_is_pointed_at(running: FiltersPanel) -> None:
    picture = filters("mixing", change=(0.25,) * 6)
    running.take(picture)
    matrix = view(running).matrix
    assert (matrix.isVisible(), view(running).wall.isVisible()) == (True, False)
    place = matrix._place()
    QTest.mouseMove(matrix, QPoint(int(place.x()) + 24 * 3 + 5, int(place.y()) + int(place.height() / 6 * 4.5)))
    now, before = picture.values[4, 3], picture.start[4, 3]
    number = f"{now:+.4g}".replace("-", "−")
    assert words(running).startswith(f"output 4 ← input 3: {number}, at the start")
    picture.values[4, 3] = now + 1  # the next step
    running.take(replace(picture, step=11))
    assert f"change +{1 + now - before:.3g}" in words(running)


def test_an_enlarged_weight_is_followed_through_training(running: FiltersPanel) -> None:
    picture = filters("color", change=None)
    running.take(picture)
    view(running).wall.enlarge(2)
    assert words(running) == "filter 2"
    assert view(running).key.ends[0] != "−max"  # the scale of this one
    sheet = view(running).wall.sheet
    place = sheet._places()[2]  # after the whole in colour and red
    QTest.mouseMove(sheet, (place.topLeft()).toPoint() + QPoint(3, 3))
    number = f"{picture.values[2, 1, 0, 0]:+.4g}".replace("-", "−")
    assert words(running) == f"filter 2, green, row 0, column 0: {number}"
    picture.values[2, 1, 0, 0] = 0.5
    running.take(replace(picture, step=11))
    assert words(running) == "filter 2, green, row 0, column 0: +0.5"
    press(running, "train.filters.stage.features.7")
    running.take(filters("color", layer="features.7"))
    assert not sheet.isVisible()


def test_what_is_not_finite_is_drawn_as_zero(running: FiltersPanel) -> None:
    picture = filters()
    picture.values[0, 0, 0], picture.values[1, 0, 0] = np.nan, np.inf
    running.take(picture)
    press(running, "train.filters.show.change")
    assert np.isfinite(kernels(running).values).all()


def test_pictures_of_another_layer_are_dropped(running: FiltersPanel) -> None:
    press(running, "train.filters.stage.features.7")
    running.take(filters(layer="features.0"))
    assert hint(running) == "The filters appear in a moment"


# Files


@pytest.mark.parametrize("kind", ["color", "kernels", "depthwise", "mixing"])
def test_the_picture_is_saved_with_its_key(
    running: FiltersPanel, session: Session, tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.take(filters(kind))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "filters"), ""))
    press(running, "train.filters.save")
    image = QImage(str(tmp_path / "filters.png"))
    assert image.width() >= 480
    assert len({image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}) > 20
    assert notice(session)[0] == "info"


def test_an_enlarged_filter_is_saved_alone(running: FiltersPanel, tmp_path: Path) -> None:
    running.take(filters())
    running.save(tmp_path / "all.png")
    view(running).wall.enlarge(2)
    running.save(tmp_path / "one.png")
    assert QImage(str(tmp_path / "one.png")).height() != QImage(str(tmp_path / "all.png")).height()


def test_the_change_of_each_filter_is_saved_as_a_table(running: FiltersPanel, session: Session, tmp_path: Path) -> None:
    picture = filters(change=(0.1, 0, 0.02, 0.03, 0.3, 0.05))
    running.take(picture)
    running.save(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["change_of_filter"]) for row in rows] == pytest.approx(picture.change.tolist(), rel=1e-5)
    assert [row["input"] for row in rows] == ["5"] * 6
    assert float(rows[3]["norm_of_shown"]) == pytest.approx(float(np.linalg.norm(picture.values[3])), rel=1e-5)
    running.save(tmp_path / "nowhere" / "a.csv")
    assert notice(session)[0] == "error"
    running.save(tmp_path / "a.jpg")
    assert "Name it .png or .csv" in notice(session)[1]
