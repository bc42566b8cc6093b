from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QWidget,
)
from pytestqt.qtbot import QtBot

from cnnstudio.data.samples import samples
from cnnstudio.gui.pages.data_page import DataPage
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.class_list import ClassList
from cnnstudio.gui.widgets.drop_area import DropArea
from cnnstudio.gui.widgets.field import ComboField, SpinField
from cnnstudio.gui.widgets.path_line import PathLine
from cnnstudio.gui.widgets.sample_card import PICTURES, SampleCard
from cnnstudio.gui.widgets.set_aside_list import SetAsideList
from cnnstudio.gui.widgets.switch import Switch

T = TypeVar("T", bound=QWidget)
Tree = Callable[..., Path]
Drop = Callable[[QWidget, Path], bool]


@pytest.fixture
def page(qtbot: QtBot, theme: Theme, session: Session) -> DataPage:
    return make(qtbot, theme, session)


def make(qtbot: QtBot, theme: Theme, session: Session) -> DataPage:
    page = DataPage(session, theme)
    qtbot.addWidget(page)
    page.resize(1184, 728)
    page.show()
    qtbot.waitExposed(page)
    return page


def part(page: DataPage, kind: type[T], name: str) -> T:
    """Return the only visible widget of that name."""
    (found,) = [each for each in page.findChildren(kind, name) if each.isVisible()]
    return found


def text(page: DataPage, name: str) -> str:
    label = page.findChild(QLabel, name)
    assert label is not None
    return label.text() if label.isVisible() else ""


def opened(qtbot: QtBot, session: Session, folder: Path) -> None:
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.state.survey is not None and session.state.surveying is None, timeout=20_000)


def test_a_newcomer_sees_where_to_begin(qtbot: QtBot, page: DataPage) -> None:
    assert part(page, DropArea, "data.drop").accessibleName() == "Drop a folder of images here"
    for sample in samples():
        card = part(page, SampleCard, f"data.sample.{sample.name}")
        words = [label.text() for label in card.findChildren(QLabel)]
        assert words == [sample.title, sample.idea, f"{sample.images:,} images · {len(sample.classes)} classes"]
    cards = page.findChildren(SampleCard)
    qtbot.waitUntil(lambda: all(len(card.pictures()) == PICTURES for card in cards), timeout=60_000)
    assert all(card.pictures()[0].width() == samples()[0].side for card in cards)
    assert not [each for each in page.findChildren(QWidget) if each.objectName() == "data.recent" and each.isVisible()]


@pytest.mark.parametrize("place", ["data.drop", "data.sample.shapes", ""])
def test_a_folder_dropped_anywhere_is_opened(
    qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree, drop: Drop, place: str
) -> None:
    folder = image_tree(("ant", "bee"), count=[10, 30], name="garden")
    assert drop(part(page, QWidget, place) if place else page, folder)
    qtbot.waitUntil(lambda: session.state.survey is not None, timeout=20_000)
    assert text(page, "data.name") == "garden"
    assert text(page, "data.sentence") == "40 images in 2 classes: 32 to learn from, 8 to validate with"
    assert part(page, PathLine, "data.path").path() == str(folder.resolve())
    rows = part(page, ClassList, "class_list").rows_model.rows
    assert [(row.name, row.train, row.val, len(row.thumbnails)) for row in rows] == [
        ("ant", 8, 2, 6),
        ("bee", 24, 6, 6),
    ]
    assert session.state.config.data.folder == str(folder)


def test_another_folder_can_be_dropped_on_an_open_one(
    qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree, drop: Drop
) -> None:
    opened(qtbot, session, image_tree(name="first"))
    assert drop(part(page, QWidget, "class_list"), image_tree(("x", "y", "z"), name="second"))
    assert part(page, DropArea, "data.drop_other").accessibleName() == "Drop another folder"
    qtbot.waitUntil(lambda: text(page, "data.name") == "second", timeout=20_000)
    assert text(page, "data.sentence").startswith("18 images in 3 classes")


