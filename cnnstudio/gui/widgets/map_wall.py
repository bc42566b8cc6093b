"""All feature maps of a layer side by side."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QStackedLayout, QVBoxLayout, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import ColorMap
from cnnstudio.gui.widgets.enlarged_map import EnlargedMap
from cnnstudio.gui.widgets.held_order import HeldOrder
from cnnstudio.gui.widgets.map_canvas import MapCanvas
from cnnstudio.gui.widgets.map_key import MapFooter
from cnnstudio.gui.widgets.map_scale import Figures, MapStyle, looks_of, plain_look
from cnnstudio.gui.widgets.map_sheet import Sheet, sheet_of_map, sheet_of_tiles
from cnnstudio.gui.widgets.map_words import SCALES, channel_words, count_words, ends_of, scale_words
from cnnstudio.gui.widgets.tile_wall import TileWall

HINT: Final = "Feature maps of your image appear here once training starts"


class MapWall(TileWall):
    """Tiles of feature maps, with a key below; words stand in for them while there are none.

    Attributes:
        canvas: The tiles.
        enlarged: The map that is enlarged.
        footer: What is shown, and the key.

    Signals:
        pointed: The channel that the user points at, or -1.
    """

    pointed = Signal(int)

    def __init__(
        self, parent: QWidget | None = None, *, color_map: ColorMap = "inferno", scale: str = SCALES["own"]
    ) -> None:
        canvas, enlarged = MapCanvas(color_map), EnlargedMap()
        super().__init__(canvas, enlarged, parent)
        self.canvas: MapCanvas = canvas
        self.enlarged: EnlargedMap = enlarged
        self.setObjectName("map_wall")
        self.setAccessibleName("Feature maps")
        self._title = ""
        self._tokens = LIGHT
        self._plain, self._scale = color_map, scale
        self._style = MapStyle()
        self._figures: Figures | None = None
        self._look = plain_look(0, color_map)
        self._image: QImage | None = None
        self._order = HeldOrder()
        canvas.pointed.connect(self.pointed)

        self._hint = QLabel(HINT)
        self._hint.setObjectName("map_hint")
        self._hint.setProperty("role", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self.footer = MapFooter(color_map)

        wall = QWidget()
        column = QVBoxLayout(wall)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._scroll, 1)
        column.addWidget(self.footer)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(wall)
        self.clear()
        self.set_tokens(LIGHT)

    def show_maps(
        self,
        tiles: NDArray[np.uint8],
        title: str = "",
        *,
        figures: Figures | None = None,
        image: QImage | None = None,
    ) -> None:
        """Show the feature maps of a layer.

        Args:
            tiles: `(C, h, w)`; not to be changed afterwards.
            title: Name of the layer.
            figures: Their values; without them each map is shown as its tile is.
            image: What they answer to.
        """
        if title != self._title or len(tiles) != len(self.canvas.maps):
            self.start_over()
            self._order.forget()
        self._title, self._figures, self._image = title, figures, image
        self.canvas.maps = tiles
        self._present()
        self._pages.setCurrentIndex(1 if len(tiles) else 0)

    def set_style(self, style: MapStyle) -> None:
        """Show maps otherwise, as far as their values are known."""
        if style != self._style:
            self._style = style
            self._order.forget()
            self._present()

    def set_hint(self, text: str) -> None:
        """Say why there is nothing to see, while that is so."""
        self._hint.setText(text)

    def clear(self) -> None:
        """Show no maps, and say when there will be some."""
        self.show_maps(np.empty((0, 1, 1), np.uint8))

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        super().set_tokens(tokens)
        self._present()

    def sheet(self) -> Sheet:
        """Return what is shown for a file: all tiles, or the map that is enlarged."""
        words, key = self.footer.words(), self.footer.key()
        if self.large >= 0:
            return sheet_of_map(self.enlarged, self._look.color_map, words, key)
        return sheet_of_tiles(self.canvas.maps, self._look, words, key, self._tokens)

    def _present(self) -> None:
        """Colour, order and lay the maps out as their values and the style ask for."""
        canvas, count = self.canvas, len(self.canvas.maps)
        if self._figures is None:
            self._look = plain_look(count, self._plain)
        else:
            looks = looks_of([self._figures], self._style, self._tokens)
            (self._look,) = self._order.hold(looks, busy=self._named() >= 0)
        canvas.colors, canvas.order, canvas.dead = self._look.colors, self._look.order, self._look.dead
        self._scroll.arrange()
        canvas.update()
        if self.large >= 0:
            self._show_enlarged(self.large)
        self._name(self._named())

    def _show_enlarged(self, number: int) -> None:
        look, tile = self._look, self.canvas.maps[number]
        (levels,) = look.levels(np.array([number]))
        self.enlarged.show_map(tile, number, look.color_map, levels=levels, image=self._image)

    def _name(self, number: int) -> None:
        look, figures, count = self._look, self._figures, len(self.canvas.maps)
        words = count_words(count, look.dead) if number < 0 else channel_words(number, count, figures)
        self.footer.set_words(words)
        shared = figures is not None and self._style.scaling == "shared" and count > 0
        known = look.limits[max(number, 0)] if figures is not None and (number >= 0 or shared) else None
        scale = self._scale if figures is None else scale_words(self._style.scaling, look.color_map)
        self.footer.set_key(look.color_map, *ends_of(look.color_map, known), scale)
        of_layer = f" of {self._title}" if self._title else ""
        self.canvas.setAccessibleDescription(f"{words}{of_layer}" if count else self._hint.text())
