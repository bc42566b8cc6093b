"""The tiles of the wall of feature maps."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table
from cnnstudio.gui.widgets.map_paint import Colors, paint_tiles
from cnnstudio.gui.widgets.tile_grid import TileGrid


class MapCanvas(QWidget):
    """Paints the tiles that are in sight, and lets mouse and arrow keys go from one to another.

    Attributes:
        maps: `(C, h, w)` uint8.
        order: `(C,)`, which channel lies on which tile.
        dead: `(C,)`, which channels are zero everywhere.
        colors: Gives the colours of some channels.
        grid: Where the tiles lie.
        current: The channel that the keys act on.
        hovered: The channel under the mouse, or -1.

    Signals:
        chosen: A channel was clicked, or Enter was pressed.
        pointed: The channel that mouse or keys point at, or -1.
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
        self.order = np.arange(0)
        self.dead = np.zeros(0, np.bool_)
        self.colors: Colors = lambda _channels: argb_table(color_map)
        self.grid = TileGrid(0, 1, 32)
        self.current = 0
        self.hovered = -1
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
        painter = QPainter(self)
        parts = self.maps, self.grid, rows, self.colors, self._tokens
        paint_tiles(painter, *parts, order=self.order, dead=self.dead)
        if 0 <= self.hovered < len(self.maps):
            self._frame(painter, self.hovered, self._tokens.muted, 1)
        if self.hasFocus():
            self._frame(painter, self.current, self._tokens.accent, 2)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Point at the tile under the mouse."""
        self._hover(self._channel_at(event))

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self._hover(-1)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the tile under the mouse."""
        channel = self._channel_at(event)
        if channel >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.current = channel
            self.update()
            self.chosen.emit(channel)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys, Home and End go to another tile, Enter chooses it."""
        tile = self._tile_of(self.current) if len(self.maps) else 0
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.grid.columns,
            Qt.Key.Key_Down: self.grid.columns,
            Qt.Key.Key_Home: -tile,
            Qt.Key.Key_End: len(self.maps) - 1 - tile,
        }
        key = Qt.Key(event.key())
        if not len(self.maps):
            super().keyPressEvent(event)
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.chosen.emit(self.current)
        elif key in steps:
            target = tile + steps[key]
            if 0 <= target < len(self.maps):
                self.current = int(self.order[target])
                x, y = self.grid.corner(target)
                self.moved.emit(x + self.grid.side // 2, y + self.grid.side // 2)
                self.pointed.emit(self.current)
                self.update()
        else:
            super().keyPressEvent(event)

    def point_at(self, channel: int) -> None:
        """Frame a channel as if the mouse were over it, or none for -1, without a signal."""
        for changed in (self.hovered, channel):
            if 0 <= changed < len(self.maps):
                self.update(self._place(changed))
        self.hovered = channel
        self.setToolTip(f"channel {channel}" if channel >= 0 else "")

    def _hover(self, channel: int) -> None:
        if channel != self.hovered:
            self.point_at(channel)
            self.pointed.emit(channel)

    def _channel_at(self, event: QMouseEvent) -> int:
        tile = self.grid.tile_at(event.position().x(), event.position().y())
        return -1 if tile is None else int(self.order[tile])

    def _tile_of(self, channel: int) -> int:
        return int(np.flatnonzero(self.order == channel)[0])

    def _place(self, channel: int) -> QRect:
        x, y = self.grid.corner(self._tile_of(channel))
        return QRect(x, y, self.grid.side, self.grid.side)

    def _frame(self, painter: QPainter, channel: int, color: str, width: int) -> None:
        painter.setPen(QPen(QColor(color), width))
        painter.drawRect(QRectF(self._place(channel)).adjusted(1, 1, -1, -1))
