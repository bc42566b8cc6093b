"""The painted parts of the wall of feature maps: the tiles, and one map enlarged."""

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table
from cnnstudio.gui.widgets.tile_grid import TileGrid, mosaic


class MapCanvas(QWidget):
    """Paints the tiles that are in sight, and lets mouse and arrow keys go from one to another.

    Attributes:
        maps: `(C, h, w)` uint8.
        grid: Where the tiles lie.
        current: The tile that the keys act on.
        hovered: The tile under the mouse, or -1.

    Signals:
        chosen: A tile was clicked, or Enter was pressed.
        pointed: The tile that mouse or keys point at, or -1.
        moved: Centre of the tile that the keys went to, x and y.
    """

    chosen = Signal(int)
    pointed = Signal(int)
    moved = Signal(int, int)

    def __init__(self, color_map: ColorMap) -> None:
        super().__init__()
        self.setObjectName("map_canvas")
        self.setAccessibleName("Feature maps")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.maps: NDArray[np.uint8] = np.empty((0, 1, 1), np.uint8)
        self.grid = TileGrid(0, 1, 32)
        self.current = 0
        self.hovered = -1
        self._table = argb_table(color_map)
        self._tokens = LIGHT

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows that need it, in one piece."""
        pitch = self.grid.side + self.grid.gap
        rows = range(event.rect().top() // pitch, min(self.grid.rows, event.rect().bottom() // pitch + 1))
        if not rows:
            return
        scale = math.ceil(self.devicePixelRatioF())
        pixels = mosaic(self.maps, self.grid, rows, self._table, scale=scale)
        image = as_image(pixels)
        image.setDevicePixelRatio(scale)
        painter = QPainter(self)
        painter.drawImage(0, rows.start * pitch, image)
        if self.hovered >= 0:
            self._frame(painter, self.hovered, self._tokens.muted, 1)
        if self.hasFocus():
            self._frame(painter, self.current, self._tokens.accent, 2)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Point at the tile under the mouse."""
        tile = self.grid.tile_at(event.position().x(), event.position().y())
        self._hover(-1 if tile is None else tile)

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self._hover(-1)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the tile under the mouse."""
        tile = self.grid.tile_at(event.position().x(), event.position().y())
        if tile is not None and event.button() == Qt.MouseButton.LeftButton:
            self.current = tile
            self.update()
            self.chosen.emit(tile)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys, Home and End go to another tile, Enter chooses it."""
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.grid.columns,
            Qt.Key.Key_Down: self.grid.columns,
            Qt.Key.Key_Home: -self.current,
            Qt.Key.Key_End: len(self.maps) - 1 - self.current,
        }
        key = Qt.Key(event.key())
        if not len(self.maps):
            super().keyPressEvent(event)
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.chosen.emit(self.current)
        elif key in steps:
            target = self.current + steps[key]
            if 0 <= target < len(self.maps):
                self.current = target
                x, y = self.grid.corner(target)
                self.moved.emit(x + self.grid.side // 2, y + self.grid.side // 2)
                self.pointed.emit(target)
                self.update()
        else:
            super().keyPressEvent(event)

    def point_at(self, tile: int) -> None:
        """Frame a tile as if the mouse were over it, or none for -1, without a signal."""
        for changed in (self.hovered, tile):
            if changed >= 0:
                self.update(self._place(changed))
        self.hovered = tile
        self.setToolTip(f"channel {tile}" if tile >= 0 else "")

    def _hover(self, tile: int) -> None:
        if tile != self.hovered:
            self.point_at(tile)
            self.pointed.emit(tile)

    def _place(self, tile: int) -> QRect:
        x, y = self.grid.corner(tile)
        return QRect(x, y, self.grid.side, self.grid.side)

    def _frame(self, painter: QPainter, tile: int, color: str, width: int) -> None:
        painter.setPen(QPen(QColor(color), width))
        painter.drawRect(QRectF(self._place(tile)).adjusted(1, 1, -1, -1))


class EnlargedMap(QWidget):
    """One map over the whole wall.

    Attributes:
        channel: Which map it is.

    Signals:
        closed: It was clicked.
    """

    closed = Signal()

    def __init__(self, color_map: ColorMap, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("enlarged_map")
        self.setToolTip("Click or press Escape to see all maps")
        self.channel = -1
        self._map: NDArray[np.uint8] = np.empty((1, 1), np.uint8)
        self._table = argb_table(color_map)
        self._tokens = LIGHT
        self.hide()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def show_map(self, values: NDArray[np.uint8], channel: int) -> None:
        """Show a map, `(h, w)`."""
        self._map = values
        self.channel = channel
        self.setAccessibleName(f"channel {channel}, enlarged")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the map as large as fits, its pixels sharp, and its name below."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._tokens.card))
        height, width = self._map.shape
        line = self.fontMetrics().height() + 8
        room = self.height() - line
        factor = min(self.width() / width, room / height)
        target = QRectF((self.width() - factor * width) / 2, 0, factor * width, factor * height)
        painter.drawImage(target, as_image(self._table[self._map]))
        painter.setPen(QColor(self._tokens.text))
        below = QRectF(0, target.bottom(), self.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, f"channel {self.channel} · {height} × {width}")

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        """Close."""
        self.closed.emit()


def as_image(pixels: NDArray[np.uint32]) -> QImage:
    """Return a contiguous `(h, w)` array as an image that shares its memory: it must not outlive the array."""
    height, width = pixels.shape
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