@pytest.mark.parametrize("is_open", [False, True])
def test_what_is_no_folder_is_refused_with_a_sentence(
    qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree, drop: Drop, tmp_path: Path, *, is_open: bool
) -> None:
    if is_open:
        opened(qtbot, session, image_tree())
    before = session.state.surveying
    (tmp_path / "birds.zip").write_bytes(b"PK")
    area = part(page, DropArea, "data.drop_other" if is_open else "data.drop")
    assert not drop(page, tmp_path / "birds.zip")
    assert area.note() == "birds.zip is an archive. Unpack it first, then drop a folder from it."
    assert not drop(page, image_tree(name="more") / "ant" / "000.png")
    assert area.note().startswith("000.png is not a folder.")
    assert session.state.surveying is before is None


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, None])
def test_a_click_browses(
    qtbot: QtBot,
    page: DataPage,
    session: Session,
    image_tree: Tree,
    monkeypatch: pytest.MonkeyPatch,
    key: Qt.Key | None,
) -> None:
    folder = image_tree()
    answers = ["", str(folder)]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: answers.pop(0))
    for _ in range(2):
        assert session.state.surveying is None
        if key is None:
            QTest.mouseClick(part(page, DropArea, "data.drop"), Qt.MouseButton.LeftButton)
        else:
            QTest.keyClick(part(page, DropArea, "data.drop"), key)
    qtbot.waitUntil(lambda: session.state.survey is not None, timeout=20_000)
    assert answers == []
    assert session.state.config.data.folder == str(folder)


def test_a_look_at_a_folder_can_be_given_up(qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree) -> None:
    session.open_folder(image_tree(count=20))
    assert part(page, Card, "data.progress").title() == "Looking through the folder …"
    assert part(page, DropArea, "data.drop_other").accessibleName() == "Drop another folder"
    QTest.mouseClick(part(page, QPushButton, "data.progress.cancel"), Qt.MouseButton.LeftButton)
    assert session.state.surveying is None
    assert part(page, DropArea, "data.drop").isVisible()
    qtbot.wait(200)
    assert session.state.survey is None


def test_a_sample_says_what_it_draws(qtbot: QtBot, page: DataPage, session: Session) -> None:
    QTest.mouseClick(part(page, QPushButton, "data.sample.shapes.take"), Qt.MouseButton.LeftButton)
    assert part(page, Card, "data.progress").title() == f"Drawing {samples()[0].images:,} images …"
    bar = part(page, QProgressBar, "data.progress.bar")
    qtbot.waitUntil(lambda: bar.value() > 0, timeout=30_000)
    assert part(page, Card, "data.progress").subtitle().endswith(" %")
    session.folders.cancel()


def test_files_set_aside_are_named(qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree) -> None:
    folder = image_tree()
    (folder / "ant" / "broken.png").write_bytes(b"")
    (folder / "bee" / "phone.heic").write_bytes(b"x")
    opened(qtbot, session, folder)
    assert part(page, Card, "data.set_aside_card").subtitle() == "2 not used"
    model = part(page, SetAsideList, "data.set_aside").model()
    rows = {model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(model.rowCount())}
    assert rows == {"ant/broken.png: empty file", "bee/phone.heic: .heic is not supported; save it as PNG or JPEG"}
    assert text(page, "data.set_aside.none") == ""


def test_nothing_set_aside_is_said_calmly(qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree) -> None:
    opened(qtbot, session, image_tree(("ant", "bee"), count=[4, 30]))
    assert text(page, "data.set_aside.none") == "Every image could be read."
    assert part(page, Card, "data.set_aside_card").subtitle() == ""
    assert text(page, "data.advice") == (
        "ant has only 4 images: a hundred a class is a good start.\n"
        "bee has 8 times as many images as ant, and will be guessed too often."
    )


def test_settings_reach_the_configuration_and_say_what_they_do(
    qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree
) -> None:
    opened(qtbot, session, image_tree(count=20))
    size, share = part(page, ComboField, "data.image_size"), part(page, SpinField, "data.val_fraction")
    batch, augment = part(page, SpinField, "data.batch_size"), part(page, Switch, "data.augment")
    assert (size.currentText(), share.value(), batch.value(), augment.isChecked()) == ("auto: 96 px", 20, 32, True)
    QTest.keyClick(size, Qt.Key.Key_Down)
    QTest.keyClick(share, Qt.Key.Key_Up)
    batch.setFocus()
    batch.selectAll()
    QTest.keyClicks(batch, "6\t")
    QTest.mouseClick(augment, Qt.MouseButton.LeftButton)
    data = session.state.config.data
    assert (data.image_size, data.val_fraction, data.batch_size, data.augment) == (64, 0.25, 6, False)
    assert text(page, "data.sentence").endswith("30 to learn from, 10 to validate with")
    notes = {label.text() for label in page.findChildren(QLabel) if label.isVisible()}
    assert {"10 images", "5 steps an epoch", "shift and mirror"} <= notes


