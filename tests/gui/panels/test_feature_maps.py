import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Watch
from cnnstudio.gui.panels.feature_maps import FeatureMapsPanel
from cnnstudio.gui.panels.map_view import MapViewButton
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.map_rows import MapRows
from cnnstudio.gui.widgets.map_wall import MapWall
from cnnstudio.gui.widgets.pill_row import PillRow
from tests.e2e.gestures import child, choose, drop, press
from tests.gui.events import LAYERS, ended, maps, started, step, summary
from tests.gui.sessions import begin, begin_run, feed, finish, look_at, look_into, notice
from tests.pictures import feature_maps, feature_rows

Tree = Callable[..., Path]
OUTPUTS = ("features.6", "features.13", "features.20", "features.27")  # the pooling that ends each stage


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> FeatureMapsPanel:
    return look_into(qtbot, FeatureMapsPanel(session, theme), 800, 400)


@pytest.fixture
def running(panel: FeatureMapsPanel, session: Session) -> FeatureMapsPanel:
    """Return the panel during a run."""
    begin_run(session, started())
    return panel


def pills(panel: FeatureMapsPanel) -> PillRow:
    return child(panel, PillRow, "train.maps.stage")


def layers(panel: FeatureMapsPanel) -> ComboField:
    return child(panel, ComboField, "train.maps.layer")


def answer(panel: FeatureMapsPanel) -> str:
    return child(panel, QLabel, "train.maps.answer").text()


def tiles(panel: FeatureMapsPanel) -> int:
    return len(child(panel, MapWall, "train.maps").canvas.maps)


def view(panel: FeatureMapsPanel, choice: str) -> None:
    """Choose from the menu."""
    action_of(panel, choice).trigger()


def action_of(panel: FeatureMapsPanel, choice: str) -> QAction:
    button = child(panel, MapViewButton, "train.maps.view")
    return next(each for each in button.menu().actions() if each.objectName() == f"train.maps.view.{choice}")


def heads(panel: FeatureMapsPanel) -> list[tuple[str, str]]:
    return [(row.title, row.note) for row in child(panel, MapRows, "train.maps.rows").canvas.rows]


def images(panel: FeatureMapsPanel) -> list[str]:
    box = child(panel, ComboField, "train.maps.image")
    return [box.itemText(row) for row in range(box.count())] if box.isVisible() else []


# Layers


def test_before_a_run_there_is_nothing_to_choose(panel: FeatureMapsPanel, session: Session) -> None:
    assert not pills(panel).isVisible()
    assert not layers(panel).isVisible()
    assert images(panel) == []
    assert (tiles(panel), answer(panel), panel.subtitle()) == (0, "", "")
    assert session.state.watch == Watch()


def test_stages_lead_to_their_last_layer(running: FeatureMapsPanel, session: Session) -> None:
    buttons = pills(running).findChildren(QAbstractButton)
    assert {button.text(): button.objectName() for button in buttons} == {
        f"stage{number}": f"train.maps.stage.{layer}" for number, layer in enumerate(OUTPUTS, start=1)
    }
    assert [layers(running).itemText(row) for row in range(layers(running).count())] == list(LAYERS)
    assert session.run.host.control.watched == Watch("features.6")
    press(running, "train.maps.stage.features.20")
    assert layers(running).value() == "features.20"
    assert session.run.host.control.watched == Watch("features.20")
    assert session.state.watch == Watch("features.20")


def test_a_residual_stage_is_watched_where_it_hands_on(panel: FeatureMapsPanel, session: Session) -> None:
    from cnnstudio.models.create import outline
    from cnnstudio.models.summary import summarise, watchable

    network = outline(Config().replace("model.arch", "resnet18"), 2)
    session._set(summary=summarise(network, image_size=64))
    begin(session)
    feed(session, started(layers=watchable(network)))
    assert pills(panel).options() == ("maxpool", "layer1", "layer2", "layer3", "layer4")
    press(panel, "train.maps.stage.layer3")
    assert session.state.watch.layer == "layer3"


