"""The weights of a 1×1 convolution: a matrix from input maps to output maps."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import ZERO, argb_table, diverging
from cnnstudio.gui.widgets.kernel_pixels import to_levels
from cnnstudio.gui.widgets.map_paint import as_image
from cnnstudio.gui.widgets.matrix_pixels import Part, edges, strongest

_LARGEST: Final = 24  # pixels of a cell
_CLOSE: Final = 14
_NOWHERE: Final = (-1, -1)


class MixingMatrix(QWidget):
    """Outputs down, inputs across; where cells are finer than pixels, the strongest of those under a pixel is seen.

    A click or Enter shows a part of it closely, and the same or Escape the whole again.

    Attributes:
        part: The rows and columns that are seen.
        cell: Row and column that mouse or keys point at; (-1, -1) for none.

    Signals:
        pointed: The output and the input that the user points at; -1, -1 for none.
    """

    pointed = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("mixing_matrix")
        self.setAccessibleName("Mixing matrix, outputs down and inputs across")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setToolTip("A click shows a part of the matrix closely")
        self.part = Part(0, 0, 1, 1)
        self.cell = _NOWHERE
        self._levels: NDArray[np.uint8] = np.full((1, 1), ZERO, np.uint8)
        self._order: NDArray[np.intp] = np.zeros(1, np.intp)
        self._pixels: NDArray[np.uint32] = np.zeros((1, 1), np.uint32)
        self._down, self._across = edges(0, 1, 1), edges(0, 1, 1)
        self._tokens = LIGHT

    @property
    def whole(self) -> Part:
        """All rows and columns."""
        rows, columns = self._levels.shape
        return Part(0, 0, rows, columns)

    def show_matrix(self, values: NDArray[np.float32], peaks: NDArray[np.float32], order: NDArray[np.intp]) -> None:
        """Show a matrix.

        Args:
            values: `(O, I)`, finite, neither of them 0.
            peaks: `(O,)`, the magnitude that gets the strongest colour.
            order: `(O,)`, the output in each row.
        """
        another = values.shape != self._levels.shape
        self._levels, self._order = to_levels(values, peaks)[order], order
        if another:
            self.cell, self.part = _NOWHERE, self.whole
        self._draw()

    def picture(self, scale: int) -> QImage:
        """Return the whole matrix, `scale` pixels to a weight."""
        pixels = argb_table(diverging(self._tokens))[self._levels].repeat(scale, axis=0).repeat(scale, axis=1)
        return as_image(pixels).copy()

    def cells_in_pixel(self) -> int:
        """Return how many weights lie under a pixel at most."""
        return int(np.diff(self._down).max() * np.diff(self._across).max())

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self._draw()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the part that is seen, and a frame around what is pointed at."""
        painter = QPainter(self)
        place = self._place()
        painter.drawImage(place, as_image(self._pixels))
        if self.part.holds(*self.cell):
            row, column = self.cell
            wide, high = place.width() / self.part.columns, place.height() / self.part.rows
            frame = QRectF(
                place.x() + (column - self.part.left) * wide, place.y() + (row - self.part.top) * high, wide, high
            )
            grow = max(0.0, 3 - min(wide, high) / 2)
            painter.setPen(QPen(QColor(self._tokens.accent if self.hasFocus() else self._tokens.text), 1.5))
            painter.drawRect(frame.adjusted(-grow, -grow, grow, grow))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw as finely as there is room now."""
        super().resizeEvent(event)
        self._draw()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Point at the strongest weight under the mouse."""
        self._point(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self._point(_NOWHERE)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Look closely at the weight under the mouse, or at all again."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._zoom(self.cell_at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys go from weight to weight, Enter looks closely, Escape at all again."""
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        key = Qt.Key(event.key())
        if key in steps:
            self._step(*steps[key])
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._zoom(self.cell)
        elif key == Qt.Key.Key_Escape and self.part != self.whole:
            self._see(self.whole)
        else:
            super().keyPressEvent(event)

    def cell_at(self, position: QPointF) -> tuple[int, int]:
        """Return row and column of the strongest weight at a position; (-1, -1) outside."""
        place = self._place()
        if not place.contains(position) or place.isEmpty():
            return _NOWHERE
        blocks = len(self._down) - 1, len(self._across) - 1
        i = min(int((position.y() - place.y()) / place.height() * blocks[0]), blocks[0] - 1)
        j = min(int((position.x() - place.x()) / place.width() * blocks[1]), blocks[1] - 1)
        top, left = int(self._down[i]), int(self._across[j])
        block = self._levels[top : int(self._down[i + 1]), left : int(self._across[j + 1])].astype(np.int16) - ZERO
        row, column = np.unravel_index(np.abs(block).argmax(), block.shape)
        return top + int(row), left + int(column)

    def _place(self) -> QRectF:
        """Return where the matrix lies, in the middle."""
        width = min(self.width(), _LARGEST * self.part.columns)
        height = min(self.height(), _LARGEST * self.part.rows)
        return QRectF((self.width() - width) // 2, (self.height() - height) // 2, width, height)

    def _draw(self) -> None:
        ratio, part = self.devicePixelRatioF(), self.part
        self._down = edges(part.top, part.rows, max(1, min(part.rows, int(self.height() * ratio))))
        self._across = edges(part.left, part.columns, max(1, min(part.columns, int(self.width() * ratio))))
        self._pixels = argb_table(diverging(self._tokens))[strongest(self._levels, self._down, self._across)]
        self.update()

    def _see(self, part: Part) -> None:
        self.part = part
        self._draw()

    def _zoom(self, cell: tuple[int, int]) -> None:
        if cell == _NOWHERE:
            return
        close = self.whole.around(*cell, max(1, self.height() // _CLOSE), max(1, self.width() // _CLOSE))
        self._see(close if self.part == self.whole else self.whole)
        self._point(cell)

    def _step(self, down: int, across: int) -> None:
        if self.cell == _NOWHERE:
            self._point((self.part.top, self.part.left))
            return
        cell = self.cell[0] + down, self.cell[1] + across
        if not self.whole.holds(*cell):
            return
        if not self.part.holds(*cell):
            self._see(self.whole.around(*cell, self.part.rows, self.part.columns))
        self._point(cell)

    def _point(self, cell: tuple[int, int]) -> None:
        if cell != self.cell:
            self.cell = cell
            self.update()
            self.pointed.emit(int(self._order[cell[0]]) if cell != _NOWHERE else -1, cell[1])
