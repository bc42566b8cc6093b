"""Where a run has changed its course: upright lines behind its curves, each with a few words."""

from dataclasses import dataclass
from typing import Final

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.curve_axes import CurveAxes

_FOOT: Final = 0.04  # of the height, where the words begin
_BEHIND: Final = -5
_OPAQUE: Final = 0.7  # the ground of the words, on which curves cross them


@dataclass(frozen=True, slots=True)
class CurveMark:
    """A change.

    Attributes:
        epoch: Where, in epochs.
        key: Of what.
        value: The value from there on.
        label: In two or three words.
    """

    epoch: float
    key: str
    value: float
    label: str


class CurveMarks:
    """Dotted lines with words along them; one that comes again, from a run that has gone on, takes its own place."""

    def __init__(self, axes: CurveAxes) -> None:
        self._axes = axes
        self._tokens = LIGHT
        self._lines: dict[tuple[float, str], tuple[CurveMark, pg.InfiniteLine]] = {}

    @property
    def drawn(self) -> tuple[CurveMark, ...]:
        """All marks, in the order in which they came."""
        return tuple(mark for mark, _ in self._lines.values())

    def add(self, mark: CurveMark) -> None:
        """Draw a mark."""
        place = mark.epoch, mark.key
        if place in self._lines:
            self._axes.remove_line(self._lines[place][1])
        options = {"rotateAxis": (1, 0), "position": _FOOT, "anchors": [(0, 1), (0, 1)]}
        line = pg.InfiniteLine(mark.epoch, angle=90, label=mark.label, labelOpts=options)
        line.setZValue(_BEHIND)
        self._lines[place] = mark, line
        self._axes.add_line(line)
        self._color(line)

    def clear(self) -> None:
        """Take all marks away."""
        for _, line in self._lines.values():
            self._axes.remove_line(line)
        self._lines.clear()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        for _, line in self._lines.values():
            self._color(line)

    def _color(self, line: pg.InfiniteLine) -> None:
        line.setPen(pg.mkPen(self._tokens.muted, width=1, style=Qt.PenStyle.DotLine))
        line.label.setColor(self._tokens.text)
        line.label.setFont(self._axes.small_font)
        ground = QColor(self._tokens.card)
        ground.setAlphaF(_OPAQUE)
        line.label.fill = pg.mkBrush(ground)
