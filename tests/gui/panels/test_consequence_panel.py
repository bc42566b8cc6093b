import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.data.samples import draw_image
from cnnstudio.gui import background
from cnnstudio.gui.background import Compared, Question
from cnnstudio.gui.panels.consequence_panel import ConsequencePanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.tasks import Job
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.map_wall import MapWall
from cnnstudio.gui.widgets.picture_view import PictureView
from tests.e2e.gestures import child, choose, drop
from tests.gui.sessions import WAIT, load_torch, look_at

Tree = Callable[..., Path]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    """Return the questions that are computed."""
    found: list[Question] = []
    compare = background.compare

    def counting(question: Question, job: Job[Compared]) -> Compared:
        found.append(question)
        return compare(question, job)

    monkeypatch.setattr(background, "compare", counting)
    return found


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session, image_tree: Tree, asked: list[Question]) -> ConsequencePanel:
    """Return the panel with torch loaded and images of ants and bees open."""
    session.set_value("data.image_size", 48)
    load_torch(qtbot, session)
    look_at(qtbot, session, image_tree(count=4))
    panel = ConsequencePanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(850, 480)
    panel.show()
    qtbot.waitExposed(panel)
    answered(qtbot, panel)
    asked.clear()
    return panel


def answered(qtbot: QtBot, panel: ConsequencePanel) -> None:
    """Wait until the question that was asked last is answered."""
    qtbot.waitUntil(lambda: not panel._waiting, timeout=WAIT)


def turn(qtbot: QtBot, panel: ConsequencePanel, session: Session, key: str, value: object) -> None:
    """Turn a switch, and wait for what it does."""
    session.set_value(key, value)
    answered(qtbot, panel)


def words(panel: ConsequencePanel, name: str) -> str:
    label = child(panel, QLabel, f"consequence.{name}")
    return label.text() if label.isVisible() else ""


def tiles(panel: ConsequencePanel, side: str) -> tuple[int, ...]:
    wall = child(panel, MapWall, f"consequence.maps.{side}")
    return wall.canvas.maps.shape if wall.isVisible() else ()


def titles(panel: ConsequencePanel) -> list[str]:
    labels = [child(panel, QLabel, f"consequence.maps.{side}.title") for side in ("before", "after")]
    return [label.text() for label in labels if label.isVisible()]


def image(panel: ConsequencePanel) -> ComboField:
    return child(panel, ComboField, "consequence.image")


# Switches


def test_at_first_there_is_only_now(panel: ConsequencePanel) -> None:
    assert titles(panel) == ["Now"]
    assert (tiles(panel, "before"), tiles(panel, "after")) == ((), (32, 48, 48))
    assert words(panel, "told") == "features.0 · 32 × 48 × 48"
    assert words(panel, "maps.after.note") == "Turn a switch, and see here what it does to these maps."
    assert (words(panel, "switches"), words(panel, "change"), words(panel, "status")) == ("", "", "Random weights")
    assert child(panel, MapWall, "consequence.maps.after").width() == panel.width()