def test_any_layer_can_be_chosen_and_marks_its_stage(running: FeatureMapsPanel, session: Session) -> None:
    told: list[str] = []
    running.layer_chosen.connect(told.append)
    choose(running, "train.maps.layer", "features.17")
    assert session.run.host.control.watched == Watch("features.17")
    assert (pills(running).value(), told) == ("features.20", ["features.17"])
    choose(running, "train.maps.layer", "features.0")
    assert pills(running).value() == "features.6"
    press(running, "train.maps.stage.features.6")  # marked already, and yet another layer
    assert session.state.watch.layer == "features.6"


def test_a_layer_that_the_network_panel_names_is_shown_if_it_has_maps(
    running: FeatureMapsPanel, session: Session
) -> None:
    running.choose_layer("features.14")
    assert (layers(running).value(), session.state.watch.layer) == ("features.14", "features.14")
    running.choose_layer("classifier")
    assert (layers(running).value(), session.state.watch.layer) == ("features.14", "features.14")


def test_stages_appear_even_if_the_network_is_described_late(panel: FeatureMapsPanel, session: Session) -> None:
    begin(session)
    feed(session, started())
    assert pills(panel).options() == ()
    assert session.state.watch.layer == LAYERS[0]
    choose(panel, "train.maps.layer", "features.10")
    session._set(summary=summary())
    assert pills(panel).options() == OUTPUTS
    assert (pills(panel).value(), session.state.watch.layer) == ("features.13", "features.10")


def test_a_summary_of_another_network_gives_no_stages(running: FeatureMapsPanel, session: Session) -> None:
    session._set(summary=summary({"stem": ("conv1", "maxpool"), "layer1": ("layer1.0.conv1",)}))
    assert pills(running).options() == OUTPUTS  # those of the run
    begin(session)
    feed(session, started(layers=("features.0", "features.3")))
    assert pills(running).options() == ()
    assert session.state.watch.layer == "features.0"


def test_the_choice_outlives_a_run_with_the_same_layers(running: FeatureMapsPanel, session: Session) -> None:
    press(running, "train.maps.stage.features.13")
    running.take(maps("features.13"))
    feed(session, ended())
    finish(session)
    assert tiles(running) == 32
    begin(session)
    assert (tiles(running), answer(running), running.subtitle()) == (0, "", "")
    assert not pills(running).isVisible()
    feed(session, started())
    assert pills(running).value() == "features.13"
    assert session.run.host.control.watched.layer == "features.13"


def test_after_a_run_no_layer_can_be_chosen_that_nobody_computes(running: FeatureMapsPanel, session: Session) -> None:
    assert layers(running).isEnabled()
    running.take(maps("features.6"))
    feed(session, ended())
    finish(session)
    assert (layers(running).isEnabled(), pills(running).isEnabled()) == (False, False)
    running.choose_layer("features.20")
    assert (layers(running).value(), tiles(running)) == ("features.6", 32)
    modes, order = (action_of(running, choice) for choice in ("stages", "activity"))
    assert (modes.isEnabled(), order.isEnabled()) == (False, True)


def test_nothing_is_watched_while_nobody_looks(running: FeatureMapsPanel, session: Session) -> None:
    running.watch(seen=False)
    assert session.run.host.control.watched == Watch()
    running.choose_layer("features.20")
    press(running, "train.maps.stage.features.13")
    assert session.run.host.control.watched == Watch()
    running.watch(seen=True)
    assert session.run.host.control.watched == Watch("features.13")


# Maps


def test_maps_are_drawn_with_their_shape_and_the_answer(running: FeatureMapsPanel, session: Session) -> None:
    running.take(maps("features.6", channels=64, second=0.914))
    assert tiles(running) == 64
    assert running.subtitle() == "features.6 · 64 × 8 × 8"
    assert answer(running) == "wren 91.4 %"
    running.take(maps("features.6", channels=64, second=0.25))
    assert answer(running) == "robin 75.0 %"


