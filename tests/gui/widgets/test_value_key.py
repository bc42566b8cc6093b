import numpy as np
import pytest
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK, LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import diverging, rgb_table
from cnnstudio.gui.widgets.value_key import ValueKey


def shades(key: ValueKey) -> tuple[QColor, QColor]:
    """Return the colours of the strip a quarter from its ends."""
    image, middle = key.grab().toImage(), key.width() // 2
    return image.pixelColor(middle - 30, 5), image.pixelColor(middle + 30, 5)


@pytest.mark.parametrize("tokens", [LIGHT, DARK])
def test_the_strip_goes_through_the_map_between_its_numbers(qtbot: QtBot, tokens: Tokens) -> None:
    key = ValueKey()
    qtbot.addWidget(key)
    key.set_tokens(tokens)
    key.show_ends("−0.2", "+0.2", gray=False)
    key.resize(key.sizeHint())
    for color, entry in zip(shades(key), (64, 191), strict=True):
        expected = rgb_table(diverging(tokens))[entry].astype(int)
        found = np.array([color.red(), color.green(), color.blue()])
        assert np.abs(found - expected).max() < 8
    assert key.ends == ("−0.2", "+0.2")
    assert key.accessibleName() == "Key: from −0.2 over 0 to +0.2"


def test_colours_of_their_own_go_from_none_to_all(qtbot: QtBot) -> None:
    key = ValueKey()
    qtbot.addWidget(key)
    key.show_ends("−max", "+max", gray=True)
    key.resize(key.sizeHint())
    assert [color.red() for color in shades(key)] == pytest.approx([64, 191], abs=4)
