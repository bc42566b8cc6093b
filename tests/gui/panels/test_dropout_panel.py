import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.changes import DROPOUT
from cnnstudio.core.control import ANY_DROPOUT, Change
from cnnstudio.core.events import Changed
from cnnstudio.core.pictures import DropoutMasks
from cnnstudio.gui.panels.dropout_panel import DropoutPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunView
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField, NumberField
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.gui.widgets.removal_pair import RemovalPair
from tests.e2e.gestures import child, choose, press
from tests.gui.events import ended, maps, started
from tests.gui.sessions import begin, feed, finish, look_into, notice, take

LAYERS = ("features.2.1", "features.6.1", "features.10.1", "features.13.1", "classifier.2")
STAGES = ("stage1", "stage2", "stage3", "stage3", "head")
PLACES = ("behind features.0", "behind features.4", "behind features.8", "behind features.11", "before classifier.3")


def masks(layer: str = "features.6.1", *, step: int = 12, p: float = 0.25) -> DropoutMasks:
    """Return sixteen maps of which 1, 4 and 5 are removed and 2 was zero; of each other one the upper left value."""
    tiles = np.full((16, 8, 8), 200, np.uint8)
    tiles[2] = 0
    zero, channels = np.zeros(16, np.bool_), np.zeros(16, np.bool_)
    zero[2], channels[[1, 4, 5]] = True, True
    values = np.zeros((16, 8, 8), np.bool_)
    values[:, :4, :4] = True
    values[2] = False
    before = np.full(16, 0.5, np.float32)
    after = np.where(channels, 0, before / np.float32(1 - p)).astype(np.float32)
    return DropoutMasks(
        layer=layer,
        whole=True,
        p=p,
        shape=(16, 8, 8),
        tiles=tiles,
        values=values,
        channels=channels,
        zero=zero,
        nonzero=15 * 64,
        removed=int(values.sum()),
        mean_before=before,
        mean_after=after,
        vector=False,
        step=step,
        image="/images/birds/robin/003.png",
        pixels=np.full((24, 24, 3), 90, np.uint8),
        mixed=False,
        layers=LAYERS,
        stages=STAGES,
        places=PLACES,
        wholes=(True, True, True, True, False),
        learning=(False, True, True, True, True),
    )


def idle(layer: str) -> DropoutMasks:
    """Return what is told of a layer that passes everything on."""
    none, no_maps = np.zeros(0, np.bool_), np.zeros((0, 0, 0), np.bool_)
    return replace(
        masks(layer, p=0.0),
        shape=(0, 0, 0),
        tiles=no_maps.view(np.uint8),
        values=no_maps,
        channels=none,
        zero=none,
        nonzero=0,
        removed=0,
    )


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> DropoutPanel:
    return look_into(qtbot, DropoutPanel(session, theme), 900, 420)


@pytest.fixture
def running(panel: DropoutPanel, session: Session) -> DropoutPanel:
    """Return the panel during a run."""
    begin(session)
    feed(session, started())
    return panel


