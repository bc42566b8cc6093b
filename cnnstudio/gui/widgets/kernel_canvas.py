"""The painted part of a wall of kernels."""

import math

import numpy as np
from PySide6.QtCore import QEvent, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import diverging
from cnnstudio.gui.widgets.kernel_grid import KernelGrid, mosaic
from cnnstudio.gui.widgets.kernel_pixels import Kernels, to_levels, to_pixels
from cnnstudio.gui.widgets.map_paint import as_image

NONE = Kernels(np.empty((0, 1, 1), np.float32), np.empty(0, np.float32), np.empty(0, np.intp))


class KernelCanvas(QWidget):
    """Paints the kernels that are in sight, and lets mouse and arrow keys go from one to another.

    Attributes:
        kernels: What is shown.
        grid: Where they lie.
        current: The place that the keys act on.
        hovered: The place under the mouse, or -1.

    Signals:
        chosen: A filter was clicked, or Enter was pressed.
        pointed: The filter that mouse or keys point at, or -1.
        moved: Centre of the place that the keys went to, x and y.
    """

    chosen = Signal(int)
    pointed = Signal(int)
    moved = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("kernel_canvas")
        self.setAccessibleName("Filters")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setToolTip("A click enlarges a filter and shows its weights")
        self.kernels = NONE
        self.grid = KernelGrid(0, 1, 8, (3, 3))
        self.current = 0
        self.hovered = -1
        self._tokens = LIGHT

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def filter_at(self, place: int) -> int:
        """Return the filter at a place, -1 at none."""
        return int(self.kernels.order[place]) if 0 <= place < len(self.kernels.order) else -1

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows that need it, and frames around what mouse and keys point at."""
        grid = self.grid
        painter = QPainter(self)
        self._paint(
            painter,
            range(event.rect().top() // grid.down, min(grid.rows, event.rect().bottom() // grid.down + 1)),
            math.ceil(self.devicePixelRatioF()),
        )
        if self.hovered >= 0:
            self._frame(painter, self.hovered, self._tokens.muted, 1)
        if self.hasFocus():
            self._frame(painter, self.current, self._tokens.accent, 2)

    def picture(self, ratio: int) -> QImage:
        """Return all kernels, those out of sight too, at `ratio` device pixels to a pixel."""
        image = QImage(self.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(ratio)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        self._paint(painter, range(self.grid.rows), ratio)
        painter.end()
        return image

    def _paint(self, painter: QPainter, rows: range, scale: int) -> None:
        """Paint some rows in one piece."""
        grid, kernels = self.grid, self.kernels
        if not rows:
            return
        shown = kernels.order[rows.start * grid.columns : rows.stop * grid.columns]
        pixels = to_pixels(to_levels(kernels.values[shown], kernels.peaks[shown]), diverging(self._tokens))
        pixels = mosaic(pixels, grid, scale=scale)
        image = as_image(pixels)
        image.setDevicePixelRatio(scale)
        painter.drawImage(0, rows.start * grid.down, image)
        if kernels.captions:
            self._caption(painter, rows)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Point at the kernel under the mouse."""
        place = self.grid.place_at(event.position().x(), event.position().y())
        self._hover(-1 if place is None else place)

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self._hover(-1)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the kernel under the mouse."""
        place = self.grid.place_at(event.position().x(), event.position().y())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.current = place
            self.update()
            self.chosen.emit(self.filter_at(place))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys, Home and End go to another kernel, Enter chooses it."""
        last = len(self.kernels.order) - 1
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.grid.columns,
            Qt.Key.Key_Down: self.grid.columns,
            Qt.Key.Key_Home: -self.current,
            Qt.Key.Key_End: last - self.current,
        }
        key = Qt.Key(event.key())
        if last < 0:
            super().keyPressEvent(event)
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.chosen.emit(self.filter_at(self.current))
        elif key in steps:
            target = self.current + steps[key]
            if 0 <= target <= last:
                self._go(target)
        else:
            super().keyPressEvent(event)

    def _go(self, place: int) -> None:
        self.current = place
        x, y = self.grid.corner(place)
        self.moved.emit(x + self.grid.wide // 2, y + self.grid.high // 2)
        self.pointed.emit(self.filter_at(place))
        self.update()

    def _hover(self, place: int) -> None:
        if place != self.hovered:
            for changed in (self.hovered, place):
                if changed >= 0:
                    self.update(self._place(changed))
            self.hovered = place
            self.pointed.emit(self.filter_at(place))

    def _place(self, place: int) -> QRect:
        x, y = self.grid.corner(place)
        return QRect(x, y, self.grid.wide, self.grid.high)

    def _frame(self, painter: QPainter, place: int, color: str, width: int) -> None:
        painter.setPen(QPen(QColor(color), width))
        painter.drawRect(QRectF(self._place(place)).adjusted(0, 0, -1, -1))

    def _caption(self, painter: QPainter, rows: range) -> None:
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(QColor(self._tokens.muted))
        grid = self.grid
        for place in range(rows.start * grid.columns, min(grid.count, rows.stop * grid.columns)):
            x, y = grid.corner(place)
            below = QRect(x - grid.gap // 2, y + grid.high, grid.across, grid.caption)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.kernels.captions[self.filter_at(place)])
