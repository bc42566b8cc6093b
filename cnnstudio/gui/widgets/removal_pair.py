"""What Dropout2d removes, and beside it what element-wise dropout removes of the same maps."""

from dataclasses import replace
from typing import Final

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from cnnstudio.core.pictures import DropoutMasks
from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import argb_table
from cnnstudio.gui.widgets.enlarged_removal import COLORS
from cnnstudio.gui.widgets.map_paint import paint_tiles
from cnnstudio.gui.widgets.removal_marks import Removal, paint_marks
from cnnstudio.gui.widgets.removal_wall import RemovalWall
from cnnstudio.gui.widgets.tile_grid import fit_grid
from cnnstudio.gui.widgets.wall_pair import WallPair

_TITLES: Final = ("Dropout2d: whole channels", "Element-wise dropout: single values")
_WALL: Final = 560  # pixels across and down that a wall has in a picture, unless its maps need more
_MARGIN: Final = 16


class RemovalPair(WallPair):
    """What is removed by whole channels and by single values; of a vector, which has no channels, only the second.

    Attributes:
        channels: The wall on the left.
        values: The wall on the right.
    """

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        self.channels, self.values = RemovalWall(), RemovalWall()
        walls = {"channels": (_TITLES[0], self.channels), "values": (_TITLES[1], self.values)}
        super().__init__(object_name, "What dropout removes", walls, parent)
        for title, wall in walls.values():
            wall.setAccessibleName(title)
        self._tokens = LIGHT
        self._masks: DropoutMasks | None = None

    def show_masks(self, masks: DropoutMasks) -> None:
        """Show what was removed in a step, and what would have been."""
        self._masks = masks
        self.sides[0].setVisible(not masks.vector)
        for wall, removal in zip((self.channels, self.values), removals(masks), strict=True):
            wall.show_removal(masks.tiles, removal, masks.layer)
        for note, text in zip(self.notes, _notes(masks), strict=True):
            note.setText(text)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        super().set_tokens(tokens)

    def picture(self, sentence: str) -> QImage:
        """Return both walls with all their maps as an image, twice as fine as on the screen, and a sentence below."""
        masks = self._masks
        assert masks is not None
        grid = fit_grid(len(masks.tiles), _WALL, _WALL)
        if masks.vector:
            grid = replace(grid, side=_WALL)
        line = self.fontMetrics().height() + 8
        shown = [1] if masks.vector else [0, 1]
        across = len(shown) * (_WALL + _MARGIN) + _MARGIN
        words = self.fontMetrics().boundingRect(
            QRect(0, 0, across - 2 * _MARGIN, 1000), Qt.TextFlag.TextWordWrap, sentence
        )
        down = _MARGIN + line + grid.height + _MARGIN + words.height() + _MARGIN
        image = QImage(2 * across, 2 * down, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(2)
        image.fill(QColor(self._tokens.card))
        painter = QPainter(image)
        painter.setFont(self.font())
        painter.setPen(QColor(self._tokens.text))
        painter.drawText(words.translated(_MARGIN, down - _MARGIN - words.height()), Qt.TextFlag.TextWordWrap, sentence)
        rows = range(grid.rows)
        parts = masks.tiles, grid, rows, argb_table(COLORS), self._tokens
        for place, side in enumerate(shown):
            painter.save()
            painter.translate(_MARGIN + place * (_WALL + _MARGIN), _MARGIN)
            painter.drawText(QRect(0, 0, _WALL, line), Qt.AlignmentFlag.AlignLeft, _TITLES[side])
            painter.translate(0, line)
            paint_tiles(painter, *parts, order=np.arange(len(masks.tiles)), dead=masks.zero)
            paint_marks(painter, removals(masks)[side], grid, rows)
            painter.restore()
        painter.end()
        return image


def removals(masks: DropoutMasks) -> tuple[Removal, Removal]:
    """Return what Dropout2d removes, and what element-wise dropout does."""
    return Removal(masks.channels, masks.zero), Removal(np.zeros_like(masks.channels), masks.zero, masks.values)


def _notes(masks: DropoutMasks) -> tuple[str, str]:
    happened, imagined = "in this step", "for comparison"
    return (happened, imagined) if masks.whole else (imagined, happened)
