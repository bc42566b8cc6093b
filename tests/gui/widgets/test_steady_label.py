import pytest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.steady_label import SteadyLabel, tabular
from tests.gui.widgets.layouts import Layouts


@pytest.fixture
def place(qtbot: QtBot, theme: Theme) -> QWidget:
    place = QWidget()
    qtbot.addWidget(place)
    layout = QHBoxLayout(place)
    layout.addStretch(1)
    layout.addWidget(SteadyLabel())
    place.resize(400, 40)
    place.show()
    qtbot.waitExposed(place)
    return place


@pytest.fixture
def label(place: QWidget) -> SteadyLabel:
    label = place.findChild(SteadyLabel)
    assert label is not None
    label.setText("1,480 images/s")
    QApplication.processEvents()
    return label


def test_another_text_costs_no_layout(place: QWidget, label: SteadyLabel) -> None:
    layouts, width = Layouts(place), label.width()
    for text in ("1,481 images/s", "9 images/s", ""):
        label.setText(text)
        QApplication.processEvents()
    assert (layouts.count, label.width(), label.text()) == (0, width, "")


def test_a_wider_text_gets_the_room_that_it_needs(place: QWidget, label: SteadyLabel) -> None:
    layouts = Layouts(place)
    label.setText("1,234,567,890 images/s")
    QApplication.processEvents()
    assert layouts.count > 0
    assert label.width() == label.sizeHint().width() > 0


def test_another_font_is_measured(label: SteadyLabel) -> None:
    font, width = label.font(), label.width()
    font.setPointSizeF(font.pointSizeF() / 2)
    label.setFont(font)
    QApplication.processEvents()
    assert label.width() == label.sizeHint().width() < width


def test_figures_have_equal_width(label: SteadyLabel) -> None:
    assert label.font().featureTags() == tabular(label.font()).featureTags() != []