def test_a_switch_shows_before_and_after(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    turn(qtbot, panel, session, "model.padding", "valid")
    assert titles(panel) == ["Before", "After"]
    assert (tiles(panel, "before"), tiles(panel, "after")) == ((32, 48, 48), (32, 46, 46))
    assert words(panel, "switches") == "Padding same → valid"
    assert words(panel, "told") == "features.0 · 32 × 48 × 48 → 32 × 46 × 46"
    assert words(panel, "change") == "no change"  # of the pixels that are left
    assert words(panel, "status") == "Random weights, the same on both sides"


def test_undo_shows_the_reverse(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    panel.select_layer("features.2")
    turn(qtbot, panel, session, "model.padding", "reflect")
    there = [child(panel, MapWall, f"consequence.maps.{side}").canvas.maps for side in ("before", "after")]
    assert words(panel, "change").startswith("mean change ")
    session.undo()
    answered(qtbot, panel)
    back = [child(panel, MapWall, f"consequence.maps.{side}").canvas.maps for side in ("before", "after")]
    assert words(panel, "switches") == "Padding reflect → same"
    assert np.array_equal(there[0], back[1])
    assert np.array_equal(there[1], back[0])


def test_only_the_latest_switch_is_compared(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    turn(qtbot, panel, session, "model.padding", "circular")
    turn(qtbot, panel, session, "model.dropout2d", 0.5)
    assert words(panel, "switches") == "Dropout2d 0 → 0.5"
    choose(panel, "consequence.against", "Default switches")
    answered(qtbot, panel)
    assert words(panel, "switches") == "Padding same → circular, Dropout2d 0 → 0.5"
    choose(panel, "consequence.against", "Previous setting")
    answered(qtbot, panel)
    assert words(panel, "switches") == "Dropout2d 0 → 0.5"


def test_dropped_channels_are_dark(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    panel.select_layer("features.2")
    turn(qtbot, panel, session, "model.dropout2d", 0.5)
    before, after = (child(panel, MapWall, f"consequence.maps.{side}").canvas.maps for side in ("before", "after"))
    dropped = ~after.any((1, 2)) & before.any((1, 2))
    assert 6 <= dropped.sum() <= 26  # of 32, half of which are dropped


def test_another_architecture_begins_anew(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    panel.select_layer("features.4")
    turn(qtbot, panel, session, "model.padding", "reflect")
    turn(qtbot, panel, session, "model.arch", "resnet18")
    assert titles(panel) == ["Now"]
    assert words(panel, "told") == "conv1 · 64 × 24 × 24"
    turn(qtbot, panel, session, "model.batchnorm", False)
    assert words(panel, "switches") == "BatchNorm2d on → off"
    assert words(panel, "change") == "no change"  # of the very first convolution


def test_settings_that_bear_on_no_map_ask_nothing(
    qtbot: QtBot, panel: ConsequencePanel, session: Session, asked: list[Question]
) -> None:
    turn(qtbot, panel, session, "model.padding", "reflect")
    asked.clear()
    turn(qtbot, panel, session, "train.epochs", 3)
    session.say("info", "something else")
    assert asked == []
    assert words(panel, "switches") == "Padding same → reflect"


def test_what_cannot_be_is_said_in_a_sentence(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    turn(qtbot, panel, session, "transfer.mode", "finetune")
    assert words(panel, "hint").startswith("Compact CNN has no pretrained weights")
    assert (words(panel, "told"), tiles(panel, "after")) == ("", ())
    session.undo()
    answered(qtbot, panel)
    assert (words(panel, "hint"), tiles(panel, "after")) == ("", (32, 48, 48))


def test_pretrained_weights_are_named(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    turn(qtbot, panel, session, "model.arch", "efficientnet_lite0")
    turn(qtbot, panel, session, "transfer.mode", "freeze")
    assert words(panel, "switches") == "Transfer From scratch → Freeze"
    assert words(panel, "status") == "Before: random weights · After: EfficientNet-Lite0, ImageNet"
    turn(qtbot, panel, session, "model.batchnorm", False)
    assert words(panel, "status") == "EfficientNet-Lite0, ImageNet, BatchNorm folded"


def test_weights_that_have_come_are_used(
    qtbot: QtBot, panel: ConsequencePanel, session: Session, asked: list[Question]
) -> None:
    session.weights.arrived.emit()
    answered(qtbot, panel)
    assert len(asked) == 1


# Layers


def test_the_layer_is_chosen_elsewhere(qtbot: QtBot, panel: ConsequencePanel) -> None:
    panel.select_layer("features.7")
    answered(qtbot, panel)
    assert words(panel, "told") == "features.7 · 64 × 12 × 12"
    panel.select_layer("classifier")
    answered(qtbot, panel)
    assert words(panel, "told") == "features.21 (classifier gives no maps here) · 256 × 3 × 3"


def test_both_sides_enlarge_scroll_and_point_together(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    panel.select_layer("features.21")
    turn(qtbot, panel, session, "model.padding", "reflect")
    before, after = (child(panel, MapWall, f"consequence.maps.{side}") for side in ("before", "after"))
    after.canvas.setFocus()
    QTest.keyClick(after.canvas, Qt.Key.Key_End)
    assert before.scroll_bar.value() == after.scroll_bar.value() > 0
    assert before.canvas.hovered == 255
    QTest.keyClick(after.canvas, Qt.Key.Key_Return)
    assert (before.enlarged.isVisible(), before.enlarged.channel) == (True, 255)
    turn(qtbot, panel, session, "model.padding", "circular")
    assert (before.enlarged.isVisible(), after.enlarged.isVisible()) == (True, True)
    QTest.mouseClick(before.enlarged, Qt.MouseButton.LeftButton)
    assert (before.enlarged.isVisible(), after.enlarged.isVisible()) == (False, False)


# Images


def test_the_image_is_chosen_or_dropped(
    qtbot: QtBot, panel: ConsequencePanel, session: Session, asked: list[Question], tmp_path: Path
) -> None:
    assert image(panel).currentText().startswith("ant / ")
    choose(panel, "consequence.image", image(panel).itemText(1))
    answered(qtbot, panel)
    assert Path(asked[-1].image).parent.name == "bee"
    Image.new("RGB", (30, 20), (200, 30, 40)).save(tmp_path / "mine.png")
    assert drop(panel, tmp_path / "mine.png")
    answered(qtbot, panel)
    assert session.state.watch.image == str(tmp_path / "mine.png")
    assert child(panel, PictureView, "consequence.picture").image().pixelColor(24, 24).name() == "#c81e28"
    assert not drop(panel, tmp_path)


def test_an_image_that_cannot_be_read_is_named(qtbot: QtBot, panel: ConsequencePanel, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nonsense")
    assert drop(panel, tmp_path / "broken.png")
    answered(qtbot, panel)
    assert words(panel, "hint").startswith("The image cannot be read: ")
    assert "broken.png" in words(panel, "hint")


def test_without_a_folder_there_are_pictures(
    qtbot: QtBot, theme: Theme, session: Session, asked: list[Question]
) -> None:
    panel = ConsequencePanel(session, theme)
    qtbot.addWidget(panel)
    panel.show()
    assert words(panel, "hint") == "PyTorch is loading; the feature maps appear here in a moment."
    assert [image(panel).itemText(row) for row in range(image(panel).count())] == [
        "Sample / Shapes",
        "Sample / Borders",
        "Sample / Textures",
        "Choose a file …",
    ]
    load_torch(qtbot, session)
    answered(qtbot, panel)
    assert tiles(panel, "after") == (32, 96, 96)
    choose(panel, "consequence.image", "Sample / Borders")
    answered(qtbot, panel)
    assert (asked[-1].image, asked[-1].picture, asked[-1].classes) == ("", "borders", 0)
    red, green, blue = draw_image("borders", "dots", 0)[50, 40].tolist()
    shown = child(panel, PictureView, "consequence.picture").image()
    assert shown.pixelColor(40, 50) == QColor(red, green, blue)


# Time


def test_nothing_is_computed_while_the_panel_is_hidden(
    qtbot: QtBot, panel: ConsequencePanel, session: Session, asked: list[Question]
) -> None:
    panel.hide()
    session.set_value("model.padding", "reflect")
    session.set_value("model.padding", "circular")
    panel.select_layer("features.2")
    assert (asked, panel._waiting) == ([], False)
    panel.show()
    answered(qtbot, panel)
    assert len(asked) == 1
    assert words(panel, "switches") == "Padding reflect → circular"


def test_a_panel_that_is_hidden_meanwhile_asks_again(qtbot: QtBot, panel: ConsequencePanel, session: Session) -> None:
    session.set_value("model.padding", "reflect")
    assert panel._waiting
    panel.hide()
    assert not session._tasks.busy("consequence")
    panel.show()
    answered(qtbot, panel)
    assert words(panel, "switches") == "Padding same → reflect"


def test_what_takes_long_says_so_and_keeps_the_old_maps(
    qtbot: QtBot, panel: ConsequencePanel, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    compare = background.compare

    def slow(question: Question, job: Job[Compared]) -> Compared:
        go_on.wait(10)
        return compare(question, job)

    monkeypatch.setattr(background, "compare", slow)
    session.set_value("model.padding", "reflect")
    qtbot.waitUntil(lambda: words(panel, "status") == "Computing …")
    assert (titles(panel), tiles(panel, "after")) == (["Now"], (32, 48, 48))
    go_on.set()
    answered(qtbot, panel)
    assert words(panel, "status") == "Random weights, the same on both sides"
    assert titles(panel) == ["Before", "After"]


def test_the_latest_question_wins(
    qtbot: QtBot, panel: ConsequencePanel, session: Session, asked: list[Question]
) -> None:
    for padding in ("reflect", "replicate", "circular"):
        session.set_value("model.padding", padding)
    answered(qtbot, panel)
    assert words(panel, "switches") == "Padding replicate → circular"
    assert asked[-1].after.model == Config().replace("model.padding", "circular").model


# Around


def test_the_panel_follows_the_theme(panel: ConsequencePanel, theme: Theme) -> None:
    theme.set_mode("dark")
    assert child(panel, MapWall, "consequence.maps.before").canvas._tokens.name == "dark"
    assert child(panel, MapWall, "consequence.maps.after").canvas._tokens.name == "dark"


def test_everything_has_a_name_and_the_keys_reach_it(panel: ConsequencePanel) -> None:
    for name in ("consequence.image", "consequence.against"):
        control = child(panel, QWidget, name)
        assert control.accessibleName()
        assert control.focusPolicy() == Qt.FocusPolicy.StrongFocus
    maps = child(panel, QWidget, "consequence.maps")
    assert maps.accessibleDescription() == "features.0 · 32 × 48 × 48"
