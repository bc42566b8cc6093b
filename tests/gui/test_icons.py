from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtWidgets import QApplication

from cnnstudio.core.errors import InputError
from cnnstudio.core.resources import resource
from cnnstudio.gui.icons import app_icon, icon, pixmap

NAMES = sorted(path.stem for path in Path(resource("icons")).glob("*.svg"))


def inked(image: QImage) -> list[QColor]:
    points = ((x, y) for y in range(image.height()) for x in range(image.width()))
    return [colour for x, y in points if (colour := image.pixelColor(x, y)).alpha() == 255]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "app" and not name.startswith("control-")])
def test_icon_is_drawn_in_the_colour_asked_for(qapp: QApplication, name: str) -> None:
    ink = inked(pixmap(name, "#2F6FED", 48).toImage())
    assert len(ink) > 20
    wanted = QColor("#2F6FED")
    off = [
        abs(getattr(colour, part)() - getattr(wanted, part)()) for colour in ink for part in ("red", "green", "blue")
    ]
    assert max(off) <= 2  # overlapping strokes are blended


@pytest.mark.parametrize("name", NAMES)
def test_icon_keeps_clear_of_its_edge(qapp: QApplication, name: str) -> None:
    image = pixmap(name, "#000000", 48).toImage()
    last = image.width() - 1
    border = [(i, j) for i in range(last + 1) for j in (0, last)] + [(j, i) for i in range(last + 1) for j in (0, last)]
    assert all(image.pixelColor(x, y).alpha() == 0 for x, y in border)


def test_pixmap_has_the_device_pixels_of_a_dense_screen(qapp: QApplication) -> None:
    picture = pixmap("data", "#000000", 24, 2.0)
    assert (picture.width(), picture.devicePixelRatio()) == (48, 2.0)


def test_icons_are_sharp_at_every_size_and_drawn_once(qapp: QApplication) -> None:
    assert isinstance(icon("play", "#000000"), QIcon)
    assert icon("play", "#000000") is icon("play", "#000000")
    assert icon("play", "#000000").pixmap(20, 20).width() == 20
    assert app_icon().pixmap(512, 512).width() == 512


def test_unknown_icon_is_a_broken_installation(qapp: QApplication) -> None:
    with pytest.raises(InputError, match=r"icons/no_such\.svg"):
        pixmap("no_such", "#000000", 24)
