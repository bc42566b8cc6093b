"""The picture on the Test page, with the maps of a fully convolutional network over it."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.engine.evaluate import Prediction
from cnnstudio.gui.background import Answer
from cnnstudio.gui.panels.heat_map_card import HeatMapCard, heat_overlay
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.colormaps import rgb_table
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.picture_view import PictureView

MAPS = np.array([[[0.0, 1.0]], [[1.0, 0.0]]], np.float32)  # two classes, one row of two places


@pytest.fixture
def card(qtbot: QtBot, theme: Theme) -> HeatMapCard:
    card = HeatMapCard()
    qtbot.addWidget(card)
    card.resize(400, 300)
    card.show()
    return card


def answer(*, maps: bool) -> Answer:
    prediction = Prediction(Path("a.png"), ("ant", "bee"), np.array([0.2, 0.8], np.float32))
    return Answer(Path("run"), prediction, np.full((10, 20, 3), 90, np.uint8), MAPS if maps else None)


def view(card: HeatMapCard) -> PictureView:
    found = card.findChild(PictureView, "test.image")
    assert found is not None
    return found


def choice(card: HeatMapCard) -> ComboField:
    found = card.findChild(ComboField, "test.heat_map")
    assert found is not None
    return found


def test_the_map_of_the_likeliest_class_lies_over_the_image(card: HeatMapCard) -> None:
    card.show_answer(answer(maps=True))
    assert choice(card).isVisible()
    assert choice(card).currentText() == "bee"
    overlay = view(card).overlay()
    assert (overlay.width(), overlay.height()) == (2, 1)
    assert [overlay.pixelColor(x, 0).alpha() for x in (0, 1)] == [191, 0]  # three quarters, and nothing
    colour = overlay.pixelColor(0, 0)
    assert (colour.red(), colour.green(), colour.blue()) == tuple(rgb_table("inferno")[255])


def test_another_class_and_none_can_be_chosen(card: HeatMapCard) -> None:
    card.show_answer(answer(maps=True))
    QTest.keyClick(choice(card), Qt.Key.Key_Up)
    assert choice(card).currentText() == "ant"
    assert [view(card).overlay().pixelColor(x, 0).alpha() for x in (0, 1)] == [0, 191]
    QTest.keyClick(choice(card), Qt.Key.Key_End)
    assert choice(card).currentText() == "no class"
    assert view(card).overlay().isNull()
    assert not view(card).image().isNull()


def test_a_network_without_maps_shows_the_image_alone(card: HeatMapCard) -> None:
    card.show_answer(answer(maps=True))
    card.show_answer(answer(maps=False))
    assert not choice(card).isVisible()
    assert view(card).overlay().isNull()
    card.clear()
    assert view(card).image().isNull()


def test_the_overlay_is_seen_over_its_half_of_the_image(card: HeatMapCard) -> None:
    card.show_answer(answer(maps=True))
    shown = view(card).grab().toImage()
    middle = shown.height() // 2
    left, right = (shown.pixelColor(x, middle) for x in (shown.width() // 8, shown.width() * 7 // 8))
    assert left.red() > right.red() + 60
    assert abs(right.red() - 90) < 12


@pytest.mark.parametrize("size", [(1, 1), (3, 7)])
def test_a_map_of_any_size_becomes_an_image(size: tuple[int, int]) -> None:
    image = heat_overlay(np.full(size, 0.5, np.float32))
    assert (image.height(), image.width()) == size
    assert image.pixelColor(0, 0).alpha() == 96
