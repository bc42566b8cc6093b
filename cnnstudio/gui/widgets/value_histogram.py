"""How values are distributed: filled steps, and perhaps an outline of what they were before."""

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.scope_plot import ScopePlot


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Values sorted into equal parts.

    Attributes:
        ends: Where the first part begins and the last one ends; the other way round for values that were mirrored.
        counts: `(bins,)`, how many there are in each part.
    """

    ends: tuple[float, float]
    counts: NDArray[np.integer]

    def steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return edges (bins + 1,) and heights (bins,) as shares of the highest one.

        Values that are all the same make one narrow part.
        """
        low, high = self.ends
        heights = self.counts / max(1, int(self.counts.max(initial=0)))
        if low == high:
            half = 0.02 * max(1.0, abs(low))
            return np.array([low - half, low + half]), heights.max(initial=0.0, keepdims=True)
        edges = np.linspace(low, high, len(heights) + 1)
        return (edges, heights) if low < high else (edges[::-1], heights[::-1])


class ValueHistogram(ScopePlot):
    """Steps over an axis of values, with a line at 0; heights are shares of the highest step.

    Args:
        name: `before` or `after`.
        label: What is shown, for screen readers.
        color: Which of the theme's series colours it has.
    """

    def __init__(self, name: str, label: str, color: int) -> None:
        super().__init__(f"train.batchnorm.{name}", label)
        self._color = color
        self._zero = pg.InfiniteLine(0, angle=90)
        self._outline = pg.PlotCurveItem([0.0, 1.0], [0.0], stepMode="center")
        self._filled = pg.PlotCurveItem([0.0, 1.0], [0.0], stepMode="center", fillLevel=0)
        for each in (self._filled, self._outline):
            self.box.addItem(each)
        self._outline.hide()
        self.box.addItem(self._zero, ignoreBounds=True)
        self.axes["left"].hide()

    def show_bins(self, bins: Bins, outline: Bins | None = None) -> None:
        """Draw a distribution, and the outline of another."""
        edges, heights = bins.steps()
        self._filled.setData(edges, heights)
        low, high = edges[0], edges[-1]
        if outline is not None:
            others, tops = outline.steps()
            self._outline.setData(others, tops)
            self._outline.show()
            low, high = min(low, others[0]), max(high, others[-1])
        self.set_range((low, high), (0, 1.05), margins=(0.1, 0.0))

    def drawn(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return edges and heights of the filled steps."""
        edges, heights = self._filled.getData()
        return edges, heights

    def outlined(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return edges and heights of the outline; none of either where there is no outline."""
        edges, heights = self._outline.getData() if self._outline.isVisible() else (np.empty(0), np.empty(0))
        return edges, heights

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        super().set_tokens(tokens)
        colour = QColor(tokens.series[self._color])
        self._filled.setPen(pg.mkPen(colour, width=1))
        colour.setAlphaF(0.4)
        self._filled.setBrush(pg.mkBrush(colour))
        self._outline.setPen(pg.mkPen(tokens.text, width=1, style=Qt.PenStyle.DashLine))
        self._zero.setPen(pg.mkPen(tokens.muted, width=1))
