"""Feature maps as a PNG file: what is shown, with its name above and the key below."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

from cnnstudio.gui.saved_file import png, write_saved
from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.colormaps import ColorMap
from cnnstudio.gui.widgets.enlarged_map import EnlargedMap
from cnnstudio.gui.widgets.map_key import STRIP, paint_strip
from cnnstudio.gui.widgets.map_paint import paint_tiles
from cnnstudio.gui.widgets.map_scale import Look
from cnnstudio.gui.widgets.tile_grid import TileGrid

_WIDTH: Final = 1120  # of what is painted, in pixels of the screen
_SIDE: Final = 64  # of a tile
_GAP: Final = 6
_MARGIN: Final = 16
_SCALE: Final = 2  # pixels of the file to one of the screen
_MOST_PIXELS: Final = 60_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What is painted.

    Attributes:
        size: Its size in pixels of the screen.
        paint: Paints it, from the origin on.
        words: What it shows.
        color_map: The colours.
        key: What the first and the last of them stand for.
    """

    size: QSize
    paint: Callable[[QPainter], None]
    words: str
    color_map: ColorMap
    key: tuple[str, str]


def sheet_of_tiles(maps: NDArray[np.uint8], look: Look, words: str, key: tuple[str, str], tokens: Tokens) -> Sheet:
    """Return all maps of a layer, `(C, h, w)`, as they are shown."""
    grid = TileGrid(len(maps), max(1, min(len(maps), _WIDTH // (_SIDE + _GAP))), _SIDE, _GAP)

    def paint(painter: QPainter) -> None:
        paint_tiles(painter, maps, grid, range(grid.rows), look.colors, tokens, order=look.order, dead=look.dead)

    size = QSize(grid.columns * (_SIDE + _GAP) - _GAP, grid.height)
    return Sheet(size, paint, words, look.color_map, key)


def sheet_of_map(enlarged: EnlargedMap, color_map: ColorMap, words: str, key: tuple[str, str]) -> Sheet:
    """Return the map that is enlarged, with its image."""
    size = QSize(_WIDTH, _WIDTH // 3)
    return Sheet(size, lambda painter: enlarged.paint(painter, QRectF(QPointF(), size)), words, color_map, key)


def save_sheet(sheet: Sheet, path: Path, *, title: str, note: str, tokens: Tokens, font: QFont) -> None:
    """Write a PNG.

    Args:
        sheet: What is shown.
        path: The file.
        title: The heading.
        note: What stands beside it.
        tokens: The colours of the theme.
        font: Of the words.

    Raises:
        InputError: The file cannot be written.
    """
    line = QFontMetricsF(font).height()
    above, below = line + 12, line + 12
    width = max(sheet.size.width(), 480) + 2 * _MARGIN
    height = sheet.size.height() + above + below + 2 * _MARGIN
    scale = _SCALE if width * height * _SCALE**2 <= _MOST_PIXELS else 1
    image = QImage(round(width * scale), round(height * scale), QImage.Format.Format_RGB32)
    image.fill(QColor(tokens.card))
    painter = QPainter(image)
    painter.scale(scale, scale)
    painter.translate(_MARGIN, _MARGIN)
    bold = QFont(font)
    bold.setBold(True)
    painter.setFont(bold)
    painter.setPen(QColor(tokens.text))
    painter.drawText(QPointF(0, QFontMetricsF(font).ascent()), title)
    painter.setFont(font)
    painter.setPen(QColor(tokens.muted))
    painter.drawText(QPointF(QFontMetricsF(bold).horizontalAdvance(title) + 12, QFontMetricsF(font).ascent()), note)
    painter.translate(0, above)
    painter.save()
    sheet.paint(painter)
    painter.restore()
    painter.translate(0, sheet.size.height() + 12)
    _paint_footer(painter, sheet, width - 2 * _MARGIN, font, tokens)
    painter.end()
    write_saved(path, png(image))


def _paint_footer(painter: QPainter, sheet: Sheet, width: float, font: QFont, tokens: Tokens) -> None:
    metrics = QFontMetricsF(font)
    low, high = sheet.key
    painter.setPen(QColor(tokens.muted))
    painter.drawText(QPointF(0, metrics.ascent()), sheet.words)
    right = width - metrics.horizontalAdvance(high)
    painter.drawText(QPointF(right, metrics.ascent()), high)
    strip = QRectF(right - 8 - STRIP.width(), (metrics.height() - STRIP.height()) / 2, STRIP.width(), STRIP.height())
    paint_strip(painter, strip, sheet.color_map)
    painter.drawText(QPointF(strip.left() - 8 - metrics.horizontalAdvance(low), metrics.ascent()), low)