def test_maps_of_a_layer_that_is_no_longer_wanted_are_dropped(running: FeatureMapsPanel) -> None:
    running.take(maps("features.6", channels=32))
    press(running, "train.maps.stage.features.13")
    late = maps("features.6", channels=16, second=0.1)
    running.take(late)
    assert (tiles(running), answer(running)) == (32, "wren 90.0 %")
    wanted = maps("features.13", channels=64)
    running.take(wanted)
    assert np.array_equal(child(running, MapWall, "train.maps").canvas.maps, wanted.tiles)


# Several rows


def test_a_column_through_the_depth_is_what_the_stages_hand_on(running: FeatureMapsPanel, session: Session) -> None:
    view(running, "stages")
    assert session.run.host.control.watched == Watch(layers=OUTPUTS)
    assert not pills(running).isVisible()
    running.take(feature_rows(*(maps(layer, channels=4 + place) for place, layer in enumerate(OUTPUTS))))
    assert heads(running) == [(f"stage{number}", f"{number + 3} × 8 × 8 · 0 to 1") for number in range(1, 5)]
    assert (running.subtitle(), answer(running)) == ("4 layers · 1.png", "wren 90.0 %")
    running.choose_layer("features.10")
    assert session.state.watch.layers == ("features.6", "features.10", *OUTPUTS[1:])
    view(running, "one")
    assert session.run.host.control.watched == Watch("features.10")
    assert pills(running).isVisible()


def test_without_stages_some_layers_are_the_column(panel: FeatureMapsPanel, session: Session) -> None:
    begin(session)
    feed(session, started(layers=tuple(f"conv{number}" for number in range(20))))
    view(panel, "stages")
    assert session.state.watch.layers == ("conv0", "conv3", "conv7", "conv11", "conv15", "conv19")


def test_an_image_of_each_class_has_a_row(
    qtbot: QtBot, running: FeatureMapsPanel, session: Session, image_tree: Tree
) -> None:
    look_at(qtbot, session, image_tree(("robin", "wren"), count=5, size=(8, 8)))
    survey = session.state.survey
    assert survey is not None
    first = tuple(str(survey.catalog.images[index].path) for index in survey.split.val)
    view(running, "images")
    watched = session.run.host.control.watched
    assert (watched.layer, watched.layers, watched.images) == ("", ("features.6",), first)
    assert images(running) == []  # the rows tell
    press(running, "train.maps.stage.features.13")
    assert session.state.watch.layers == ("features.13",)
    running.take(feature_rows(*(maps("features.6", image=image) for image in first)))
    assert heads(running) == []  # late: another layer is wanted
    shown = [maps("features.13", image=image, second=0.25 + 0.5 * place) for place, image in enumerate(first)]
    running.take(feature_rows(*shown))
    assert heads(running) == [("robin", "75.0 % robin"), ("wren", "75.0 % wren")]
    assert running.subtitle() == "features.13 · 2 images"
    running.take(feature_rows(shown[1]))
    assert running.subtitle() == f"features.13 · 1 image · cannot be read: {Path(first[0]).name}"


def test_dropped_images_join_the_rows(
    qtbot: QtBot, running: FeatureMapsPanel, session: Session, image_tree: Tree
) -> None:
    folder = image_tree(("robin", "wren"), count=5, size=(8, 8))
    look_at(qtbot, session, folder)
    view(running, "images")
    classes = session.state.watch.images
    mine = [(folder / "robin" / f"00{number}.png").rename(folder.parent / f"mine{number}.png") for number in (0, 1)]
    assert drop(running, mine[0])
    assert session.run.host.control.watched.images == (str(mine[0]), *classes)
    assert drop(running, mine[1])
    assert session.run.host.control.watched.images == (str(mine[1]), str(mine[0]), *classes)
    shown = feature_rows(*(maps("features.6", image=image) for image in session.state.watch.images))
    running.take(shown)
    assert [title for title, _ in heads(running)] == ["mine1.png", "mine0.png", "robin", "wren"]
    look_at(qtbot, session, image_tree(("robin", "tit"), count=5, size=(8, 8), name="others"))
    assert str(mine[0]) not in session.state.watch.images
    assert len(session.state.watch.images) == 2


