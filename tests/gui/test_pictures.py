import numpy as np
import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from cnnstudio.gui.pictures import draw_cropped, draw_fitted, to_image

RED, GREEN, BLUE = QColor(250, 0, 0), QColor(0, 250, 0), QColor(0, 0, 250)


def stripes(*, across: bool) -> QImage:
    """Three bands of 30 pixels beside (or below) each other, 10 deep."""
    pixels = np.repeat(np.array([[250, 0, 0], [0, 250, 0], [0, 0, 250]], np.uint8), 30, axis=0)[None].repeat(10, axis=0)
    return to_image(pixels if across else pixels.transpose(1, 0, 2))


def test_pixels_are_owned_and_keep_their_places(qtbot: QtBot) -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    image = to_image(pixels)
    pixels[:] = 0
    assert (image.width(), image.height()) == (7, 5)
    assert image.pixelColor(6, 4) == QColor(102, 103, 104)


@pytest.mark.parametrize(("across", "place"), [(True, QRect(5, 45, 90, 10)), (False, QRect(45, 5, 10, 90))])
def test_fitted_keeps_the_aspect_ratio(qtbot: QtBot, place: QRect, *, across: bool) -> None:
    canvas = QImage(100, 100, QImage.Format.Format_RGB32)
    canvas.fill(0)
    painter = QPainter(canvas)
    assert draw_fitted(painter, stripes(across=across), QRect(5, 5, 90, 90), radius=0) == place
    painter.end()
    assert canvas.pixelColor(50, 50) == GREEN
    assert canvas.pixelColor(place.topLeft()) == RED
    assert canvas.pixelColor(place.bottomRight()) == BLUE
    assert canvas.pixelColor(2, 50) == QColor(0, 0, 0)


def test_cropped_shows_the_middle_and_rounds_the_corners(qtbot: QtBot) -> None:
    canvas = QImage(40, 40, QImage.Format.Format_RGB32)
    canvas.fill(0)
    painter = QPainter(canvas)
    draw_cropped(painter, stripes(across=True), QRect(0, 0, 40, 40))
    painter.end()
    assert {canvas.pixelColor(x, 20).name() for x in (1, 20, 38)} == {GREEN.name()}
    assert canvas.pixelColor(0, 0) == QColor(0, 0, 0)
