"""The drawn network as a file: SVG, in which words stay words, or PNG."""

import math
from html import escape
from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRect, QRectF, QSize
from PySide6.QtGui import QColor, QFont, QFontInfo, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from cnnstudio.core.errors import InputError
from cnnstudio.gui.graph.picture import Picture
from cnnstudio.gui.saved_file import png, write_saved
from cnnstudio.gui.widgets.graph_legend import entries_of, legend_height, paint_legend
from cnnstudio.gui.widgets.graph_painter import paint_block, paint_ground
from cnnstudio.gui.widgets.graph_style import Detail, GraphStyle

_MARGIN: Final = 16
_MOST_PIXELS: Final = 120_000_000


class Sheet:
    """A picture with its legend below, in full detail whatever the magnification on the screen.

    Attributes:
        size: Width and height in units of the picture.
    """

    def __init__(self, picture: Picture, image_words: str, style: GraphStyle) -> None:
        self._picture, self._image_words, self._style = picture, image_words, style
        self._entries = entries_of(picture.graph)
        width = math.ceil(picture.bounds.width)
        self._legend = legend_height(self._entries, width - 2 * _MARGIN, style)
        self.size = QSize(width, math.ceil(picture.bounds.height) + self._legend + _MARGIN)

    def save_svg(self, path: Path) -> None:
        """Write a vector drawing.

        Raises:
            InputError: The file cannot be written.
        """
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setResolution(96)  # A unit is a pixel of a style sheet.
        generator.setSize(self.size)
        generator.setViewBox(QRect(0, 0, self.size.width(), self.size.height()))
        generator.setTitle("Network")
        generator.setDescription(f"{len(self._picture.blocks)} blocks, {len(self._picture.graph.rows)} layers")
        self._paint(QPainter(generator))
        write_saved(path, _with_fallback(bytes(data.data()), self._style.font(12)))

    def save_png(self, path: Path, scale: float) -> None:
        """Write an image.

        Args:
            path: The file.
            scale: Pixels to a unit of the picture.

        Raises:
            InputError: The file cannot be written, or would be too large.
        """
        width, height = round(self.size.width() * scale), round(self.size.height() * scale)
        if width * height > _MOST_PIXELS:
            what = f"a picture of {width:,} × {height:,} pixels is too large"
            raise InputError(what, where=path, remedy="collapse some blocks, or save it as SVG")
        image = QImage(max(1, width), max(1, height), QImage.Format.Format_RGB32)
        painter = QPainter(image)
        painter.scale(scale, scale)
        self._paint(painter)
        write_saved(path, png(image))

    def _paint(self, painter: QPainter) -> None:
        picture, style, bounds = self._picture, self._style, self._picture.bounds
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(QRect(0, 0, self.size.width(), self.size.height()), QColor(style.tokens.card))
        painter.save()
        painter.translate(-bounds.x, -bounds.y)
        paint_ground(painter, picture, self._image_words, style, Detail.ALL)
        for placed in picture.blocks:
            paint_block(painter, placed, style, Detail.ALL, hovered=False)
        painter.restore()
        area = QRectF(_MARGIN, math.ceil(bounds.height), self.size.width() - 2 * _MARGIN, self._legend)
        paint_legend(painter, self._entries, area, style)
        painter.end()


def _with_fallback(svg: bytes, font: QFont) -> bytes:
    """Name the font that was used, which the system may call otherwise, and what to take where it is not installed."""
    asked, used = escape(font.family()), escape(QFontInfo(font).family())
    return svg.replace(f'font-family="{asked}"'.encode(), f"font-family=\"'{used}', sans-serif\"".encode())
