"""Statistics of a batch against the running ones, a point a channel: on the diagonal they are the same."""

import math
from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.scope_plot import ScopePlot

_LOWEST: Final = 1e-3  # of the smallest running variance; what is less, as nothing at all, is drawn there
_MANY: Final = 96  # channels, from which on their marks are small
_TICKS: Final = 4
_FEWEST: Final = 2  # numbers at an axis: a single one tells no scale


class AgreementPlot(ScopePlot):
    """Both axes go over the same range, so that the diagonal runs from corner to corner.

    Args:
        name: What is compared: `mean` or `variance`; variances count by powers of ten.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"train.batchnorm.{name}", f"Running {name} and {name} of the batch")
        self._name = name
        self._log = name == "variance"
        self._diagonal = pg.PlotCurveItem()
        self._dots = pg.ScatterPlotItem(symbol="o", pen=None)
        self.box.addItem(self._diagonal, ignoreBounds=True)
        self.box.addItem(self._dots)

    def show_channels(self, running: NDArray[np.float32], batch: NDArray[np.float32]) -> None:
        """Draw what each channel (C,) is like; channels without a number are left out."""
        xs, ys = running.astype(float), batch.astype(float)
        if self._log:
            positive = xs[xs > 0]
            lowest = _LOWEST * (float(positive.min()) if len(positive) else 1.0)
            xs, ys = (np.log10(np.maximum(each, lowest)) for each in (xs, ys))
        there = np.flatnonzero(np.isfinite(xs) & np.isfinite(ys))
        self._dots.setData(xs[there], ys[there], size=6 if len(xs) <= _MANY else 4)
        self.can_point_at(there, xs[there], ys[there])
        known = np.concatenate((xs, ys[there]))
        low, high = float(known.min()), float(known.max())
        self.set_range((low, high), (low, high), margins=(0.06, 0.06))
        ends = self.box.viewRange()[0]
        self._diagonal.setData(ends, ends)

    def ticks(self, low: float, high: float) -> list[tuple[float, str]]:
        """Return some round numbers between two others, which may be powers of ten, in words."""
        if not self._log:
            return super().ticks(low, high)
        powers = range(math.floor(low), math.ceil(high) + 1)
        fine = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
        inside = [value for value in fine if low <= math.log10(value) <= high]
        if len(inside) < _FEWEST:
            return [(math.log10(value), words) for value, words in super().ticks(10**low, 10**high)]
        if len(inside) > _TICKS:
            whole = [10.0**power for power in powers if low <= power <= high]
            inside = whole if len(whole) >= _FEWEST else inside
        return [(math.log10(value), f"{value:g}") for value in inside[:: math.ceil(len(inside) / _TICKS) or 1]]

    def drawn(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the running statistics and those of the batch, as they are drawn."""
        xs, ys = self._dots.getData()
        return (10**xs, 10**ys) if self._log else (xs, ys)

    @property
    def ends(self) -> tuple[float, float]:
        """Where both axes begin and end."""
        low, high = self._diagonal.getData()[0]
        return (math.pow(10, low), math.pow(10, high)) if self._log else (float(low), float(high))

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        super().set_tokens(tokens)
        colour = QColor(tokens.series[0])
        colour.setAlphaF(0.75)
        self._dots.setBrush(pg.mkBrush(colour))
        self._diagonal.setPen(pg.mkPen(tokens.muted, width=1, style=Qt.PenStyle.DashLine))
        self.set_title(f"{self._name}: batch ↑, running →")
