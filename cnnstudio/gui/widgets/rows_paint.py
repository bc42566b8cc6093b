"""How feature maps in rows are painted: at the head of each row its image and what it is, then its channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen

from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.gui.pictures import draw_fitted
from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.map_paint import paint_tiles
from cnnstudio.gui.widgets.map_scale import Look
from cnnstudio.gui.widgets.tile_grid import TileGrid

HEAD: Final = 184  # pixels across
GAP: Final = 6
THUMBNAIL: Final = 44


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row.

    Attributes:
        maps: What is shown.
        look: How.
        title: What it is.
        note: What is said of it.
        image: The image; null where it is the same in all rows.
    """

    maps: FeatureMaps
    look: Look
    title: str
    note: str
    image: QImage


@dataclass(frozen=True, slots=True)
class RowsGrid:
    """Where the tiles of rows lie.

    Attributes:
        side: Width and height of a tile in pixels.
        first: The place in its row of the channel beside the head.
        count: How many tiles fit beside the head.
    """

    side: int
    first: int
    count: int

    @property
    def pitch(self) -> int:
        """Pixels from one tile to the next, in both directions."""
        return self.side + GAP

    def place(self, row: int, at: int) -> QRect:
        """Return where the tile of a row lies that has this place in it."""
        return QRect(HEAD + (at - self.first) * self.pitch, row * self.pitch, self.side, self.side)

    def tile_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Return row and place of the tile at a position; None in a gap or beside."""
        column, right = divmod(x - HEAD, self.pitch)
        row, down = divmod(y, self.pitch)
        inside = column >= 0 and row >= 0 and right < self.side and down < self.side
        return (int(row), self.first + int(column)) if inside else None


def paint_rows(
    painter: QPainter, rows: Sequence[Row], which: range, grid: RowsGrid, tokens: Tokens, font: QFont
) -> None:
    """Paint those rows that have certain numbers, each at its place below the first."""
    for number in which:
        row = rows[number]
        painter.save()
        painter.translate(0, number * grid.pitch)
        _paint_head(painter, row, grid.side, tokens, font)
        painter.translate(HEAD, 0)
        shown = row.look.order[grid.first : grid.first + grid.count]
        if len(shown):
            line = TileGrid(len(shown), len(shown), grid.side, GAP)
            look, tiles = row.look, row.maps.tiles
            paint_tiles(painter, tiles, line, range(1), look.colors, tokens, order=shown, dead=look.dead)
        painter.restore()


def _paint_head(painter: QPainter, row: Row, side: int, tokens: Tokens, font: QFont) -> None:
    left = 0
    if not row.image.isNull():
        thumbnail = min(side, THUMBNAIL)
        draw_fitted(painter, row.image, QRect(0, (side - thumbnail) // 2, thumbnail, thumbnail), radius=4)
        left = thumbnail + 8
    bold, small = QFont(font), QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    small.setPointSizeF(0.92 * font.pointSizeF())
    lines = ((row.title, bold, tokens.text), (row.note, small, tokens.muted))
    heights = [QFontMetrics(each).height() for _, each, _ in lines]
    top, width = (side - sum(heights)) // 2, HEAD - left - 12
    for (text, each, color), height in zip(lines, heights, strict=True):
        painter.setFont(each)
        painter.setPen(QColor(color))
        fitting = QFontMetrics(each).elidedText(text, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRect(left, top, width, height), Qt.AlignmentFlag.AlignVCenter, fitting)
        top += height


def paint_frame(painter: QPainter, place: QRect, color: str, width: int) -> None:
    """Frame a tile."""
    painter.setPen(QPen(QColor(color), width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(QRectF(place).adjusted(1, 1, -1, -1))


def most_channels(rows: Sequence[Row]) -> int:
    """Return how many channels the longest row has."""
    return int(np.max([len(row.look.order) for row in rows], initial=0))
