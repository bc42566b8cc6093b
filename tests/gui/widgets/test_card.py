from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK, LIGHT, Theme
from cnnstudio.gui.widgets.card import Card


def test_header_holds_title_subtitle_and_slot(qtbot: QtBot, theme: Theme) -> None:
    card = Card("maps", "Feature maps", "layer2.1.conv2")
    qtbot.addWidget(card)
    button = QPushButton("More")
    card.add_to_header(button)
    card.body.addWidget(QLabel("content"))
    card.resize(400, 200)
    card.show()
    qtbot.waitExposed(card)
    assert (card.objectName(), card.title(), card.subtitle()) == ("maps", "Feature maps", "layer2.1.conv2")
    assert card.accessibleName() == "Feature maps"
    assert button.geometry().right() == card.width() - 18  # margin 16 and border 1
    card.set_title("Maps")
    card.set_subtitle("layer3")
    assert (card.accessibleName(), card.subtitle()) == ("Maps", "layer3")


def test_titles_are_level_with_and_without_buttons(qtbot: QtBot, theme: Theme) -> None:
    middles: list[int] = []
    for card in (Card("curves", "Curves"), Card("figures", "This run")):
        qtbot.addWidget(card)
        if not middles:
            card.add_to_header(QPushButton("More"))
        card.body.addWidget(QLabel("content"))
        card.resize(300, 120)
        card.show()
        qtbot.waitExposed(card)
        title = next(label for label in card.findChildren(QLabel) if label.text() == card.title())
        middles.append(title.geometry().center().y())
    assert middles[0] == middles[1]


def test_ground_follows_the_theme(qtbot: QtBot, theme: Theme) -> None:
    card = Card("card", "Title")
    qtbot.addWidget(card)
    card.resize(200, 100)
    card.show()
    qtbot.waitExposed(card)
    assert card.grab().toImage().pixelColor(QPoint(100, 80)) == QColor(LIGHT.card)
    theme.set_mode("dark")
    assert card.grab().toImage().pixelColor(QPoint(100, 80)) == QColor(DARK.card)