def test_settings_follow_the_configuration_silently(
    qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree
) -> None:
    opened(qtbot, session, image_tree(count=20))
    for key, value in (("image_size", 120), ("val_fraction", 0.7), ("batch_size", 7), ("augment", False)):
        session.set_value(f"data.{key}", value)
    before = session.state.config
    assert part(page, ComboField, "data.image_size").currentText() == "120 px"
    assert part(page, SpinField, "data.val_fraction").value() == 70
    assert part(page, SpinField, "data.batch_size").value() == 7
    assert not part(page, Switch, "data.augment").isChecked()
    assert session.state.config is before
    session.set_value("data.image_size", "auto")
    session.set_value("model.arch", "resnet18")
    assert part(page, ComboField, "data.image_size").currentText() == "auto: 224 px"


def test_a_folder_with_its_own_split_keeps_it(qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree) -> None:
    folder = image_tree(name="whole/train", count=6)
    image_tree(name="whole/val", count=3)
    image_tree(name="whole/test", count=2)
    opened(qtbot, session, folder.parent)
    assert text(page, "data.sentence") == (
        "22 images in 2 classes: 12 to learn from, 6 to validate with, 4 to test with"
    )
    assert not part(page, SpinField, "data.val_fraction").isEnabled()
    notes = [label.text() for label in page.findChildren(QLabel) if label.isVisible()]
    assert "6 images, from the folder's own split" in notes


def test_a_recent_run_leads_to_the_test_page(qtbot: QtBot, theme: Theme, untried_run: Path, session: Session) -> None:
    page = make(qtbot, theme, session)
    row = part(page, QWidget, "data.recent.birds-resnet18-4")
    assert row.accessibleName().startswith("birds-resnet18-4, ResNet-18, today, ")
    with qtbot.waitSignal(page.test_requested):
        QTest.mouseClick(row, Qt.MouseButton.LeftButton)
    assert session.state.model_folder == untried_run
    (untried_run / "config.toml").unlink()
    with qtbot.assertNotEmitted(page.test_requested):
        session.state = type(session.state)(recent=session.state.recent)
        QTest.mouseClick(row, Qt.MouseButton.LeftButton)
    assert session.state.notice is not None


def test_the_keyboard_reaches_everything(qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree) -> None:
    start = {"data.drop", *(f"data.sample.{sample.name}.take" for sample in samples())}
    assert tabbed(page) == start
    part(page, QPushButton, "data.sample.borders.take").setFocus()
    folder = image_tree()
    (folder / "ant" / "broken.png").write_bytes(b"")
    opened(qtbot, session, folder)
    assert QApplication.focusWidget() is part(page, DropArea, "data.drop_other")
    settings = {"data.image_size", "data.val_fraction", "data.batch_size", "data.augment"}
    assert tabbed(page) == {"data.drop_other", "data.path", "class_list", "data.set_aside", *settings}


def tabbed(page: DataPage) -> set[str]:
    """Return the names of all widgets that the Tab key goes to."""
    names: list[str] = []
    while True:
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus.objectName() in names:
            return set(names)
        names.append(focus.objectName())
        QTest.keyClick(focus, Qt.Key.Key_Tab)


def test_a_long_path_gives_way_and_can_be_copied(
    qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree
) -> None:
    folder = image_tree(name="a very long name of a folder/" * 8 + "birds")
    opened(qtbot, session, folder)
    line = part(page, PathLine, "data.path")
    assert "…" in line.text()
    assert line.text().endswith("/birds")
    line.setFocus()
    assert line.selectedText() == str(folder.resolve())
    line.clearFocus()
    assert "…" in line.text()
    assert isinstance(line, QLineEdit)
    assert line.isReadOnly()


def test_everything_fits_a_small_window(qtbot: QtBot, page: DataPage, session: Session, image_tree: Tree) -> None:
    def hidden_pixels() -> int:
        (area,) = [each for each in page.findChildren(QScrollArea) if each.isVisible()]
        return area.verticalScrollBar().maximum()

    assert hidden_pixels() == 0
    session.open_folder(image_tree(count=[4, 60]))
    assert hidden_pixels() == 0
    qtbot.waitUntil(lambda: session.state.survey is not None, timeout=20_000)
    assert hidden_pixels() == 0


def test_a_new_theme_reaches_all_of_it(
    qtbot: QtBot, page: DataPage, session: Session, theme: Theme, image_tree: Tree
) -> None:
    opened(qtbot, session, image_tree())
    light = page.grab().toImage().pixelColor(200, 600)
    theme.set_mode("dark")
    assert page.grab().toImage().pixelColor(200, 600).lightness() < light.lightness()