def test_several_images_that_are_dropped_at_once_are_shown_in_rows(
    running: FeatureMapsPanel, session: Session, image_tree: Tree
) -> None:
    folder = image_tree(("robin", "wren"), count=2, size=(8, 8))
    both = [folder / "robin" / "000.png", folder / "wren" / "001.png"]
    assert drop(running, *both)
    assert session.run.host.control.watched.images == tuple(map(str, both))
    assert child(running, MapViewButton, "train.maps.view").mode == "images"
    assert not drop(running, both[0], folder)


def test_rows_are_not_computed_while_nobody_looks(running: FeatureMapsPanel, session: Session) -> None:
    view(running, "stages")
    running.watch(seen=False)
    assert session.run.host.control.watched == Watch()
    running.watch(seen=True)
    assert session.run.host.control.watched == Watch(layers=OUTPUTS)
    begin(session)
    assert session.run.host.control.watched == Watch()


# View and files


def test_any_layer_with_maps_can_be_asked_for(panel: FeatureMapsPanel, session: Session) -> None:
    from cnnstudio.models.create import outline
    from cnnstudio.models.summary import summarise, watchable

    network = outline(Config().replace("model.arch", "resnet18"), 2)
    session._set(summary=summarise(network, image_size=64))
    begin(session)
    feed(session, started(layers=watchable(network)))
    panel.choose_layer("layer2.0.act1")
    assert session.state.watch.layer == "layer2.0.act1"
    assert pills(panel).value() == "layer2"
    offered = [layers(panel).itemText(row) for row in range(layers(panel).count())]
    at = offered.index("layer2.0.act1")
    assert offered[at - 1 : at + 2] == ["layer2.0.conv1", "layer2.0.act1", "layer2.0.conv2"]
    assert len(offered) == len(watchable(network)) + 1
    for without_maps in ("fc", "nowhere"):
        panel.choose_layer(without_maps)
        assert session.state.watch.layer == "layer2.0.act1"


def test_the_menu_changes_order_scale_and_colours(running: FeatureMapsPanel) -> None:
    picture = feature_maps(
        "features.6",
        np.full((2, 4, 4), 255, np.uint8),
        ranges=np.array([[0, 1], [0, 4]], np.float32),
        activity=np.array([1, 2], np.float32),
    )
    running.take(picture)
    wall = child(running, MapWall, "train.maps")
    for choice in ("activity", "shared", "diverging"):
        view(running, choice)
    assert wall.canvas.order.tolist() == [1, 0]
    assert wall.footer.key() == ("−4", "4")
    view(running, "number")
    view(running, "sequential")
    assert wall.canvas.order.tolist() == [0, 1]
    assert wall.footer.key() == ("0", "4")


