"""What Dropout2d removes, and beside it what element-wise dropout removes of the same maps."""

from dataclasses import replace
from typing import Final

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnnstudio.core.pictures import DropoutMasks
from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.colormaps import argb_table
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.map_paint import paint_tiles
from cnnstudio.gui.widgets.removal_marks import Removal, paint_marks
from cnnstudio.gui.widgets.removal_wall import COLORS, RemovalWall
from cnnstudio.gui.widgets.tile_grid import fit_grid

_TITLES: Final = ("Dropout2d: whole channels", "Element-wise dropout: single values")
_WALL: Final = 560  # pixels across and down that a wall has in a picture, unless its maps need more
_MARGIN: Final = 16


class RemovalPair(QWidget):
    """Two walls that scroll, point and enlarge together; of a vector, which has no channels, only the second.

    Attributes:
        channels: The wall on the left.
        values: The wall on the right.
    """

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName("What dropout removes")
        self.channels, self.values = RemovalWall(), RemovalWall()
        self._tokens = LIGHT
        self._masks: DropoutMasks | None = None
        self._notes = [ElidedLabel("", "muted") for _ in _TITLES]
        self._sides = [QWidget() for _ in _TITLES]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(24)
        walls = (("channels", self.channels), ("values", self.values))
        for (name, wall), title, note, side in zip(walls, _TITLES, self._notes, self._sides, strict=True):
            wall.setObjectName(f"{object_name}.{name}")
            wall.setAccessibleName(title)
            note.setObjectName(f"{object_name}.{name}.note")
            label = QLabel(title)
            label.setProperty("role", "section")
            header = QHBoxLayout()
            header.setSpacing(8)
            header.addWidget(label)
            header.addWidget(note, 1)
            column = QVBoxLayout(side)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(6)
            column.addLayout(header)
            column.addWidget(wall, 1)
            layout.addWidget(side, 1)
        self._link(self.channels, self.values)
        self._link(self.values, self.channels)

    def show_masks(self, masks: DropoutMasks) -> None:
        """Show what was removed in a step, and what would have been."""
        self._masks = masks
        self._sides[0].setVisible(not masks.vector)
        for wall, removal in zip((self.channels, self.values), removals(masks), strict=True):
            wall.show_removal(masks.tiles, removal, masks.layer)
        for note, text in zip(self._notes, _notes(masks), strict=True):
            note.setText(text)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        for wall in (self.channels, self.values):
            wall.set_tokens(tokens)

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
            paint_marks(painter, removals(masks)[side], grid, rows, scale=2)
            painter.restore()
        painter.end()
        return image

    def _link(self, wall: RemovalWall, other: RemovalWall) -> None:
        wall.channel_chosen.connect(other.enlarge)
        wall.closed.connect(other.shrink)
        wall.pointed.connect(other.point_at)
        wall.scroll_bar.valueChanged.connect(other.scroll_bar.setValue)


def removals(masks: DropoutMasks) -> tuple[Removal, Removal]:
    """Return what Dropout2d removes, and what element-wise dropout does."""
    return Removal(masks.channels, masks.zero), Removal(np.zeros_like(masks.channels), masks.zero, masks.values)


def _notes(masks: DropoutMasks) -> tuple[str, str]:
    happened, imagined = "in this step", "for comparison"
    return (happened, imagined) if masks.whole else (imagined, happened)
