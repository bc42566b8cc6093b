"""A tensor as a picture: maps or kernels as tiles, a matrix as cells, a vector as bars; with a histogram."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.core.pictures import StepStage
from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table, diverging, gradient
from cnnstudio.gui.widgets.map_paint import as_image
from cnnstudio.gui.widgets.step_table import short
from cnnstudio.gui.widgets.tile_grid import TileGrid, mosaic

_GAP: Final = 2
_SMALLEST, _LARGEST = 10, 160  # pixels of a tile
_CELL: Final = 48.0  # pixels of a matrix's cell, at most
_HISTOGRAM: Final = 34  # pixels of its height
_KEY: Final = 8
_HOW_OFTEN: Final = "how often each value occurs"


@dataclass(frozen=True, slots=True)
class _Places:
    picture: QRect
    caption: QRectF
    key: QRectF
    histogram: QRectF


class TensorPicture(QWidget):
    """Draws the tensor of a stage; where there are negative values, zero is in the middle of the colours.

    Attributes:
        stage: What is drawn; None for nothing.
    """

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName("Picture of the tensor")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(180, 120)
        self.setToolTip("Below: how often each value occurs; heights are square roots, so that rare values are seen")
        self.stage: StepStage | None = None
        self._tokens = LIGHT

    def show_tensor(self, stage: StepStage | None) -> None:
        """Draw the tensor of a stage, or nothing."""
        self.stage = stage
        self.setAccessibleDescription("" if stage is None else f"{stage.tensor}: {self._caption(stage)}")
        self.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size at which single maps can be told apart."""
        return QSize(300, 260)

    def color_map(self) -> ColorMap:
        """Return the colours of the values."""
        assert self.stage is not None
        return diverging(self._tokens) if self.stage.low < 0 else "inferno"

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw picture, key and distribution."""
        if self.stage is None:
            return
        painter, stage, places = QPainter(self), self.stage, self._places()
        if stage.values.size:
            self._draw_bars(painter, stage.values, QRectF(places.picture))
        elif len(stage.tiles) == 1:
            self._draw_matrix(painter, stage.tiles[0], places.picture)
        else:
            self._draw_tiles(painter, stage.tiles, places.picture)
        font = painter.font()
        font.setPointSizeF(0.92 * font.pointSizeF())
        painter.setFont(font)
        painter.setPen(QColor(self._tokens.muted))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        words = painter.fontMetrics().elidedText(
            self._caption(stage), Qt.TextElideMode.ElideRight, int(places.caption.width())
        )
        painter.drawText(places.caption, left, words)
        if stage.tiles.size:
            self._draw_key(painter, stage, places.key)
        self._draw_histogram(painter, stage, places.histogram)

    def _places(self) -> _Places:
        line, width = self.fontMetrics().height(), self.width()
        low = self.height() - _HISTOGRAM - line
        key = QRectF(0, low - line - 4, width, line)
        caption = QRectF(0, key.top() - line, width, line)
        return _Places(
            QRect(0, 0, width, max(1, int(caption.top()) - 4)), caption, key, QRectF(0, low, width, _HISTOGRAM + line)
        )

    def _caption(self, stage: StepStage) -> str:
        count = len(stage.tiles)
        grid = self.grid(count)
        shown = min(count, grid.columns * max(1, (self._places().picture.height() + _GAP) // (grid.side + _GAP)))
        many = f"{shown} of {count} maps" if 1 < shown < count else ""
        return " · ".join(filter(None, (stage.part, many)))

    def grid(self, count: int) -> TileGrid:
        """Return where tiles lie: as large as they can be with all of them in sight."""
        room = self._places().picture
        side = _LARGEST
        while side > _SMALLEST:
            columns, rows = (room.width() + _GAP) // (side + _GAP), (room.height() + _GAP) // (side + _GAP)
            if columns * rows >= count:
                break
            side -= 1
        return TileGrid(count, max(1, min(count, (room.width() + _GAP) // (side + _GAP))), side, _GAP)

    def _draw_tiles(self, painter: QPainter, tiles: NDArray[np.uint8], room: QRect) -> None:
        grid = self.grid(len(tiles))
        fit = max(1, (room.height() + _GAP) // (grid.side + _GAP))
        scale = max(1, round(self.devicePixelRatioF()))
        pixels = mosaic(tiles, grid, range(min(grid.rows, fit)), argb_table(self.color_map()), scale=scale)
        image = as_image(pixels)
        image.setDevicePixelRatio(scale)
        painter.drawImage(room.topLeft(), image)

    def _draw_matrix(self, painter: QPainter, matrix: NDArray[np.uint8], room: QRect) -> None:
        down, across = matrix.shape
        place = QRectF(0, 0, min(room.width(), across * _CELL), min(room.height(), down * _CELL))
        pixels = np.ascontiguousarray(argb_table(self.color_map())[matrix])
        painter.drawImage(place, as_image(pixels))

    def _draw_bars(self, painter: QPainter, values: NDArray[np.float32], room: QRectF) -> None:
        top, bottom = max(0.0, float(values.max())), min(0.0, float(values.min()))
        scale = room.height() / (top - bottom) if top > bottom else 0.0
        zero = room.top() + top * scale
        columns = np.array_split(values, min(len(values), int(room.width())))
        pitch = room.width() / len(columns)
        pitch = min(pitch, _CELL)
        wide = max(1.0, pitch - (2 if pitch > 4 else 0))
        up, down = QColor(self._tokens.series[0]), QColor(self._tokens.series[3])
        for at, column in enumerate(columns):
            for value, color in ((max(0.0, float(column.max())), up), (min(0.0, float(column.min())), down)):
                height = abs(value) * scale
                painter.fillRect(QRectF(at * pitch, zero - height if value > 0 else zero, wide, height), color)
        painter.setPen(QPen(QColor(self._tokens.edge), 1))
        painter.drawLine(0, round(zero), round(room.width()), round(zero))

    def _draw_key(self, painter: QPainter, stage: StepStage, place: QRectF) -> None:
        smallest, largest = stage.span
        low = ("≤ " if smallest < stage.low * 1.0001 else "") + short(stage.low)
        high = ("≥ " if largest > stage.high * 1.0001 else "") + short(stage.high)
        metrics = painter.fontMetrics()
        left, right = metrics.horizontalAdvance(low) + 6, metrics.horizontalAdvance(high) + 6
        strip = QRectF(left, place.center().y() - _KEY / 2, min(140.0, place.width() - left - right), _KEY)
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, low)
        after = QRectF(strip.right() + 6, place.top(), right, place.height())
        painter.drawText(after, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, high)
        brush = gradient(self.color_map(), strip.width())
        painter.save()
        painter.translate(strip.topLeft())
        painter.fillRect(QRectF(0, 0, strip.width(), strip.height()), brush)
        painter.restore()

    def _draw_histogram(self, painter: QPainter, stage: StepStage, place: QRectF) -> None:
        counts = np.sqrt(stage.histogram.astype(np.float64))  # few large values are seen beside many zeros
        wide = place.width() / len(counts)
        base = place.top() + _HISTOGRAM
        for at, height in enumerate(_HISTOGRAM * counts / max(1.0, counts.max())):
            painter.fillRect(QRectF(at * wide, base - height, max(1.0, wide - 1), height), QColor(self._tokens.muted))
        words = QRectF(0, base, place.width(), place.height() - _HISTOGRAM)
        painter.drawText(words, Qt.AlignmentFlag.AlignLeft, short(stage.span[0]))
        painter.drawText(words, Qt.AlignmentFlag.AlignRight, short(stage.span[1]))
        if painter.fontMetrics().horizontalAdvance(_HOW_OFTEN) < 0.6 * words.width():
            painter.drawText(words, Qt.AlignmentFlag.AlignHCenter, _HOW_OFTEN)
