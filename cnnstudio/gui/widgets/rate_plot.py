"""The loss against the learning rate, with the rate that is set and the one that is suggested."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontInfo
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens

_ABOVE: Final = 0.6  # of the fall, that is shown above where the loss begins; beyond that it explodes
_LEAST: Final = 0.05  # of the loss, that the axis spans at least


class RatePlot(QWidget):
    """A curve over a logarithmic axis, and named vertical lines."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rate_plot")
        self.setAccessibleName("Loss against the learning rate")
        self._view = pg.PlotWidget(self)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._view.setMouseEnabled(x=False, y=False)
        item = self._view.getPlotItem()
        item.setMenuEnabled(False)
        item.ctrlMenu.setParent(self, item.ctrlMenu.windowFlags())  # It is made all the same; now it goes with us.
        item.hideButtons()
        item.layout.setContentsMargins(0, 8, 8, 0)
        item.setLogMode(x=True)
        item.showGrid(y=True, alpha=0.15)
        self._line = pg.PlotDataItem(antialias=True)
        item.addItem(self._line)
        self._marks: dict[str, pg.InfiniteLine] = {}
        self._tokens = LIGHT
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)
        self.set_tokens(LIGHT)

    def show_curve(self, rates: Sequence[float], losses: Sequence[float], marks: Mapping[str, float]) -> None:
        """Draw a curve.

        Args:
            rates: (n,) rising.
            losses: (n,), one for each.
            marks: Rates to point out, by what they are; the last one stands out.
        """
        self._line.setData(np.array(rates), np.array(losses))
        low, first = min(losses), losses[0]
        top = first + max(_ABOVE * (first - low), _LEAST * first)
        self._view.setYRange(low - 0.1 * (top - low), top, padding=0)
        left, right = (math.log10(each) for each in (rates[0], rates[-1]))
        self._view.setXRange(left, right, padding=0.02)
        decades = range(math.ceil(left), math.floor(right) + 1)
        self._axis("bottom").setTicks([[(power, f"{10.0**power:g}") for power in decades]])
        highest = max(marks.values())
        for name, rate in marks.items():
            at = math.log10(rate)
            side = (0, 0.5) if rate == highest else (1, 0.5)  # away from each other
            position = 0.93 - 0.09 * len(self._marks)  # below each other: the rates may be close
            label = f"{name} {rate:.2g}"
            mark = pg.InfiniteLine(at, angle=90, label=label, labelOpts={"position": position, "anchors": [side, side]})
            self._marks[name] = mark
            self._view.addItem(mark)
        self.set_tokens(self._tokens)

    def drawn(self) -> tuple[list[float], list[float]]:
        """Return rates and losses of the curve."""
        rates, losses = self._line.getOriginalDataset()
        return ([], []) if rates is None else (rates.tolist(), losses.tolist())

    def marks(self) -> dict[str, float]:
        """Return the rates that are pointed out."""
        return {name: float(10 ** mark.value()) for name, mark in self._marks.items()}

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self._view.setBackground(tokens.ground)
        self._line.setPen(pg.mkPen(tokens.series[0], width=2))
        small = QFont(self.font())
        small.setPointSizeF(0.9 * QFontInfo(small).pointSizeF())
        for side, label in (("left", "loss"), ("bottom", "learning rate")):
            axis = self._axis(side)
            axis.setStyle(tickFont=small, tickLength=0, tickTextOffset=6)
            axis.setTextPen(tokens.muted)
            axis.setPen(pg.mkPen(tokens.border))
            axis.enableAutoSIPrefix(False)
            axis.setLabel(label, color=tokens.muted)
        for number, mark in enumerate(self._marks.values(), start=1):
            last = number == len(self._marks)
            colour, style = (tokens.accent, Qt.PenStyle.SolidLine) if last else (tokens.muted, Qt.PenStyle.DashLine)
            mark.setPen(pg.mkPen(colour, width=2 if last else 1, style=style))
            mark.label.setColor(tokens.accent_text if last else tokens.muted)
            mark.label.setFont(small)

    def _axis(self, side: str) -> pg.AxisItem:
        return self._view.getPlotItem().getAxis(side)
