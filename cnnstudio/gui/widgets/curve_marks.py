"""Where a run has changed its course: upright lines through its curves, each with a few words."""

from dataclasses import dataclass
from typing import Final

import pyqtgraph as pg
from PySide6.QtCore import QObject, Qt, Slot

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.curve_axes import CurveAxes

_FOOT: Final = 0.04  # of the height, where the words begin
_ABOVE: Final = 5
_MARGIN: Final = 1  # pixels around the words


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


class CurveMarks(QObject):
    """Dotted lines with words along them; one that comes again, from a run that has gone on, takes its own place.

    The words of marks that are close together stand side by side, in the order of the marks, and all in the plot.
    """

    def __init__(self, axes: CurveAxes) -> None:
        super().__init__(axes)
        self._axes = axes
        self._box = axes.view.getPlotItem().getViewBox()
        self._tokens = LIGHT
        self._lines: dict[tuple[float, str], tuple[CurveMark, pg.InfiniteLine]] = {}
        self._box.sigXRangeChanged.connect(self._arrange)
        self._box.sigResized.connect(self._arrange)

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
        line.label.textItem.document().setDocumentMargin(_MARGIN)
        line.setZValue(_ABOVE)
        self._lines[place] = mark, line
        self._axes.add_line(line)
        self._color(line)
        self._arrange()

    def places(self) -> list[tuple[str, float, float]]:
        """Return the words of each mark with where they begin and end, in pixels from the left edge of the plot."""
        found = []
        for mark, line in self._lines.values():
            area = self._box.mapRectFromItem(line.label.textItem, line.label.textItem.boundingRect())
            found.append((mark.label, area.left(), area.right()))
        return found

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
        self._arrange()  # the font may be another one

    @Slot()
    def _arrange(self) -> None:
        """Let the words stand left of their lines as far as there is room, and none over others."""
        lines = sorted((line for _, line in self._lines.values()), key=lambda line: float(line.value()))
        (left, right), width = self._box.viewRange()[0], self._box.width()
        shown = [line for line in lines if left <= line.value() <= right]
        if not shown or width <= 0:
            return
        thick = shown[0].label.textItem.boundingRect().height()
        at = [width * (line.value() - left) / (right - left) for line in shown]
        ends = [max(0.0, each - thick) + thick for each in at]
        for index in range(1, len(ends)):
            ends[index] = max(ends[index], ends[index - 1] + thick)
        if ends[-1] > width:  # the last ones end at the edge, and push those before them back
            ends[-1] = width
            for index in range(len(ends) - 2, -1, -1):
                ends[index] = min(ends[index], ends[index + 1] - thick)
        for line, line_at, end in zip(shown, at, ends, strict=True):
            anchor = (0, 1 + (line_at - end) / thick)
            line.label.anchors = [anchor, anchor]
            line.label.updatePosition()

    def _color(self, line: pg.InfiniteLine) -> None:
        line.setPen(pg.mkPen(self._tokens.muted, width=1, style=Qt.PenStyle.DotLine))
        line.label.setColor(self._tokens.text)
        line.label.setFont(self._axes.small_font)
        line.label.fill = self._axes.words_ground(self._tokens)
