"""Feature maps side by side, with what dropout removes of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.enlarged_removal import COLORS, EnlargedRemoval
from cnnstudio.gui.widgets.map_canvas import MapCanvas
from cnnstudio.gui.widgets.removal_marks import NOTHING, Removal, paint_marks
from cnnstudio.gui.widgets.tile_wall import TileWall
from cnnstudio.gui.words import counted

_KEY: Final = "hatched: removed · crossed: zero already"


class RemovalWall(TileWall):
    """Tiles with marks, and how many they are; a single one is always enlarged.

    Attributes:
        canvas: The tiles.
        enlarged: The map that is enlarged.

    Signals:
        pointed: The channel that the user points at, or -1.
    """

    pointed = Signal(int)

    def __init__(self) -> None:
        canvas, enlarged = _Canvas(), EnlargedRemoval()
        super().__init__(canvas, enlarged)
        self.canvas: _Canvas = canvas
        self.enlarged: EnlargedRemoval = enlarged
        self._layer = ""
        self._count = QLabel()
        self._count.setProperty("role", "caption")
        key = ElidedLabel(_KEY, "caption")
        key.setAlignment(Qt.AlignmentFlag.AlignRight)
        footer = QHBoxLayout()
        footer.addWidget(self._count)
        footer.addWidget(key, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._scroll, 1)
        column.addLayout(footer)
        canvas.pointed.connect(self.pointed)

    def show_removal(self, tiles: NDArray[np.uint8], removal: Removal, layer: str) -> None:
        """Show maps and what is removed of them; a single one is enlarged.

        Args:
            tiles: `(C, h, w)`; not to be changed afterwards.
            removal: What is removed.
            layer: Path of the layer that removes it.
        """
        canvas, self._layer = self.canvas, layer
        if len(tiles) != len(canvas.maps):
            self.start_over()
        canvas.maps, canvas.order, canvas.dead = tiles, np.arange(len(tiles)), removal.zero
        canvas.removal = removal
        self._scroll.arrange()
        canvas.update()
        if len(tiles) == 1:
            self.enlarge(0)
        elif self.large >= 0:
            self._show_enlarged(self.large)
        self._name(self._named())

    def _show_enlarged(self, number: int) -> None:
        self.enlarged.show_removal(self.canvas.maps, self.canvas.removal, number)

    def _name(self, number: int) -> None:
        count = len(self.canvas.maps)
        self._count.setText(counted(count, "map") if number < 0 else f"channel {number} of {count:,}")
        self.canvas.setAccessibleDescription(f"{self._count.text()} of {self._layer}")

    def _close(self) -> None:
        if len(self.canvas.maps) > 1:
            super()._close()


class _Canvas(MapCanvas):
    """Maps with marks over them.

    Attributes:
        removal: What is marked.
    """

    def __init__(self) -> None:
        super().__init__(COLORS)
        self.removal = NOTHING

    def paint_rows(self, painter: QPainter, rows: range) -> None:
        """Paint some rows, and mark what is removed."""
        super().paint_rows(painter, rows)
        paint_marks(painter, self.removal, self.grid, rows)
