import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.panels.rail import Badge, Rail, RailButton, RailItem
from cnnstudio.gui.theme import Theme

ITEMS = [RailItem(word.lower(), word, word.lower()) for word in ("Data", "Model", "Train", "Test")]


@pytest.fixture
def rail(qtbot: QtBot, theme: Theme) -> Rail:
    rail = Rail(theme, ITEMS)
    qtbot.addWidget(rail)
    rail.resize(88, 500)
    rail.show()
    qtbot.waitExposed(rail)
    return rail


def button(rail: Rail, key: str) -> RailButton:
    found = rail.findChild(RailButton, f"rail.{key}")
    assert found is not None
    return found


def test_pages_stand_in_the_order_of_the_work(rail: Rail) -> None:
    tops = [button(rail, item.key).y() for item in ITEMS]
    assert tops == sorted(tops)
    assert rail.page() == "data"


def test_click_chooses_a_page(qtbot: QtBot, rail: Rail) -> None:
    with qtbot.waitSignal(rail.page_chosen) as told:
        QTest.mouseClick(button(rail, "train"), Qt.MouseButton.LeftButton)
    assert told.args == ["train"]
    assert rail.page() == "train"


def test_arrow_keys_choose_a_page(qtbot: QtBot, rail: Rail) -> None:
    button(rail, "data").setFocus(Qt.FocusReason.TabFocusReason)
    with qtbot.waitSignal(rail.page_chosen) as told:
        QTest.keyClick(button(rail, "data"), Qt.Key.Key_Down)
    assert told.args == ["model"]


def test_setting_the_page_is_silent(qtbot: QtBot, rail: Rail) -> None:
    with qtbot.assertNotEmitted(rail.page_chosen):
        rail.set_page("test")
    assert rail.page() == "test"


@pytest.mark.parametrize(
    ("badge", "words"),
    [("ready", "Data, ready"), ("attention", "Data, needs attention"), ("busy", "Data, busy"), ("none", "Data")],
)
def test_badge_is_heard(rail: Rail, badge: Badge, words: str) -> None:
    rail.set_badge("data", badge)
    assert rail.badge("data") == badge
    assert button(rail, "data").accessibleName() == words


def test_badges_look_different_from_each_other(rail: Rail) -> None:
    badges: tuple[Badge, ...] = ("none", "ready", "attention", "busy")
    pictures = []
    for badge in badges:
        rail.set_badge("model", badge)
        pictures.append(button(rail, "model").grab().toImage())
    assert all(a != b for i, a in enumerate(pictures) for b in pictures[:i])


def test_theme_recolours(rail: Rail, theme: Theme) -> None:
    before = rail.grab().toImage()
    theme.set_mode("dark")
    assert rail.grab().toImage() != before
