"""One kernel enlarged, with its weights as numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPen

from cnnstudio.gui.filter_words import alike
from cnnstudio.gui.widgets.colormaps import diverging, rgb_table
from cnnstudio.gui.widgets.enlarged_tile import EnlargedTile
from cnnstudio.gui.widgets.kernel_pixels import Kernels, to_levels, to_pixels

_CHANNELS = ("red", "green", "blue")
_SPACE = 16
_PIXELS = 11  # of the digits


@dataclass(frozen=True, slots=True)
class Cell:
    """A weight of a kernel: which of its three colours (0 if it has but one), row and column."""

    channel: int
    row: int
    column: int


class KernelSheet(EnlargedTile):
    """One kernel over the whole wall; one over red, green and blue is shown in colour and taken apart.

    Attributes:
        filter: Whose kernel it is.
        hovered: The weight under the mouse.

    Signals:
        pointed: The `Cell` under the mouse, or None.
    """

    pointed = Signal(object)

    def __init__(self) -> None:
        super().__init__("kernel_sheet", "Click or press Escape to see all filters")
        self.setMouseTracking(True)
        self.filter = -1
        self.hovered: Cell | None = None
        self._values: NDArray[np.float32] = np.zeros((1, 1, 1), np.float32)
        self._levels: NDArray[np.uint8] = np.zeros((1, 1, 1), np.uint8)

    def show_kernel(self, kernels: Kernels, number: int) -> None:
        """Show the kernel of a filter."""
        height, width = kernels.sides
        self.filter = number
        self._values = kernels.values[number].reshape(-1, height, width)
        levels = to_levels(kernels.values[number : number + 1], kernels.peaks[number : number + 1])
        self._levels = levels.reshape(-1, height, width)
        self.setAccessibleName(f"filter {number}, enlarged")
        self.update()

    def cell_at(self, position: QPointF) -> Cell | None:
        """Return the weight at a position."""
        _, height, width = self._values.shape
        for channel, place in enumerate(self._places()[-len(self._values) :]):
            if place.contains(position):
                row = int((position.y() - place.y()) / place.height() * height)
                column = int((position.x() - place.x()) / place.width() * width)
                return Cell(channel, min(row, height - 1), min(column, width - 1))
        return None

    def _paint(self, painter: QPainter) -> None:
        """Paint the kernel as large as fits, with its numbers where there is room for them."""
        font = self.font()
        font.setPixelSize(_PIXELS)
        painter.setFont(font)
        places, planes = self._places(), list(self._levels)
        colors = rgb_table(diverging(self._tokens))[self._levels]
        if len(planes) > 1:
            pixels = to_pixels(self._levels[None], diverging(self._tokens))[0]
            red, green, blue = (pixels >> np.uint32(shift) & np.uint32(255) for shift in (16, 8, 0))
            together = np.stack([red, green, blue], -1).astype(np.uint8)
            self._plane(painter, places[0], together)
            self._title(painter, places[0], "colour")
        for channel, (place, plane) in enumerate(zip(places[-len(planes) :], colors, strict=True)):
            self._plane(painter, place, plane)
            self._numbers(painter, place, plane, self._values[channel])
            if len(planes) > 1:
                self._title(painter, place, _CHANNELS[channel])
        if self.hovered is not None:
            painter.setPen(QPen(QColor(self._tokens.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._cell(places[-len(planes) :][self.hovered.channel], self.hovered))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Point at the weight under the mouse."""
        self._hover(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self._hover(None)
        super().leaveEvent(event)

    def _hover(self, cell: Cell | None) -> None:
        if cell != self.hovered:
            self.hovered = cell
            self.update()
            self.pointed.emit(cell)

    def _places(self) -> list[QRectF]:
        """Return where the planes lie: all colours together first, where there are any."""
        planes, height, width = self._values.shape
        count = planes + 1 if planes > 1 else 1
        line = _PIXELS + 8 if planes > 1 else 0
        room = (self.width() - _SPACE * (count - 1)) / count
        cell = max(1.0, float(int(min(room / width, (self.height() - line) / height))))
        left = (self.width() - count * cell * width - _SPACE * (count - 1)) / 2
        top = (self.height() - line - cell * height) / 2
        step = cell * width + _SPACE
        return [QRectF(left + number * step, top, cell * width, cell * height) for number in range(count)]

    def _cell(self, place: QRectF, cell: Cell) -> QRectF:
        _, height, width = self._values.shape
        side = place.width() / width
        return QRectF(place.x() + cell.column * side, place.y() + cell.row * place.height() / height, side, side)

    def _plane(self, painter: QPainter, place: QRectF, colors: NDArray[np.uint8]) -> None:
        for row, column in np.ndindex(*colors.shape[:2]):
            painter.fillRect(self._cell(place, Cell(0, row, column)), QColor(*colors[row, column].tolist()))

    def _numbers(
        self, painter: QPainter, place: QRectF, colors: NDArray[np.uint8], values: NDArray[np.float32]
    ) -> None:
        texts = alike(values.ravel().tolist())
        widest = max(QFontMetricsF(painter.font()).horizontalAdvance(text) for text in texts)
        if widest + 2 > place.width() / values.shape[1] or place.height() / len(values) < _PIXELS + 6:
            return
        light = colors.reshape(-1, 3) @ np.array([0.299, 0.587, 0.114]) > 140
        for number, text in enumerate(texts):
            row, column = divmod(number, values.shape[1])
            painter.setPen(QColor("#000000" if light[number] else "#FFFFFF"))
            painter.drawText(self._cell(place, Cell(0, row, column)), Qt.AlignmentFlag.AlignCenter, text)

    def _title(self, painter: QPainter, place: QRectF, text: str) -> None:
        painter.setPen(QColor(self._tokens.muted))
        below = QRectF(place.x(), place.bottom(), place.width(), _PIXELS + 8)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
