import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.island import Island
from tests.gui.widgets.layouts import Layouts


@pytest.fixture
def label() -> QLabel:
    label = QLabel("loss 0.512")
    label.setMinimumSize(40, 20)
    label.setWordWrap(True)
    return label


@pytest.fixture
def inner(label: QLabel) -> QWidget:
    inner = QWidget()
    layout = QVBoxLayout(inner)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(label)
    return inner


@pytest.fixture
def place(qtbot: QtBot, inner: QWidget) -> QWidget:
    place = QWidget()
    qtbot.addWidget(place)
    layout = QVBoxLayout(place)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(Island(inner))
    place.resize(300, 200)
    place.show()
    qtbot.waitExposed(place)
    QApplication.processEvents()
    return place


def test_it_is_filled(place: QWidget, inner: QWidget) -> None:
    assert inner.size() == place.size() == QSize(300, 200)
    place.resize(260, 150)
    assert inner.size() == QSize(260, 150)


def test_a_text_lays_out_nothing_around_it(place: QWidget, label: QLabel) -> None:
    layouts = Layouts(place)
    for text in ("loss 0.498", "the loss is higher than it was", ""):
        label.setText(text)
        for _ in range(4):  # each layout asks for the next one
            QApplication.processEvents()
    assert layouts.count == 0


def test_what_is_needed_is_passed_on(qtbot: QtBot, place: QWidget, inner: QWidget, label: QLabel) -> None:
    label.setMinimumSize(320, 240)
    qtbot.waitUntil(lambda: place.width() == 320)
    assert place.minimumSizeHint() == inner.size() == QSize(320, 240)
    assert label.width() == 320
    label.setMinimumSize(40, 20)
    layouts = Layouts(place)
    for _ in range(4):
        QApplication.processEvents()
    assert (layouts.count, place.width()) == (0, 320)  # what has been needed once will be again
