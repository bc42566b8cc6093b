import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.banner import Banner, Level


@pytest.fixture
def page(qtbot: QtBot, theme: Theme) -> QWidget:
    page = QWidget()
    qtbot.addWidget(page)
    QVBoxLayout(page).addWidget(Banner("notice", theme))
    page.resize(600, 100)
    page.show()
    qtbot.waitExposed(page)
    return page


@pytest.fixture
def banner(page: QWidget) -> Banner:
    found = page.findChild(Banner, "notice")
    assert found is not None
    return found


def button(banner: Banner, name: str) -> QPushButton:
    found = banner.findChild(QPushButton, f"notice.{name}")
    assert found is not None
    return found


def test_is_hidden_until_it_has_something_to_say(banner: Banner) -> None:
    assert not banner.isVisible()
    banner.say("info", "The head still learns fast.")
    assert banner.isVisible()
    assert banner.text() == "The head still learns fast."
    banner.clear()
    assert (banner.isVisible(), banner.text()) == (False, "")


@pytest.mark.parametrize(("level", "word"), [("info", "Note"), ("warn", "Attention"), ("error", "Error")])
def test_how_serious_it_is_can_be_heard_and_seen(banner: Banner, level: Level, word: str) -> None:
    banner.say(level, "3 images were set aside.")
    assert banner.accessibleName() == f"{word}: 3 images were set aside."
    assert banner.level() == level
    picture = banner.grab().toImage()
    banner.say("warn" if level == "info" else "info", "3 images were set aside.")
    assert banner.grab().toImage() != picture


def test_action_only_where_there_is_one(qtbot: QtBot, banner: Banner) -> None:
    banner.say("warn", "3 images were set aside.", action="Show them")
    with qtbot.waitSignal(banner.action_requested):
        QTest.mouseClick(button(banner, "action"), Qt.MouseButton.LeftButton)
    banner.say("warn", "Something else.")
    assert not button(banner, "action").isVisible()


def test_user_can_close_it(qtbot: QtBot, banner: Banner) -> None:
    banner.say("error", "The disk is full.")
    with qtbot.waitSignal(banner.dismissed):
        QTest.keyClick(button(banner, "close"), Qt.Key.Key_Space)
    assert not banner.isVisible()


def test_markup_is_shown_as_text(banner: Banner) -> None:
    banner.say("info", "<b>bold.png</b> & more")
    assert banner.text() == "<b>bold.png</b> & more"
    width = banner.grab().toImage()
    banner.say("info", "bold.png & more")
    assert banner.grab().toImage() != width
