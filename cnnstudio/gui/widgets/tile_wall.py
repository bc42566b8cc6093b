"""Tiles that scroll where there is no room for all of them, one of which can be enlarged."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.enlarged_tile import EnlargedTile
from cnnstudio.gui.widgets.tile_canvas import TileCanvas


class TileWall(QWidget):
    """Tiles; one is enlarged with a click or Enter, and put back with the same or Escape. Arrow keys go on meanwhile.

    What is told of tiles is up to the wall for them: it has `_show_enlarged` and `_name`, and a layout for `_scroll`.

    Attributes:
        canvas: The tiles.
        enlarged: The one that is enlarged.
        scroll_bar: How far down the tiles are scrolled.

    Signals:
        channel_chosen: The number that the user has enlarged.
        closed: The user has put it back.
    """

    channel_chosen = Signal(int)
    closed = Signal()

    def __init__(self, canvas: TileCanvas, enlarged: EnlargedTile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas, self.enlarged = canvas, enlarged
        self._large = -1
        self._scroll = _Scroll(canvas, enlarged)
        self.scroll_bar = self._scroll.verticalScrollBar()
        enlarged.setParent(self)
        enlarged.closed.connect(self._close)
        canvas.chosen.connect(self._choose)
        canvas.pointed.connect(self._point)

    @property
    def large(self) -> int:
        """The number that is enlarged, or -1."""
        return -1 if self.enlarged.isHidden() else self._large

    def enlarge(self, number: int) -> None:
        """Show one over the whole wall, without a signal."""
        self.canvas.current = self._large = number
        self._show_enlarged(number)
        self.enlarged.show()
        self.enlarged.raise_()
        self._name(number)

    def shrink(self) -> None:
        """Put back what is enlarged, without a signal."""
        self.enlarged.hide()
        self._name(self.canvas.hovered)

    def start_over(self) -> None:
        """Forget what was pointed at and enlarged, as it is there no more; without a signal."""
        self.canvas.point_at(-1)
        self.canvas.current = 0
        self.shrink()

    def point_at(self, number: int) -> None:
        """Frame a tile and name it, or none for -1, without a signal."""
        self.canvas.point_at(number)
        self._name(self._named())

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self.canvas.set_tokens(tokens)
        self.enlarged.set_tokens(tokens)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape puts back what is enlarged."""
        if event.key() == Qt.Key.Key_Escape and self.large >= 0:
            self._close()
        else:
            super().keyPressEvent(event)

    def _show_enlarged(self, number: int) -> None:
        """Let `enlarged` show what has a number."""
        raise NotImplementedError

    def _name(self, number: int) -> None:
        """Say what it is that mouse or keys point at or that is enlarged, or what there is for -1."""
        raise NotImplementedError

    def _named(self) -> int:
        """Return what is to be named."""
        return self.large if self.large >= 0 else self.canvas.hovered

    def _choose(self, number: int) -> None:
        if number == self.large:
            self._close()
        else:
            self.enlarge(number)
            self.channel_chosen.emit(number)

    def _close(self) -> None:
        self.shrink()
        self.closed.emit()

    def _point(self, number: int) -> None:
        if self.large < 0:
            self._name(number)
        elif number not in {-1, self.large}:  # by keys, as the mouse does not reach the tiles
            self._choose(number)


class _Scroll(QScrollArea):
    """Lays the tiles out as there is room, and keeps what is enlarged over them."""

    def __init__(self, canvas: TileCanvas, enlarged: EnlargedTile) -> None:
        super().__init__()
        self._canvas, self._enlarged = canvas, enlarged
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(canvas)
        canvas.moved.connect(self._bring)

    def arrange(self) -> None:
        """Lay the tiles out anew."""
        canvas, room, bar = self._canvas, self.maximumViewportSize(), self.verticalScrollBar()
        canvas.grid = canvas.fit(room.width(), room.height(), bar.sizeHint().width())
        canvas.resize(self.viewport().width(), canvas.grid.height)
        bar.setSingleStep(canvas.grid.down // 2)
        self._enlarged.setGeometry(self.geometry())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the tiles anew, as the room for them changes."""
        super().resizeEvent(event)
        self.arrange()

    def _bring(self, x: int, y: int) -> None:
        self.ensureVisible(x, y, 0, self._canvas.grid.high + self._canvas.grid.caption)
