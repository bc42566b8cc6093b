from typing import get_args

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtGui import QColor, QImage

from cnnstudio.gui.theme import DARK, LIGHT
from cnnstudio.gui.widgets.colormaps import (
    ZERO,
    ColorMap,
    argb_table,
    diverging,
    gradient,
    is_diverging,
    rgb_table,
)


@pytest.mark.parametrize("name", ["inferno", "viridis"])
def test_lightness_rises_evenly(name: ColorMap) -> None:
    red, green, blue = rgb_table(name).astype(float).T
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert rgb_table(name).shape == (256, 3)
    assert np.all(np.diff(luminance) > -1)  # A step may lose one to rounding, never more.
    assert luminance[-1] - luminance[0] > 150


def test_ends_of_viridis_are_the_published_ones() -> None:
    assert rgb_table("viridis")[0].tolist() == [68, 1, 84]
    assert rgb_table("viridis")[255].tolist() == [253, 231, 37]  # 0.993248, 0.906157, 0.143936


def test_argb_pixels_are_what_qt_reads() -> None:
    pixels = np.ascontiguousarray(argb_table("inferno")[None])
    image = QImage(pixels.data, 256, 1, QImage.Format.Format_ARGB32)
    for value in (0, 100, 255):
        assert image.pixel(value, 0) == QColor(*rgb_table("inferno")[value].tolist()).rgb()


def test_gradient_starts_and_ends_with_the_map() -> None:
    stops = gradient("inferno", 80).stops()
    assert [position for position, _ in stops] == sorted(position for position, _ in stops)
    assert stops[-1][1] == QColor(*rgb_table("inferno")[255].tolist())


@pytest.mark.parametrize("name", ["diverging", "diverging_dark"])
def test_diverging_maps_leave_their_zero_evenly_on_both_sides(name: ColorMap) -> None:
    table = rgb_table(name)
    lightness = np.array([pg.colorCIELab(QColor(*color.tolist()))[0] for color in table])
    away = np.abs(lightness - lightness[ZERO])
    assert np.all(np.diff(away[ZERO:]) > 0)
    np.testing.assert_allclose(away[ZERO:], away[ZERO:0:-1], atol=0.7)  # as light on one side as on the other
    assert away[255] > 50
    assert np.ptp(table[ZERO].astype(int)) < 10  # zero has no hue
    red, _, blue = table.astype(int).T
    assert np.all(blue[1:100] > red[1:100])
    assert np.all(red[160:] > blue[160:])


def test_the_zero_of_a_diverging_map_is_quiet_on_its_ground() -> None:
    assert (diverging(LIGHT), diverging(DARK)) == ("diverging", "diverging_dark")
    assert [is_diverging(name) for name in get_args(ColorMap)] == [False, False, True, True]
