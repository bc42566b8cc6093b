import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table, gradient, rgb_table


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