@pytest.fixture
def changes(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[Change]:
    """Return what the run is asked to take."""
    asked: list[Change] = []
    monkeypatch.setattr(session.run.host.control, "change", asked.append)
    return asked


def words(panel: DropoutPanel) -> str:
    return child(panel, QLabel, "train.dropout.words").text()


def hint(panel: DropoutPanel) -> str:
    label = child(panel, QLabel, "train.dropout.hint")
    return label.text() if label.isVisible() else ""


def watched(session: Session) -> str:
    return session.run.host.control.watched.dropout


def pair(panel: DropoutPanel) -> RemovalPair:
    return child(panel, RemovalPair, "train.dropout.maps")


def tile(panel: DropoutPanel, side: str, channel: int) -> QImage:
    """Return the pixels of a tile as it is drawn."""
    wall = getattr(pair(panel), side)
    x, y = wall.canvas.grid.corner(channel)
    length = wall.canvas.grid.side
    image: QImage = wall.canvas.grab().toImage().copy(x, y, length, length)
    return image


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


# What is said


def test_before_a_run_and_before_its_first_step_it_says_what_will_come(panel: DropoutPanel, session: Session) -> None:
    assert "once training starts" in hint(panel)
    assert not child(panel, ComboField, "train.dropout.layer").isVisible()
    begin(session)
    feed(session, started())
    assert "appears with the next one" in hint(panel)


def test_after_a_run_it_says_what_is_so(panel: DropoutPanel, session: Session) -> None:
    begin(session)
    feed(session, started(), ended())
    finish(session)
    assert hint(panel).startswith("This run has ended. ")
    assert "with the next one" in hint(panel)
    begin(session)
    assert "once training starts" in hint(panel)


def test_a_run_of_another_process_is_seen_there(panel: DropoutPanel, session: Session) -> None:
    session.run._show(RunView(status="following"))
    assert hint(panel) == "What dropout removes can be seen where the run trains"


def test_figures_are_told_in_a_sentence(running: DropoutPanel) -> None:
    take(running, masks())
    assert words(running) == (
        "Dropout2d removed 3 of 15 channels (20 %; 1 more was zero already); p = 0.25; what stays is multiplied by "
        "1.33. Element-wise dropout would have removed 25 % of the 960 values that were not zero already: neighbours "
        "still tell what is missing."
    )
    assert running.subtitle() == "features.6.1 · 16 × 8 × 8 · step 12 · robin / 003.png"
    assert hint(running) == ""
    image = child(running, QLabel, "train.dropout.image")
    assert image.pixmap().toImage().pixelColor(5, 5).name() == "#5a5a5a"
    assert image.toolTip() == "robin / 003.png, as the step saw it"


def test_of_a_vector_only_single_values_are_told(running: DropoutPanel) -> None:
    vector = replace(
        masks("classifier.2", p=0.5),
        whole=False,
        vector=True,
        shape=(1, 8, 8),
        tiles=np.full((1, 8, 8), 9, np.uint8),
        values=masks().values[:1],
        channels=np.zeros(1, np.bool_),
        zero=np.zeros(1, np.bool_),
        nonzero=64,
        removed=16,
        pixels=np.zeros((0, 0, 3), np.uint8),
    )
    take(running, vector)
    assert words(running) == (
        "Dropout removed 25 % of all 64 values; p = 0.5; what stays is multiplied by 2. Each value is a feature of its "
        "own: none tells another."
    )
    assert (pair(running).channels.isVisible(), pair(running).values.isVisible()) == (False, True)
    assert pair(running).values.enlarged.isVisible()
    assert not child(running, QLabel, "train.dropout.image").isVisible()


def test_frozen_layers_and_networks_without_dropout_say_why_nothing_is_removed(
    running: DropoutPanel, session: Session
) -> None:
    take(running, idle("features.2.1"))
    assert hint(running) == (
        "Frozen: stage1 does not learn and runs as in evaluation, where dropout passes everything on. Nothing is "
        "removed. Layers from stage2 on learn and drop."
    )
    assert not child(running, QPushButton, "train.dropout.hold").isEnabled()
    none: tuple[str, ...] = ()
    take(running, replace(idle(""), layers=none, stages=none, places=none, wholes=(), learning=()))
    assert "p is 0" in hint(running)
    assert "model.dropout2d" in hint(running)
    feed(session, ended())
    finish(session)
    assert hint(running).startswith("This run had no dropout layer: p was 0. Set Dropout2d (model.dropout2d) above 0 ")


def test_with_p_at_zero_nothing_is_removed(running: DropoutPanel) -> None:
    take(running, replace(masks(p=0.0), removed=0, channels=np.zeros(16, np.bool_), values=np.zeros((16, 8, 8), bool)))
    assert words(running) == "p = 0: features.6.1 passes everything on. Nothing is removed in this step."


# What is drawn


def test_removed_channels_are_hatched_and_others_are_not(running: DropoutPanel) -> None:
    take(running, masks())
    (plain,) = colours(tile(running, "channels", 7))  # of one value
    removed = colours(tile(running, "channels", 4))
    assert plain not in removed
    assert "#56b4e9" in removed
    image = tile(running, "channels", 4)
    middle = [image.pixelColor(x, image.height() // 2).lightness() for x in range(4, image.width() - 4)]
    ups = sum(after > before + 20 for before, after in pairwise(middle))
    assert ups >= 3  # stripes
    dead = colours(tile(running, "channels", 2))
    assert "#56b4e9" not in dead
    assert plain not in dead


def test_removed_values_are_hatched_one_by_one(running: DropoutPanel) -> None:
    take(running, masks())
    image = tile(running, "values", 4)
    half = image.width() // 2
    upper_left, lower_right = image.copy(0, 0, half - 1, half - 1), image.copy(half + 1, half + 1, half - 2, half - 2)
    assert colours(upper_left) == {"#56b4e9", "#0b1b2b"}
    assert len(colours(lower_right)) == 1
    assert colours(tile(running, "values", 2)).isdisjoint({"#56b4e9"})


def test_both_walls_enlarge_and_point_together(running: DropoutPanel) -> None:
    take(running, masks())
    both = pair(running)
    QTest.mouseClick(both.channels.canvas, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert both.values.enlarged.isVisible()
    assert both.values.enlarged.words() == "channel 0 · 8 × 8 · 16 values removed"
    assert both.channels.enlarged.words() == "channel 0 · 8 × 8 · stays"
    QTest.keyClick(both.channels.enlarged, Qt.Key.Key_Escape)
    assert not both.values.enlarged.isVisible()
    both.channels.canvas.setFocus()
    QTest.keyClick(both.channels.canvas, Qt.Key.Key_Right)
    QTest.keyClick(both.channels.canvas, Qt.Key.Key_Return)
    assert both.channels.enlarged.words() == "channel 1 · 8 × 8 · removed"
    assert colours(both.values.enlarged.grab().toImage()) >= {"#56b4e9", "#0b1b2b"}


# Which layer and which step


def test_nothing_is_watched_while_nobody_looks(running: DropoutPanel, session: Session) -> None:
    assert watched(session) == ANY_DROPOUT
    running.watch(seen=False)
    assert watched(session) == ""
    running.watch(seen=True)
    assert watched(session) == ANY_DROPOUT


def test_stages_and_layers_can_be_chosen(running: DropoutPanel, session: Session) -> None:
    told: list[str] = []
    running.layer_chosen.connect(told.append)
    take(running, masks())
    stages, layers = child(running, PillRow, "train.dropout.stage"), child(running, ComboField, "train.dropout.layer")
    assert (stages.value(), layers.value()) == ("features.6.1", "features.6.1")
    assert [layers.itemText(row) for row in range(layers.count())] == [
        "stage1 · behind features.0 · frozen",
        "stage2 · behind features.4",
        "stage3 · behind features.8",
        "stage3 · behind features.11",
        "head · before classifier.3 · single values",
    ]
    choose(running, "train.dropout.layer", "stage3 · behind features.8")
    assert watched(session) == "features.10.1"
    take(running, masks("features.6.1", step=13))  # late
    assert "step 12" in running.subtitle()
    take(running, masks("features.10.1", step=14))
    assert "step 14" in running.subtitle()
    assert stages.value() == "features.13.1"
    press(running, "train.dropout.stage.features.2.1")
    assert watched(session) == "features.2.1"
    running.choose_layer("features.11")
    running.choose_layer("features.12")  # no dropout there
    assert watched(session) == "features.13.1"
    assert told == ["features.10.1", "features.2.1", "features.13.1"]


def test_a_step_can_be_held(running: DropoutPanel, session: Session) -> None:
    take(running, masks(step=12))
    press(running, "train.dropout.hold")
    assert watched(session) == ""
    take(running, masks(step=13))
    assert "step 12" in running.subtitle()
    press(running, "train.dropout.hold")
    assert watched(session) == ANY_DROPOUT
    take(running, masks(step=14))
    assert "step 14" in running.subtitle()
    press(running, "train.dropout.hold")
    choose(running, "train.dropout.layer", "stage3 · behind features.8")
    assert watched(session) == "features.10.1"
    assert not child(running, QPushButton, "train.dropout.hold").isChecked()


def test_a_new_run_begins_with_nothing(running: DropoutPanel, session: Session) -> None:
    take(running, masks())
    choose(running, "train.dropout.layer", "stage3 · behind features.8")
    feed(session, ended())
    finish(session)
    assert not child(running, QPushButton, "train.dropout.hold").isEnabled()
    assert not child(running, ComboField, "train.dropout.layer").isEnabled()
    begin(session)
    assert (running.subtitle(), watched(session)) == ("", ANY_DROPOUT)
    assert "once training starts" in hint(running)
    take(running, maps("features.6"))  # of another view
    assert running.subtitle() == ""


# p


def test_p_is_changed_while_the_run_goes_on(running: DropoutPanel, session: Session, changes: list[Change]) -> None:
    p = child(running, NumberField, "train.dropout.p")
    assert (p.isVisible(), p.value()) == (True, 0.0)
    p.setFocus()
    QTest.keyClick(p, Qt.Key.Key_Up)
    assert [(each.key, each.value) for each in changes] == [(DROPOUT, 0.05)]
    told = Changed(step=12, epoch=1.2, key=DROPOUT, old=0.0, new=0.3, label="p 0.3", text="")
    feed(session, told)  # by another view
    assert p.value() == pytest.approx(0.3)
    assert len(changes) == 1
    QTest.keyClick(p, Qt.Key.Key_Up)
    session.say("warn", "Not changed.")
    assert p.value() == pytest.approx(0.3)  # as it is
    feed(session, ended())
    finish(session)
    assert not p.isVisible()


# Files


def test_the_figures_are_saved_a_row_a_channel(running: DropoutPanel, session: Session, tmp_path: Path) -> None:
    take(running, masks())
    running.save(tmp_path / "dropout.csv")
    rows = list(csv.DictReader((tmp_path / "dropout.csv").read_text().splitlines()))
    assert len(rows) == 16
    assert [row["dropout2d"] for row in rows[:5]] == ["stays", "removed", "zero before", "stays", "removed"]
    assert [rows[0][name] for name in ("step", "layer", "p", "mean_before", "mean_after", "values_removed")] == [
        "12",
        "features.6.1",
        "0.25",
        "0.5",
        "0.666667",
        "16",
    ]
    assert notice(session)[0] == "info"


def test_the_picture_is_saved_with_all_maps(
    running: DropoutPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(running, masks())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "step"), "PNG image (*.png)"))
    press(running, "train.dropout.save")
    image = QImage(str(tmp_path / "step.png"))
    assert image.width() > 2 * 2 * 560
    found = colours(image.scaled(image.width() // 4, image.height() // 4))
    assert "#56b4e9" in found


def test_a_file_that_cannot_be_written_is_told(running: DropoutPanel, session: Session, tmp_path: Path) -> None:
    take(running, masks())
    running.save(tmp_path / "missing" / "dropout.png")
    level, text = notice(session)
    assert level == "error"
    assert "Choose another folder" in text


def test_everything_has_a_name(running: DropoutPanel) -> None:
    take(running, masks())
    for widget in running.findChildren(QWidget):
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus and widget.isVisible() and "qt_" not in widget.objectName():
            assert widget.accessibleName(), widget
