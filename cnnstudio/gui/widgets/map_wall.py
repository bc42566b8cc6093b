"""All feature maps of a layer side by side."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import ColorMap, gradient
from cnnstudio.gui.widgets.map_canvas import EnlargedMap, MapCanvas
from cnnstudio.gui.widgets.tile_grid import fit_grid

HINT: Final = "Feature maps of your image appear here once training starts"
_SCALE = "Each map is scaled from its own smallest to its own largest value"


class MapWall(QWidget):
    """Tiles of feature maps; one of them can be enlarged with a click or Enter, and put back with the same or Escape.

    Attributes:
        canvas: The tiles.
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

    def __init__(self, parent: QWidget | None = None, *, color_map: ColorMap = "inferno", scale: str = _SCALE) -> None:
        super().__init__(parent)
        self.setObjectName("map_wall")
        self.setAccessibleName("Feature maps")
        self._title = ""

        self.canvas = MapCanvas(color_map)
        self.canvas.chosen.connect(self._choose)
        self.canvas.pointed.connect(self._name_channel)
        self.canvas.pointed.connect(self.pointed)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self.canvas)
        self._scroll.viewport().installEventFilter(self)
        self.scroll_bar = self._scroll.verticalScrollBar()
        self.canvas.moved.connect(lambda x, y: self._scroll.ensureVisible(x, y, 0, self.canvas.grid.side))
        self.enlarged = EnlargedMap(color_map, self)
        self.enlarged.closed.connect(self._close)

        self._hint = QLabel(HINT)
        self._hint.setObjectName("map_hint")
        self._hint.setProperty("role", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._count = QLabel()
        self._count.setObjectName("map_count")
        self._count.setProperty("role", "caption")

        wall = QWidget()
        column = QVBoxLayout(wall)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._scroll, 1)
        footer = QHBoxLayout()
        footer.addWidget(self._count, 1)
        for part in self._key(color_map, scale):
            footer.addWidget(part)
        column.addLayout(footer)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(wall)
        self.clear()
        self.set_tokens(LIGHT)

    def show_maps(self, tiles: NDArray[np.uint8], title: str = "") -> None:
        """Show the feature maps of a layer.

        Args:
            tiles: `(C, h, w)`; not to be changed afterwards.
            title: Name of the layer.
        """
        if title != self._title or len(tiles) != len(self.canvas.maps):
            self.shrink()
            self.canvas.current = 0
        self._title = title
        self.canvas.maps = tiles
        self._arrange()
        self.canvas.update()
        if self.enlarged.isVisible():
            self.enlarged.show_map(tiles[self.canvas.current], self.canvas.current)
        self._name_channel(self.canvas.hovered)
        self._pages.setCurrentIndex(1 if len(tiles) else 0)

    def set_hint(self, text: str) -> None:
        """Say why there is nothing to see, while that is so."""
        self._hint.setText(text)

    def clear(self) -> None:
        """Show no maps, and say when there will be some."""
        self.show_maps(np.empty((0, 1, 1), np.uint8))

    def enlarge(self, channel: int) -> None:
        """Show one map over the whole wall, without a signal."""
        self.canvas.current = channel
        self.enlarged.show_map(self.canvas.maps[channel], channel)
        self.enlarged.show()
        self.enlarged.raise_()

    def shrink(self) -> None:
        """Put the enlarged map back, without a signal."""
        self.enlarged.hide()

    def point_at(self, channel: int) -> None:
        """Frame a channel and name it, or none for -1, without a signal."""
        self.canvas.point_at(channel)
        self._name_channel(channel)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self.canvas.set_tokens(tokens)
        self.enlarged.set_tokens(tokens)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrange the tiles anew where the room for them changes."""
        if event.type() == QEvent.Type.Resize:
            self._arrange()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape puts an enlarged map back."""
        if event.key() == Qt.Key.Key_Escape and self.enlarged.isVisible():
            self._close()
        else:
            super().keyPressEvent(event)

    def _arrange(self) -> None:
        room = self._scroll.maximumViewportSize()
        bar = self.scroll_bar.sizeHint().width()
        self.canvas.grid = fit_grid(len(self.canvas.maps), room.width(), room.height(), scroll_bar=bar)
        self.canvas.resize(self._scroll.viewport().width(), self.canvas.grid.height)
        self.enlarged.setGeometry(self._scroll.geometry())
        self.scroll_bar.setSingleStep((self.canvas.grid.side + self.canvas.grid.gap) // 2)

    def _choose(self, channel: int) -> None:
        if self.enlarged.isVisible() and self.enlarged.channel == channel:
            self._close()
            return
        self.enlarge(channel)
        self.channel_chosen.emit(channel)

    def _close(self) -> None:
        self.shrink()
        self.closed.emit()

    def _name_channel(self, channel: int) -> None:
        count = len(self.canvas.maps)
        text = f"{count:,} channels" if channel < 0 else f"channel {channel} of {count:,}"
        self._count.setText(text)
        of_layer = f" of {self._title}" if self._title else ""
        self.canvas.setAccessibleDescription(f"{text}{of_layer}" if count else self._hint.text())

    def _key(self, color_map: ColorMap, scale: str) -> tuple[QWidget, ...]:
        """Return the words and the strip that say what the colours mean."""
        low, high = QLabel("min"), QLabel("max")
        strip = _Strip(color_map)
        for part in (low, strip, high):
            part.setProperty("role", "caption")
            part.setToolTip(scale)
        return low, strip, high


class _Strip(QWidget):
    """The colours from the smallest to the largest value."""

    def __init__(self, color_map: ColorMap) -> None:
        super().__init__()
        self._color_map: ColorMap = color_map
        self.setFixedSize(96, 8)
        self.setAccessibleName("Key: dark is a map's smallest value, bright its largest")

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the colour map."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient(self._color_map, self.width()))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
