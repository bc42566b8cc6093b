from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import LIGHT, Theme
from cnnstudio.gui.widgets.drop_area import DropArea, DropMode

# Qt 6.12 takes QPointF here, earlier versions QPoint only.
pytestmark = pytest.mark.filterwarnings("ignore:.*QDragEnterEvent:DeprecationWarning")

HINT = "One sub-folder for each class."


def make(qtbot: QtBot, theme: Theme, mode: DropMode) -> DropArea:
    area = DropArea("data.drop", "Drop a folder of images", HINT, theme, mode=mode)
    qtbot.addWidget(area)
    area.resize(400, 240)
    area.show()
    qtbot.waitExposed(area)
    return area


def mime(*urls: QUrl) -> QMimeData:
    data = QMimeData()
    data.setUrls(list(urls))
    return data


def enter(area: DropArea, data: QMimeData) -> QDragEnterEvent:
    event = QDragEnterEvent(
        QPoint(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(area, event)
    return event


def ground(area: DropArea) -> str:
    return area.grab().toImage().pixelColor(20, 20).name()


def drop(area: DropArea, data: QMimeData) -> QDropEvent:
    event = QDropEvent(
        QPointF(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(area, event)
    return event


def test_takes_a_folder_and_lights_up_before(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    folder = tmp_path / "bläue Vögel"
    folder.mkdir()
    area = make(qtbot, theme, "folder")
    data = mime(QUrl.fromLocalFile(str(folder)))
    assert enter(area, data).dropAction() == Qt.DropAction.CopyAction
    assert ground(area) == LIGHT.tint.lower()
    with qtbot.waitSignal(area.dropped) as told:
        assert drop(area, data).isAccepted()
    assert told.args == [folder]
    assert ground(area) != LIGHT.tint.lower()


def test_takes_an_image_file(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    path = tmp_path / "robin.png"
    path.write_bytes(b"")
    area = make(qtbot, theme, "image")
    data = mime(QUrl.fromLocalFile(str(path)))
    enter(area, data)
    with qtbot.waitSignal(area.dropped) as told:
        drop(area, data)
    assert told.args == [path]


@pytest.mark.parametrize(
    ("mode", "urls", "sentence"),
    [
        ("folder", ["{file}"], "robin.png is not a folder. Drop the folder that holds one sub-folder for each class."),
        ("image", ["{folder}"], "birds is not a file. Drop an image file."),
        ("folder", ["{folder}", "{file}"], "These are 2 things at once. Drop one: a folder."),
        (
            "image",
            ["https://a.org/a.png"],
            "This is not on this machine. Save it first, then drop an image file.",
        ),
        ("folder", [], "This is not a file. Drop a folder from the file manager."),
    ],
)
def test_refuses_with_a_sentence(
    qtbot: QtBot, theme: Theme, tmp_path: Path, mode: DropMode, urls: list[str], sentence: str
) -> None:
    (tmp_path / "birds").mkdir()
    (tmp_path / "robin.png").write_bytes(b"")
    places = {"{file}": tmp_path / "robin.png", "{folder}": tmp_path / "birds"}
    data = mime(*(QUrl.fromLocalFile(str(places[url])) if url in places else QUrl(url) for url in urls))
    area = make(qtbot, theme, mode)
    assert enter(area, data).dropAction() == Qt.DropAction.IgnoreAction
    assert area.note() == sentence
    QApplication.sendEvent(area, QDragLeaveEvent())
    assert area.note() == HINT
    enter(area, data)
    with qtbot.assertNotEmitted(area.dropped):
        assert not drop(area, data).isAccepted()
    assert area.accessibleDescription() == sentence


@pytest.mark.parametrize("mode", ["folder", "image"])
def test_an_archive_is_to_be_unpacked_first(qtbot: QtBot, theme: Theme, tmp_path: Path, mode: DropMode) -> None:
    (tmp_path / "birds.ZIP").write_bytes(b"PK")
    area = make(qtbot, theme, mode)
    data = mime(QUrl.fromLocalFile(str(tmp_path / "birds.ZIP")))
    assert enter(area, data).dropAction() == Qt.DropAction.IgnoreAction
    with qtbot.assertNotEmitted(area.dropped):
        drop(area, data)
    wanted = {"folder": "a folder", "image": "an image file"}[mode]
    assert area.note() == f"birds.ZIP is an archive. Unpack it first, then drop {wanted} from it."


def test_a_ring_for_the_keyboard_only(qtbot: QtBot, theme: Theme) -> None:
    area = make(qtbot, theme, "folder")
    qtbot.waitUntil(area.hasFocus)  # the only widget of the window
    area.clearFocus()
    plain = area.grab().toImage()
    area.setFocus(Qt.FocusReason.OtherFocusReason)
    assert area.grab().toImage() == plain
    area.clearFocus()
    area.setFocus(Qt.FocusReason.TabFocusReason)
    assert area.grab().toImage() != plain


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, None])
def test_click_or_key_asks_for_a_dialog(qtbot: QtBot, theme: Theme, key: Qt.Key | None) -> None:
    area = make(qtbot, theme, "folder")
    with qtbot.waitSignal(area.browse_requested):
        if key is None:
            QTest.mouseClick(area, Qt.MouseButton.LeftButton)
        else:
            QTest.keyClick(area, key)


def test_a_theme_keeps_the_sentence(qtbot: QtBot, theme: Theme) -> None:
    area = make(qtbot, theme, "folder")
    enter(area, mime())
    before = area.note()
    theme.set_mode("dark")
    assert area.note() == before != HINT
