"""What a curve is called and how it looks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtGui import QColor, QPen

from cnnstudio.gui.theme import Tokens


@dataclass(frozen=True, slots=True)
class Series:
    """A curve.

    Attributes:
        name: Its key.
        text: Its name in words.
        write: Gives a value in words.
        color: Which of the theme's series colours it has, counted from 0.
        width: Of the line in pixels.
        dash: Lengths of dashes and gaps in widths of the line; empty for a full line.
        marker: A pyqtgraph symbol at each point; empty for none.
        right: Whether it belongs to the axis on the right.
        smoothed: Whether many noisy points are drawn as their moving average.
        faint: Whether these points are drawn too, faintly.
        reduce: How pyqtgraph thins it out where there are more points than pixels; empty for short curves.
        where: Stands between the name and the epoch of the nearest point, where that is worth saying.
    """

    name: str
    text: str
    write: Callable[[float], str]
    color: int = 0
    width: int = 2
    dash: tuple[float, ...] = ()
    marker: str = ""
    right: bool = False
    smoothed: bool = False
    faint: bool = False
    reduce: Literal["", "peak", "subsample"] = "subsample"
    where: str = ""

    @property
    def raw(self) -> str:
        """The key of the points behind a smoothed curve."""
        return f"{self.name}_steps"

    def pen(self, tokens: Tokens) -> QPen:
        """Return the pen of its line; the colours repeat where there are more curves than colours."""
        pen = QPen(QColor(tokens.series[self.color % len(tokens.series)]))
        pen.setWidth(self.width)
        pen.setCosmetic(True)
        if self.dash:
            pen.setDashPattern(self.dash)
        return pen

    def faint_pen(self, tokens: Tokens) -> QPen:
        """Return the pen of the points behind it."""
        color = QColor(tokens.series[self.color % len(tokens.series)])
        color.setAlphaF(0.35)
        pen = QPen(color)
        pen.setWidth(1)
        pen.setCosmetic(True)
        return pen
