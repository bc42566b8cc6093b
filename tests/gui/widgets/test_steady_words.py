import pytest
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.steady_words import SteadyWords
from tests.gui.widgets.layouts import Layouts

LONG = "The gradient went back through the network: it says how the loss would change with each value of it."


@pytest.fixture
def words() -> SteadyWords:
    return SteadyWords("words")


@pytest.fixture
def below() -> QLabel:
    return QLabel("a table")


@pytest.fixture
def place(qtbot: QtBot, words: SteadyWords, below: QLabel) -> QWidget:
    place = QWidget()
    qtbot.addWidget(place)
    layout = QVBoxLayout(place)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(words)
    layout.addWidget(below, 1)
    place.resize(260, 300)
    place.show()
    qtbot.waitExposed(place)
    return place


def settle() -> None:
    for _ in range(4):  # each layout asks for the next one
        QApplication.processEvents()


def test_long_words_are_all_seen(place: QWidget, words: SteadyWords, below: QLabel) -> None:
    words.set_text("Short.")
    settle()
    one = words.height()
    assert one == words.label.fontMetrics().height()
    words.set_text(LONG)
    settle()
    assert words.text() == LONG
    assert words.height() > 1.9 * one
    assert words.label.heightForWidth(words.width()) <= words.label.height() == words.height()
    assert below.y() >= words.geometry().bottom()


def test_the_room_of_the_longest_words_is_kept(place: QWidget, words: SteadyWords, below: QLabel) -> None:
    words.set_text(LONG)
    settle()
    layouts, high = Layouts(place), words.height()
    for text in ("Short.", LONG[:-12], LONG, ""):
        words.set_text(text)
        settle()
    assert (layouts.count, words.height()) == (0, high)


def test_another_width_wraps_them_anew(place: QWidget, words: SteadyWords) -> None:
    words.set_text(LONG)
    settle()
    high = words.height()
    place.resize(900, 300)
    settle()
    assert words.height() < high
    place.resize(260, 300)
    settle()
    assert words.height() == high


def test_a_larger_font_gets_more_room(place: QWidget, words: SteadyWords) -> None:
    words.set_text(LONG)
    settle()
    high, font = words.height(), words.font()
    font.setPointSizeF(1.5 * font.pointSizeF())
    words.setFont(font)
    settle()
    assert words.height() > 1.3 * high
