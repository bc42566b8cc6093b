"""Feature maps in rows: one layer for several images, or several layers for one image."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.gui.pictures import to_image
from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.enlarged_map import EnlargedMap
from cnnstudio.gui.widgets.held_order import HeldOrder
from cnnstudio.gui.widgets.map_key import MapFooter
from cnnstudio.gui.widgets.map_scale import Figures, MapStyle, looks_of
from cnnstudio.gui.widgets.map_sheet import Sheet, sheet_of_map
from cnnstudio.gui.widgets.map_words import channel_words, ends_of, row_scale_words, rows_words
from cnnstudio.gui.widgets.rows_canvas import RowsCanvas, Spot
from cnnstudio.gui.widgets.rows_paint import GAP, HEAD, THUMBNAIL, Row, paint_rows


class MapRows(QWidget):
    """Rows of feature maps; one map can be enlarged over its image, and put back.

    Attributes:
        canvas: The rows.
        enlarged: The map that is enlarged.
        footer: What is shown, and the key.

    Signals:
        closed: The user has put the enlarged map back.
    """

    closed = Signal()

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName("Feature maps in rows")
        self._pictures: Sequence[FeatureMaps] = ()
        self._heads: Sequence[tuple[str, str]] = ()
        self._alike = False
        self._style = MapStyle()
        self._tokens = LIGHT
        self._thumbnails: dict[str, QImage] = {}
        self._large: Spot = (0, 0)
        self._order = HeldOrder()
        self.canvas = RowsCanvas()
        self.footer = MapFooter("inferno")
        self.enlarged = EnlargedMap(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.footer)
        self.canvas.chosen.connect(self._enlarge)
        self.canvas.pointed.connect(self._name)
        self.enlarged.closed.connect(self._shrink)

    def show_rows(self, pictures: Sequence[FeatureMaps], heads: Sequence[tuple[str, str]], *, alike: bool) -> None:
        """Show feature maps.

        Args:
            pictures: Those of each row.
            heads: What stands at the head of each row: a title, and a note below it.
            alike: Whether the rows are of the same layer, and so their channels the same.
        """
        before = [(each.layer, each.image) for each in self._pictures]
        if before != [(each.layer, each.image) for each in pictures]:
            self.enlarged.hide()
            self._order.forget()
            self._thumbnails = {}
        self._pictures, self._heads, self._alike = pictures, heads, alike
        self._present()

    def set_style(self, style: MapStyle) -> None:
        """Show maps otherwise."""
        if style != self._style:
            self._style = style
            self._order.forget()
            self._present()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.canvas.set_tokens(tokens)
        self.enlarged.set_tokens(tokens)
        self._present()

    def sheet(self) -> Sheet:
        """Return what is shown for a file: all rows with the channels that are in sight, or the enlarged map."""
        words, key, rows = self.footer.words(), self.footer.key(), self.canvas.rows
        color_map = rows[0].look.color_map
        if self.enlarged.isVisible():
            return sheet_of_map(self.enlarged, color_map, words, key)
        grid, tokens, font = self.canvas.grid(), self._tokens, self.font()

        def paint(painter: QPainter) -> None:
            paint_rows(painter, rows, range(len(rows)), grid, tokens, font)

        size = QSize(HEAD + grid.count * grid.pitch - GAP, len(rows) * grid.pitch - GAP)
        return Sheet(size, paint, words, color_map, key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape puts an enlarged map back."""
        if event.key() == Qt.Key.Key_Escape and self.enlarged.isVisible():
            self._shrink()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the enlarged map over the rows."""
        super().resizeEvent(event)
        self.enlarged.setGeometry(self.canvas.geometry())

    def _present(self) -> None:
        figures = [Figures(each.ranges, each.activity) for each in self._pictures]
        busy = self.canvas.hovered is not None or self.enlarged.isVisible()
        looks = self._order.hold(looks_of(figures, self._style, self._tokens, alike=self._alike), busy=busy)
        self.canvas.show_rows(
            [
                Row(maps, look, title, note, self._thumbnail(maps) if self._alike else QImage())
                for maps, look, (title, note) in zip(self._pictures, looks, self._heads, strict=True)
            ]
        )
        self.enlarged.setGeometry(self.canvas.geometry())
        if self.enlarged.isVisible():
            self._show_enlarged()
        self._name()

    def _thumbnail(self, maps: FeatureMaps) -> QImage:
        """Return the image of a row, small; it is made once."""
        if maps.image not in self._thumbnails:
            smooth = Qt.TransformationMode.SmoothTransformation
            self._thumbnails[maps.image] = to_image(maps.pixels).scaledToWidth(2 * THUMBNAIL, smooth)
        return self._thumbnails[maps.image]

    def _show_enlarged(self) -> None:
        row, channel = self._large
        shown = self.canvas.rows[row]
        height, width = shown.maps.shape[1:]
        (levels,) = shown.look.levels(np.array([channel]))
        self.enlarged.show_map(
            shown.maps.tiles[channel],
            channel,
            shown.look.color_map,
            levels=levels,
            image=to_image(shown.maps.pixels),
            words=f"{shown.title} · channel {channel} · {height} × {width}",
        )

    def _enlarge(self, row: int, channel: int) -> None:
        if self.enlarged.isVisible() and self._large == (row, channel):
            self._shrink()
            return
        self._large = (row, channel)
        self._show_enlarged()
        self.enlarged.show()
        self.enlarged.raise_()
        self._name()

    def _shrink(self) -> None:
        self.enlarged.hide()
        self._name()
        self.closed.emit()

    def _name(self) -> None:
        rows = self.canvas.rows
        if not rows:
            return
        spot = self._large if self.enlarged.isVisible() else self.canvas.hovered
        limits = None
        if spot is not None:
            row = rows[spot[0]]
            figures = Figures(row.maps.ranges, row.maps.activity)
            words = f"{row.title} · {channel_words(spot[1], len(figures.ranges), figures)}"
            limits = row.look.limits[spot[1]]
        else:
            words = rows_words([each.look.dead for each in rows], alike=self._alike)
            if self._alike and self._style.scaling == "shared":
                limits = rows[0].look.limits[0]
        color_map = rows[0].look.color_map
        tip = row_scale_words(self._style.scaling, color_map, alike=self._alike)
        self.footer.set_words(words)
        self.footer.set_key(color_map, *ends_of(color_map, limits), tip)
        self.canvas.setAccessibleDescription(words)
