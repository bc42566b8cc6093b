"""The painted part of a wall of tiles."""

from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.grid import Grid

_PORTION: Final = 2**20  # pixels that are painted in one piece, so that no more memory is held


class TileCanvas(QWidget):
    """Paints the tiles that are in sight, and lets mouse and arrow keys go from one to another.

    What lies on the tiles has numbers, of channels or of filters. What it is, how it is laid out and painted, is up to
    the canvas for it: it has `fit` and `paint_rows`.

    Attributes:
        grid: Where the tiles lie.
        order: `(n,)`, the number of what lies on each tile.
        current: The number that the keys act on.
        hovered: The number that the mouse points at, or -1.

    Signals:
        chosen: A number was clicked, or Enter was pressed.
        pointed: The number that mouse or keys point at, or -1.
        moved: Centre of the tile that the keys went to, x and y.
    """

    chosen = Signal(int)
    pointed = Signal(int)
    moved = Signal(int, int)

    def __init__(self, object_name: str, label: str, grid: Grid) -> None:
        super().__init__()
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.grid = grid
        self.order = np.arange(0)
        self.current = 0
        self.hovered = -1
        self._tokens = LIGHT

    def fit(self, width: int, height: int, scroll_bar: int) -> Grid:
        """Return where the tiles lie on `width` x `height` pixels; if that is too low, a scroll bar takes its width."""
        raise NotImplementedError

    def paint_rows(self, painter: QPainter, rows: range) -> None:
        """Paint some rows of tiles, at least one."""
        raise NotImplementedError

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def point_at(self, number: int) -> None:
        """Frame a tile as if the mouse were over it, or none for -1, without a signal."""
        before, self.hovered = self.hovered, number
        for changed in (before, number):
            if self._there(changed):
                self.update(self._place(changed))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows that need it, and frames around what mouse and keys point at."""
        rows = self.grid.rows_between(event.rect().top(), event.rect().bottom())
        if not rows:
            return
        painter = QPainter(self)
        some = max(1, _PORTION // (self.grid.down * self.width()))
        for first in range(rows.start, rows.stop, some):
            self.paint_rows(painter, range(first, min(first + some, rows.stop)))
        if self._there(self.hovered):
            self._frame(painter, self.hovered, self._tokens.muted, 1)
        if self.hasFocus():
            self._frame(painter, self.current, self._tokens.accent, 2)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Point at the tile under the mouse."""
        self._hover(self._number_at(event))

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self._hover(-1)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the tile under the mouse."""
        number = self._number_at(event)
        if number >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.current = number
            self.update()
            self.chosen.emit(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys, Home and End go to another tile, Enter chooses it."""
        key, last = Qt.Key(event.key()), len(self.order) - 1
        if last < 0:
            super().keyPressEvent(event)
            return
        tile = self._tile_of(self.current)
        targets = {
            Qt.Key.Key_Left: tile - 1,
            Qt.Key.Key_Right: tile + 1,
            Qt.Key.Key_Up: tile - self.grid.columns,
            Qt.Key.Key_Down: tile + self.grid.columns,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.chosen.emit(self.current)
        elif key in targets:
            if 0 <= targets[key] <= last:
                self._go(targets[key])
        else:
            super().keyPressEvent(event)

    def _go(self, tile: int) -> None:
        self.current = int(self.order[tile])
        middle = self.grid.place(tile).center()
        self.moved.emit(middle.x(), middle.y())
        self.pointed.emit(self.current)
        self.update()

    def _hover(self, number: int) -> None:
        if number != self.hovered:
            self.point_at(number)
            self.pointed.emit(number)

    def _number_at(self, event: QMouseEvent) -> int:
        tile = self.grid.tile_at(event.position().x(), event.position().y())
        return -1 if tile is None else int(self.order[tile])

    def _there(self, number: int) -> bool:
        return 0 <= number < len(self.order)

    def _tile_of(self, number: int) -> int:
        return int(np.flatnonzero(self.order == number)[0])

    def _place(self, number: int) -> QRect:
        return self.grid.place(self._tile_of(number))

    def _frame(self, painter: QPainter, number: int, color: str, width: int) -> None:
        painter.setPen(QPen(QColor(color), width))
        painter.drawRect(QRectF(self._place(number)).adjusted(1, 1, -1, -1))
