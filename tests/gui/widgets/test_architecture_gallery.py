from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.architecture_card import ArchitectureCard
from cnnstudio.gui.widgets.architecture_gallery import ArchitectureGallery
from cnnstudio.models import registry

MANY = tuple(replace(registry.card("resnet18"), name=f"net{number}", title=f"Net {number}") for number in range(15))


@pytest.fixture
def page(qtbot: QtBot, theme: Theme) -> QWidget:
    page = QWidget()
    qtbot.addWidget(page)
    layout = QVBoxLayout(page)
    layout.addWidget(ArchitectureGallery("model.arch", "Architecture", MANY, theme))
    layout.addStretch(1)
    page.resize(866, 600)
    page.show()
    qtbot.waitExposed(page)
    return page


def gallery(page: QWidget) -> ArchitectureGallery:
    found = page.findChild(ArchitectureGallery, "model.arch")
    assert found is not None
    return found


def cards(page: QWidget) -> list[ArchitectureCard]:
    return page.findChildren(ArchitectureCard)


@pytest.mark.parametrize(("width", "columns"), [(320, 1), (866, 3), (1500, 5)])
def test_cards_of_equal_size_fill_the_width(qtbot: QtBot, page: QWidget, width: int, columns: int) -> None:
    page.resize(width, 600)
    qtbot.waitUntil(lambda: len({card.x() for card in cards(page)}) == columns)
    sizes = {(card.width(), card.height()) for card in cards(page)}
    assert max(sizes)[0] - min(sizes)[0] <= 1
    assert not any(
        one.geometry().intersects(other.geometry()) for one in cards(page) for other in cards(page) if one is not other
    )
    right = max(card.geometry().right() for card in cards(page))
    assert abs(right - gallery(page).viewport().rect().right()) <= 1


def test_many_cards_scroll_and_show_that_there_are_more(qtbot: QtBot, page: QWidget) -> None:
    row = cards(page)[0].height()
    assert 2 * row < gallery(page).height() < 3 * row
    assert gallery(page).verticalScrollBar().maximum() > 0


def test_a_few_cards_need_no_scrolling(qtbot: QtBot, theme: Theme) -> None:
    few = ArchitectureGallery("model.arch", "Architecture", MANY[:3], theme)
    qtbot.addWidget(few)
    few.resize(844, few.heightForWidth(844))
    few.show()
    qtbot.waitExposed(few)
    assert few.verticalScrollBar().maximum() == 0
    assert few.heightForWidth(400) > few.heightForWidth(844)


def test_the_keys_bring_the_chosen_card_into_sight(qtbot: QtBot, page: QWidget) -> None:
    gallery(page).set_value("net0")
    cards(page)[0].setFocus(Qt.FocusReason.TabFocusReason)
    for number in (3, 6, 9):
        with qtbot.waitSignal(gallery(page).chosen) as told:
            QTest.keyClick(cards(page)[number - 3], Qt.Key.Key_Down)
        assert told.args == [f"net{number}"]
    assert not cards(page)[9].visibleRegion().isEmpty()
    assert gallery(page).value() == "net9"


def test_setting_the_value_is_silent(qtbot: QtBot, page: QWidget) -> None:
    with qtbot.assertNotEmitted(gallery(page).chosen):
        gallery(page).set_value("net14")
        assert gallery(page).value() == "net14"
        gallery(page).set_value("a network of a newer version")
    assert gallery(page).value() == ""


def test_chosen_card_is_told_by_its_look(qtbot: QtBot, page: QWidget, theme: Theme) -> None:
    card = cards(page)[1]
    before = card.grab().toImage()
    gallery(page).set_value("net1")
    chosen = card.grab().toImage()
    assert chosen != before
    theme.set_mode("dark")
    assert card.grab().toImage() != chosen
