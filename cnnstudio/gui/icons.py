"""Icons: SVG files in `resources/icons`, drawn in whatever colour the theme asks for."""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from cnnstudio.core.resources import resource

_SIDES = (16, 20, 24, 32, 40, 48, 64, 96, 128, 256, 512)  # in device pixels; Qt scales down from the next larger one
_LARGEST_GLYPH = 96


@lru_cache(maxsize=256)
def icon(name: str, colour: str) -> QIcon:
    """Return an icon of one colour.

    Args:
        name: A file in `resources/icons` without its ending.
        colour: `#rrggbb`, normally a token of the theme.

    Raises:
        InputError: The installation lacks the file.
    """
    result = QIcon()
    for side in _SIDES:
        if side <= _LARGEST_GLYPH:
            result.addPixmap(pixmap(name, colour, side))
    return result


@lru_cache(maxsize=1)
def app_icon() -> QIcon:
    """Return the icon of the application and its windows, which keeps its own colours."""
    result = QIcon()
    for side in _SIDES:
        result.addPixmap(pixmap("app", "", side))
    return result


@lru_cache(maxsize=512)
def pixmap(name: str, colour: str, side: int, ratio: float = 1.0) -> QPixmap:
    """Draw an icon into a square.

    Args:
        name: A file in `resources/icons` without its ending.
        colour: `#rrggbb`, which replaces `currentColor`.
        side: Width and height in logical pixels.
        ratio: Device pixels in a logical pixel (`QWidget.devicePixelRatio`).

    Raises:
        InputError: The installation lacks the file.
    """
    svg = resource(f"icons/{name}.svg").read_text(encoding="utf-8").replace("currentColor", colour)
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    assert renderer.isValid(), name
    device = round(side * ratio)
    result = QPixmap(QSize(device, device))
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    renderer.render(painter, QRectF(0, 0, device, device))
    painter.end()
    result.setDevicePixelRatio(ratio)
    return result
