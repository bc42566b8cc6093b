"""The painted part of feature maps in rows."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.rows_paint import GAP, HEAD, Row, RowsGrid, most_channels, paint_frame, paint_rows

_SMALLEST: Final = 40
_LARGEST: Final = 72

Spot = tuple[int, int]
"""Row and channel."""


class RowsCanvas(QAbstractScrollArea):
    """Paints rows as high as fit; mouse and arrow keys go from one map to another, the heads stay in sight.

    Attributes:
        rows: What is shown.
        current: The map that the keys act on.
        hovered: The map that the mouse points at, or None.

    Signals:
        chosen: A map was clicked, or Enter was pressed: row and channel.
        pointed: Mouse or keys point at another map, or at none.
    """

    chosen = Signal(int, int)
    pointed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("rows_canvas")
        self.setAccessibleName("Feature maps in rows")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCornerWidget(QWidget())
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.rows: Sequence[Row] = ()
        self.current: Spot = (0, 0)
        self.hovered: Spot | None = None
        self._tokens = LIGHT

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.rows = rows
        for spot in (self.current, self.hovered):
            if spot is not None and not self._there(spot):
                self.current, self.hovered = (0, 0), None
        self._arrange()
        self.viewport().update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.viewport().update()

    def grid(self) -> RowsGrid:
        """Return where the tiles lie that are in sight, from the first row on."""
        room = self.maximumViewportSize()
        side = self._side(room.height())
        if HEAD + most_channels(self.rows) * (side + GAP) - GAP > room.width():  # the bar below takes its part
            side = self._side(room.height() - self.horizontalScrollBar().sizeHint().height())
        count = max(1, (self.viewport().width() - HEAD + GAP) // (side + GAP))
        return RowsGrid(side, self.horizontalScrollBar().value(), count)

    def _side(self, height: int) -> int:
        """Return the side of tiles whose rows all fit into a height, if they can."""
        return max(_SMALLEST, min(_LARGEST, (height + GAP) // max(1, len(self.rows)) - GAP))

    def middle_of(self, row: int, channel: int) -> QPoint:
        """Return the middle of a tile in the viewport."""
        return self.grid().place(row, self._at(row, channel)).center() - QPoint(0, self.verticalScrollBar().value())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint what is in sight."""
        grid, above = self.grid(), self.verticalScrollBar().value()
        painter = QPainter(self.viewport())
        painter.translate(0, -above)
        end = (above + self.viewport().height()) // grid.pitch + 1
        seen = range(above // grid.pitch, min(len(self.rows), end))
        paint_rows(painter, self.rows, seen, grid, self._tokens, self.font())
        marks = [(self.hovered, self._tokens.muted, 1)]
        if self.hasFocus():
            marks.append((self.current, self._tokens.accent, 2))
        for spot, color, width in marks:
            if spot is not None and self._there(spot):
                at = self._at(*spot)
                if grid.first <= at < grid.first + grid.count:
                    paint_frame(painter, grid.place(spot[0], at), color, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the tiles anew."""
        super().resizeEvent(event)
        self._arrange()

    def viewportEvent(self, event: QEvent) -> bool:
        """Point at nothing when the mouse leaves."""
        if event.type() == QEvent.Type.Leave:
            self._hover(None)
        return super().viewportEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Point at the map under the mouse."""
        self._hover(self._spot_at(event))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the map under the mouse."""
        spot = self._spot_at(event)
        if spot is not None and event.button() == Qt.MouseButton.LeftButton:
            self.current = spot
            self.viewport().update()
            self.chosen.emit(*spot)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys, Home and End go to another map, Enter chooses it."""
        key = Qt.Key(event.key())
        if not self.rows:
            super().keyPressEvent(event)
            return
        row, at = self.current[0], self._at(*self.current)
        targets = {
            Qt.Key.Key_Left: (row, at - 1),
            Qt.Key.Key_Right: (row, at + 1),
            Qt.Key.Key_Up: (row - 1, at),
            Qt.Key.Key_Down: (row + 1, at),
            Qt.Key.Key_Home: (row, 0),
            Qt.Key.Key_End: (row, len(self.rows[row].look.order) - 1),
        }
        if key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.chosen.emit(*self.current)
        elif key in targets:
            self._go(*targets[key])
        else:
            super().keyPressEvent(event)

    def _go(self, row: int, at: int) -> None:
        if not 0 <= row < len(self.rows) or at < 0:
            return
        order = self.rows[row].look.order
        at = min(at, len(order) - 1)
        self.current = self.hovered = (row, int(order[at]))
        grid, bar = self.grid(), self.horizontalScrollBar()
        bar.setValue(min(max(bar.value(), at - grid.count + 1), at))
        top, down = row * grid.pitch, self.verticalScrollBar()
        down.setValue(min(max(down.value(), top + grid.side - self.viewport().height()), top))
        self.viewport().update()
        self.pointed.emit()

    def _arrange(self) -> None:
        grid = self.grid()
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setRange(0, max(0, most_channels(self.rows) - grid.count))
        across.setPageStep(grid.count)
        down.setRange(0, max(0, len(self.rows) * grid.pitch - GAP - self.viewport().height()))
        down.setPageStep(self.viewport().height())
        down.setSingleStep(grid.pitch)

    def _spot_at(self, event: QMouseEvent) -> Spot | None:
        found = self.grid().tile_at(event.position().x(), event.position().y() + self.verticalScrollBar().value())
        if found is None or found[0] >= len(self.rows) or found[1] >= len(self.rows[found[0]].look.order):
            return None
        return found[0], int(self.rows[found[0]].look.order[found[1]])

    def _hover(self, spot: Spot | None) -> None:
        if spot != self.hovered:
            self.hovered = spot
            self.viewport().update()
            self.pointed.emit()

    def _there(self, spot: Spot) -> bool:
        return spot[0] < len(self.rows) and spot[1] < len(self.rows[spot[0]].look.order)

    def _at(self, row: int, channel: int) -> int:
        return list(self.rows[row].look.order).index(channel)
