"""γ or β of all channels of a BatchNorm, against where they began."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.scope_plot import ScopePlot, mark

_MANY: Final = 96  # channels, from which on their marks are small


@dataclass(frozen=True, slots=True)
class Affine:
    """γ or β, and how it is drawn.

    Attributes:
        name: As torch has it.
        text: As people have it.
        start: What it is before training.
        symbol: The pyqtgraph symbol of a channel.
        sign: The same in words.
        color: Which of the theme's series colours it has.
        style: Of its line over the steps.
    """

    name: Literal["weight", "bias"]
    text: str
    start: float
    symbol: str
    sign: str
    color: int
    style: Qt.PenStyle


WEIGHT: Final = Affine("weight", "γ", 1.0, "o", "●", 0, Qt.PenStyle.SolidLine)
BIAS: Final = Affine("bias", "β", 0.0, "s", "■", 1, Qt.PenStyle.DashLine)


class ChannelChart(ScopePlot):
    """A mark for each channel, and a line where all of them began."""

    def __init__(self, kind: Affine) -> None:
        super().__init__(f"train.batchnorm.{kind.name}", f"{kind.text} ({kind.name}) of each channel")
        self._kind = kind
        self._start = pg.InfiniteLine(kind.start, angle=0)
        self._dots = pg.ScatterPlotItem(symbol=kind.symbol, pen=None)
        self.box.addItem(self._start, ignoreBounds=True)
        self.box.addItem(self._dots)

    def show_channels(self, values: NDArray[np.float32], order: NDArray[np.intp]) -> None:
        """Draw values (C,) from left to right.

        Args:
            values: By channel.
            order: `(C,)`, the channels as they stand.
        """
        count = len(values)
        places = np.empty(count)
        places[order] = np.arange(count)
        self._dots.setData(places, values.astype(float), size=6 if count <= _MANY else 4)
        self.can_point_at(np.arange(count), places, values)
        start = self._kind.start
        self.set_range(
            (-1, count), (min(start, float(values.min())), max(start, float(values.max()))), margins=(0.0, 0.1)
        )

    def drawn(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return columns and values of the channels in their own order."""
        xs, ys = self._dots.getData()
        return xs, ys

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        super().set_tokens(tokens)
        kind, colour = self._kind, tokens.series[self._kind.color]
        self._dots.setBrush(pg.mkBrush(colour))
        self._start.setPen(pg.mkPen(tokens.muted, width=1, style=Qt.PenStyle.DashLine))
        self.set_title(f"{mark(colour, kind.sign, kind.text)} ({kind.name}) by channel, from {kind.start:g}")