def test_what_is_shown_can_be_saved(
    running: FeatureMapsPanel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not child(running, QAbstractButton, "train.maps.save").isEnabled()
    running.take(maps("features.6"))
    asked: list[str] = []

    def answers(_parent: QWidget, _title: str, name: str, _kinds: str) -> tuple[str, str]:
        asked.append(name)
        return str(tmp_path / "mine"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answers)
    press(running, "train.maps.save")
    assert asked == ["features.6.png"]
    assert notice(session) == ("info", f"The feature maps are saved: {tmp_path / 'mine.png'}")
    one = QImage(str(tmp_path / "mine.png"))
    view(running, "stages")
    running.take(feature_rows(*(maps(layer) for layer in OUTPUTS)))
    running.save(tmp_path / "rows.png")
    rows = QImage(str(tmp_path / "rows.png"))
    assert not one.isNull()
    assert not rows.isNull()
    assert one.size() != rows.size()
    running.save(tmp_path / "missing" / "rows.png")
    assert notice(session)[0] == "error"
    assert str(tmp_path / "missing" / "rows.png") in notice(session)[1]


# Images


def test_one_validation_image_of_each_class_is_on_offer(
    qtbot: QtBot, panel: FeatureMapsPanel, session: Session, image_tree: Tree
) -> None:
    look_at(qtbot, session, image_tree(("ant", "bee", "cat"), count=5, size=(8, 8)))
    survey = session.state.survey
    assert survey is not None
    first = [survey.catalog.images[index].path for index in survey.split.val]  # one of five
    names = [f"{path.parent.name} / {path.name}" for path in first]
    assert images(panel) == [*names, "Choose a file …"]
    assert session.state.watch.image == str(first[0])
    choose(panel, "train.maps.image", names[2])
    assert session.run.host.control.watched.image == str(first[2])
    assert child(panel, ComboField, "train.maps.image").currentText() == names[2]


def test_another_folder_brings_other_images(
    qtbot: QtBot, panel: FeatureMapsPanel, session: Session, image_tree: Tree
) -> None:
    look_at(qtbot, session, image_tree(("ant", "bee"), count=2, size=(8, 8)))
    look_at(qtbot, session, image_tree(("cat", "dog"), count=2, size=(8, 8), name="others"))
    assert [text.split()[0] for text in images(panel)] == ["cat", "dog", "Choose"]
    assert Path(session.state.watch.image).parent.name == "cat"


def test_a_dropped_image_becomes_the_preview(
    qtbot: QtBot, running: FeatureMapsPanel, session: Session, image_tree: Tree
) -> None:
    folder = image_tree(("ant", "bee"), count=2, size=(8, 8))
    look_at(qtbot, session, folder)
    mine = (folder / "ant" / "000.png").rename(folder.parent / "mine.PNG")
    assert drop(running, mine)
    assert session.run.host.control.watched == Watch("features.6", str(mine))
    assert images(running)[0] == "mine.PNG"
    assert child(running, ComboField, "train.maps.image").currentText() == "mine.PNG"
    choose(running, "train.maps.image", images(running)[1])
    assert images(running)[0].startswith("ant / ")


def test_what_is_no_image_cannot_be_dropped(panel: FeatureMapsPanel, session: Session, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "missing.png"):
        assert not drop(panel, path)
    assert session.state.watch == Watch()


def test_any_file_can_be_chosen_and_thinking_better_of_it_changes_nothing(
    qtbot: QtBot,
    panel: FeatureMapsPanel,
    session: Session,
    image_tree: Tree,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = image_tree(("ant", "bee"), count=2, size=(8, 8))
    look_at(qtbot, session, folder)
    before = session.state.watch
    box = child(panel, ComboField, "train.maps.image")
    shown = box.currentText()
    picked: list[str] = ["", str(folder / "bee" / "001.png")]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (picked.pop(0), ""))
    choose(panel, "train.maps.image", "Choose a file …")
    assert (box.currentText(), session.state.watch) == (shown, before)
    choose(panel, "train.maps.image", "Choose a file …")
    assert session.state.watch.image == str(folder / "bee" / "001.png")
    assert Path(box.currentText()).name.endswith("001.png")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are Unicode")
def test_an_image_whose_name_is_no_unicode_can_be_watched(
    qtbot: QtBot, panel: FeatureMapsPanel, session: Session, image_tree: Tree
) -> None:
    folder = image_tree(("ant", "bee"), count=2, size=(8, 8))
    for image in folder.glob("*/*.png"):
        image.rename(image.with_name(os.fsdecode(b"\xf6" + image.name.encode())))
    look_at(qtbot, session, folder)
    QTest.keyClick(child(panel, ComboField, "train.maps.image"), Qt.Key.Key_Down)
    assert Path(session.state.watch.image).is_file()
    assert Path(session.state.watch.image).parent.name == "bee"


def test_a_choice_of_image_costs_no_layers(running: FeatureMapsPanel, session: Session) -> None:
    choose(running, "train.maps.layer", "features.17")
    feed(session, step(0.5))
    session.watch(replace(session.state.watch, image="/images/a.png"))
    assert (layers(running).value(), session.state.watch.layer) == ("features.17", "features.17")


def test_keys_go_through_the_stages(running: FeatureMapsPanel, session: Session) -> None:
    first = child(running, QWidget, "train.maps.stage.features.6")
    first.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(first, Qt.Key.Key_Right)
    second = child(running, QAbstractButton, "train.maps.stage.features.13")
    assert second.isChecked()
    assert session.state.watch.layer == "features.13"
