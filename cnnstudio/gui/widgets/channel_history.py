"""How γ and β came to be what they are, step by step."""

import math
from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.channel_chart import Affine
from cnnstudio.gui.widgets.scope_plot import ScopePlot, mark

_LONGEST: Final = 240  # points; where there would be more, every second one is given up
_SHORTEST: Final = 5  # steps that are seen: their numbers are whole
_GROWTH: Final = 1.25  # of the steps that are seen, when the line arrives at the right edge


class ChannelHistory:
    """γ or β of all channels at some steps, from the first one that was seen on."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._values: list[NDArray[np.float32]] = []  # (C + 1,) each, of which the last one is the mean

    def add(self, step: int, values: NDArray[np.float32]) -> None:
        """Remember values (C,) of a step; what is not later than the latest one is known already."""
        if self._steps and step <= self._steps[-1]:
            return
        self._steps.append(step)
        self._values.append(np.append(values, values.mean()))
        if len(self._steps) > _LONGEST:
            del self._steps[1::2], self._values[1::2]

    def clear(self) -> None:
        """Forget everything."""
        self._steps.clear()
        self._values.clear()

    def of(self, channel: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return steps and values of a channel, or the means over all of them for -1."""
        return np.array(self._steps, float), np.array([each[channel] for each in self._values], float)


class HistoryPlot(ScopePlot):
    """γ or β over the steps of the run, with a mark at the latest one."""

    def __init__(self, kind: Affine) -> None:
        super().__init__(f"train.batchnorm.{kind.name}_history", f"{kind.text} ({kind.name}) over the steps")
        self._kind = kind
        self._line = pg.PlotCurveItem()
        self._whose = ""
        self._latest = pg.ScatterPlotItem(symbol=kind.symbol, pen=None, size=6)
        for item in (self._line, self._latest):
            self.box.addItem(item)

    def show_history(self, steps: NDArray[np.float64], values: NDArray[np.float64], whose: str) -> None:
        """Draw values (n,) at steps (n,), which rise.

        Args:
            steps: Of the run.
            values: γ or β.
            whose: Of what channel.
        """
        self._whose = whose
        self._line.setData(steps, values)
        self._latest.setData(steps[-1:], values[-1:])
        self._name()
        low, high = float(values.min()), float(values.max())
        seen = _SHORTEST * _GROWTH ** math.ceil(math.log(max(1.0, (steps[-1] - steps[0]) / _SHORTEST), _GROWTH))
        self.set_range((steps[0], steps[0] + seen), (low, high), margins=(0.05, 0.1))

    def drawn(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return steps and values."""
        steps, values = self._line.getData()
        return steps, values

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        super().set_tokens(tokens)
        colour = tokens.series[self._kind.color]
        self._line.setPen(pg.mkPen(colour, width=2, style=self._kind.style))
        self._latest.setBrush(pg.mkBrush(colour))
        self._name()

    def _name(self) -> None:
        kind = self._kind
        whose = f", {self._whose}" if self._whose else ""
        self.set_title(f"{mark(self.tokens.series[kind.color], kind.sign, kind.text)} by step{whose}")
