"""The filters of one layer, whatever their kind: colour tiles, kernels, or a mixing matrix, with their key."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from cnnstudio.core.pictures import Filters
from cnnstudio.gui.filter_words import change_words, filter_words, share, signed, weight_words
from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.kernel_pixels import Kernels, peaks_of
from cnnstudio.gui.widgets.kernel_sheet import Cell
from cnnstudio.gui.widgets.kernel_wall import KernelWall
from cnnstudio.gui.widgets.mixing_matrix import MixingMatrix
from cnnstudio.gui.widgets.value_key import ValueKey


@dataclass(frozen=True, slots=True)
class FilterStyle:
    """How filters are shown.

    Attributes:
        change: Whether what has changed since the start is shown, not the weights.
        own: Whether each filter is scaled by its own largest value, not by that of the layer.
        by_change: Whether those that have changed the most come first.
    """

    change: bool = False
    own: bool = False
    by_change: bool = False


class FilterView(QWidget):
    """Draws the latest picture of a layer, and says in words what mouse or keys point at.

    Attributes:
        picture: What is shown; None for nothing.
        shown_as: How it is shown.
        wall: Shows kernels.
        matrix: Shows kernels of one pixel.
        key: Says what the colours stand for.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filter_view")
        self.picture: Filters | None = None
        self.shown_as = FilterStyle()
        self.wall, self.matrix, self.key = KernelWall(), MixingMatrix(), ValueKey()
        self._hint = QLabel()
        self._hint.setObjectName("filter_hint")
        self._hint.setProperty("role", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._words = ElidedLabel("", "caption")
        self._words.setObjectName("filter_words")
        self._pointed: tuple[int, ...] = (-1,)
        self._peaks = np.zeros(1, np.float32)
        self._lay_out()
        self.wall.pointed.connect(self._point_at_filter)
        self.matrix.pointed.connect(self._point_at_weight)

    def show_filters(self, picture: Filters, style: FilterStyle) -> None:
        """Show the filters of a layer; a change can be shown only of one whose start is known."""
        before = self.picture
        self.picture, self.shown_as = picture, style
        if before is None or before.layer != picture.layer:
            self.wall.start_over()
            self._pointed = (-1,)
        values = shown_values(picture, change=style.change)
        peaks = peaks_of(values, own=style.own)
        order = order_of(picture, by_change=style.by_change)
        mixing = picture.kind == "mixing"
        if mixing:
            self.matrix.show_matrix(values, peaks, order)
        else:
            captions = tuple(map(share, picture.change.tolist())) if style.change else ()
            self.wall.show_kernels(Kernels(values, peaks, order, captions))
        self._pages.setCurrentIndex(1)
        self._kinds.setCurrentIndex(int(mixing))
        self._peaks = peaks
        own = "Each filter is scaled by its own largest value" if style.own else "All filters have the same scale"
        self.key.setToolTip(own)
        self._say()

    def clear(self, hint: str) -> None:
        """Show nothing, and say why."""
        self.picture = None
        self.wall.clear()
        self._hint.setText(hint)
        self._pages.setCurrentIndex(0)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        for part in (self.wall, self.matrix, self.key):
            part.set_tokens(tokens)

    def _lay_out(self) -> None:
        shown = QWidget()
        self._kinds = QStackedLayout()
        self._kinds.addWidget(self.wall)
        self._kinds.addWidget(self.matrix)
        footer = QHBoxLayout()
        footer.setSpacing(12)
        footer.addWidget(self._words, 1)
        footer.addWidget(self.key)
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(self._kinds, 1)
        column.addLayout(footer)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(shown)

    def _point_at_filter(self, number: int, cell: Cell | None) -> None:
        if cell is None or self.picture is None:
            self._pointed = (number,)
        else:
            color = (cell.channel,) if self.picture.kind == "color" else ()
            self._pointed = (number, *color, cell.row, cell.column)
        self._say()

    def _point_at_weight(self, output: int, source: int) -> None:
        self._pointed = (output, source) if output >= 0 else (-1,)
        self._say()

    def _say(self) -> None:
        picture = self.picture
        if picture is not None:
            text = self._described(picture)
            number = self._pointed[0]
            peak = float(self._peaks[number]) if number >= 0 or not self.shown_as.own else None
            ends = ("−max", "+max") if peak is None else (signed(-peak), signed(peak))
            self.key.show_ends(*ends, gray=picture.kind == "color" and not self.wall.sheet.isVisible())
            self._words.setText(text)
            for part in (self.wall.canvas, self.matrix):
                part.setAccessibleDescription(text)

    def _described(self, picture: Filters) -> str:
        number, *place = self._pointed
        if number >= 0:
            return weight_words(picture, number, *place) if place else filter_words(picture, number)
        if picture.kind != "mixing":
            return change_words(picture)
        hidden = self.matrix.cells_in_pixel()
        dense = f" Each pixel: the strongest of up to {hidden:,} weights." if hidden > 1 else ""
        return change_words(picture) + dense


def shown_values(picture: Filters, *, change: bool) -> NDArray[np.float32]:
    """Return weights, or what has changed of them since the start; finite, for what is not is drawn as 0."""
    with np.errstate(all="ignore"):
        values = picture.values - picture.start if change else picture.values
        finite = bool(np.isfinite(values.sum()))
    return values if finite else np.nan_to_num(values, posinf=0, neginf=0)


def order_of(picture: Filters, *, by_change: bool) -> NDArray[np.intp]:
    """Return the filters by their numbers, or those first that have changed the most."""
    if by_change and len(picture.change):
        return np.argsort(-picture.change, kind="stable")
    return np.arange(picture.shape[0])
