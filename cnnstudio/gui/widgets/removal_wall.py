"""Feature maps side by side, with what dropout removes of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import ColorMap, argb_table
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.map_canvas import MapCanvas
from cnnstudio.gui.widgets.map_paint import as_image, paint_dead
from cnnstudio.gui.widgets.removal_marks import NOTHING, Removal, TileMarks, paint_marks_of_one
from cnnstudio.gui.widgets.tile_grid import fit_grid
from cnnstudio.gui.words import counted

COLORS: Final[ColorMap] = "inferno"
_KEY: Final = "hatched: removed · crossed: zero already"


class RemovalWall(QWidget):
    """Tiles with marks; one of them is enlarged with a click or Enter, and put back with a click or Escape.

    Attributes:
        canvas: The tiles.
        marks: What lies over them.
        enlarged: The map that is enlarged.
        scroll_bar: How far down the tiles are scrolled.

    Signals:
        channel_chosen: The channel that the user has enlarged, counted from 0.
        closed: The user has put the enlarged map back.
        pointed: The channel that the user points at, or -1.
    """

    channel_chosen = Signal(int)
    closed = Signal()
    pointed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.canvas = MapCanvas(COLORS)
        self.marks = TileMarks(self.canvas)
        self.enlarged = _Enlarged()
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self.canvas)
        self._scroll.viewport().installEventFilter(self)
        self.scroll_bar = self._scroll.verticalScrollBar()
        self._count = QLabel()
        self._count.setProperty("role", "caption")
        key = ElidedLabel(_KEY, "caption")
        key.setAlignment(Qt.AlignmentFlag.AlignRight)
        footer = QHBoxLayout()
        footer.addWidget(self._count)
        footer.addWidget(key, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._scroll)
        self._pages.addWidget(self.enlarged)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._pages, 1)
        column.addLayout(footer)
        self.canvas.chosen.connect(self._choose)
        self.canvas.pointed.connect(self._name)
        self.canvas.pointed.connect(self.pointed)
        self.canvas.moved.connect(lambda x, y: self._scroll.ensureVisible(x, y, 0, self.canvas.grid.side))
        self.enlarged.closed.connect(self._close)

    def show_removal(self, tiles: NDArray[np.uint8], removal: Removal, layer: str) -> None:
        """Show maps and what is removed of them; a single one is enlarged.

        Args:
            tiles: `(C, h, w)`; not to be changed afterwards.
            removal: What is removed.
            layer: Path of the layer that removes it.
        """
        if len(tiles) != len(self.canvas.maps):
            self.canvas.current = 0
            self.shrink()
        self.canvas.maps, self.canvas.order, self.canvas.dead = tiles, np.arange(len(tiles)), removal.zero
        self.marks.show_removal(removal)
        self.enlarged.show_removal(tiles, removal)
        self._arrange()
        self.canvas.update()
        self._name(self.canvas.hovered)
        self.canvas.setAccessibleDescription(f"{self._count.text()} of {layer}")
        if len(tiles) == 1:
            self.enlarge(0)

    def enlarge(self, channel: int) -> None:
        """Show one map over the whole wall, without a signal."""
        self.canvas.current = self.enlarged.channel = channel
        self.enlarged.update()
        self._pages.setCurrentWidget(self.enlarged)

    def shrink(self) -> None:
        """Put the enlarged map back, without a signal."""
        self._pages.setCurrentWidget(self._scroll)

    def point_at(self, channel: int) -> None:
        """Frame a channel and name it, or none for -1, without a signal."""
        self.canvas.point_at(channel)
        self._name(channel)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self.canvas.set_tokens(tokens)
        self.enlarged.set_tokens(tokens)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrange the tiles anew where the room for them changes."""
        if event.type() == QEvent.Type.Resize:
            self._arrange()
        return super().eventFilter(watched, event)

    def _arrange(self) -> None:
        room = self._scroll.maximumViewportSize()
        bar = self.scroll_bar.sizeHint().width()
        self.canvas.grid = fit_grid(len(self.canvas.maps), room.width(), room.height(), scroll_bar=bar)
        self.canvas.resize(self._scroll.viewport().width(), self.canvas.grid.height)
        self.scroll_bar.setSingleStep((self.canvas.grid.side + self.canvas.grid.gap) // 2)

    @Slot(int)
    def _choose(self, channel: int) -> None:
        self.enlarge(channel)
        self.enlarged.setFocus()
        self.channel_chosen.emit(channel)

    @Slot()
    def _close(self) -> None:
        if len(self.canvas.maps) > 1:
            self.shrink()
            self.canvas.setFocus()
            self.closed.emit()

    @Slot(int)
    def _name(self, channel: int) -> None:
        count = len(self.canvas.maps)
        self._count.setText(counted(count, "map") if channel < 0 else f"channel {channel} of {count:,}")


class _Enlarged(QWidget):
    """One map with its marks.

    Attributes:
        channel: Which map it is.

    Signals:
        closed: It was clicked, or Escape or Enter was pressed.
    """

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("enlarged_removal")
        self.setAccessibleName("One map, enlarged")
        self.setToolTip("Click or press Escape to see all maps")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.channel = 0
        self._table = argb_table(COLORS)
        self._tiles: NDArray[np.uint8] = np.empty((0, 1, 1), np.uint8)
        self._removal = NOTHING
        self._tokens = LIGHT

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def show_removal(self, tiles: NDArray[np.uint8], removal: Removal) -> None:
        """Take other maps (C, h, w) and what is removed of them."""
        self._tiles, self._removal = tiles, removal
        self.update()

    def words(self) -> str:
        """Return which map it is, and what is removed of it."""
        channel, removal = self.channel, self._removal
        _, height, width = self._tiles.shape
        if removal.values is not None:
            fate = f"{counted(int(removal.values[channel].sum()), 'value')} removed"
        else:
            fate = "removed" if removal.channels[channel] else "zero already" if removal.zero[channel] else "stays"
        name = f"channel {channel} · " if len(self._tiles) > 1 else ""
        return f"{name}{height} × {width} · {fate}"

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the map as large as fits, its pixels sharp, and the words below."""
        if self.channel >= len(self._tiles):
            return
        painter = QPainter(self)
        pixels = self._table[self._tiles[self.channel]]
        height, width = pixels.shape
        line = self.fontMetrics().height() + 8
        factor = min(self.width() / width, (self.height() - line) / height)
        place = QRect(0, 0, max(1, int(factor * width)), max(1, int(factor * height)))
        place.moveLeft((self.width() - place.width()) // 2)
        if self._removal.zero[self.channel]:
            paint_dead(painter, place, self._tokens)
        else:
            painter.drawImage(place, as_image(pixels))
        paint_marks_of_one(painter, self._removal, self.channel, place)
        painter.setPen(QColor(self._tokens.text))
        below = QRect(0, place.bottom(), self.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.words())

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        """Close."""
        self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape and Enter close."""
        if event.key() in {Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.closed.emit()
        else:
            super().keyPressEvent(event)
