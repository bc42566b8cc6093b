"""The parts of a run behind its curves: first the head, then everything."""

import pyqtgraph as pg
from PySide6.QtGui import QColor

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.curve_axes import CurveAxes


class CurveBands:
    """Tinted grounds with titles; a run of a single part has none."""

    def __init__(self, axes: CurveAxes) -> None:
        self._axes = axes
        self._tokens = LIGHT
        self._begins: list[tuple[str, float]] = []
        self._end = 0.0
        self._items: list[tuple[pg.LinearRegionItem, pg.TextItem]] = []

    @property
    def drawn(self) -> tuple[tuple[str, float, float], ...]:
        """Title, begin and end of each band on the screen."""
        regions = [region.getRegion() for region, _ in self._items]
        return tuple((title, *region) for (title, _), region in zip(self._begins, regions, strict=False))

    def clear(self) -> None:
        """Take all bands away."""
        self._begins.clear()
        self._end = 0.0
        self._draw()

    def begin(self, title: str, at: float) -> None:
        """Let a part begin; it lasts until the next one."""
        if not self._begins or self._begins[-1][0] != title:
            self._begins.append((title, at))
            self._draw()

    def end_at(self, at: float) -> None:
        """Let the last part reach as far as the curves do."""
        self._end = at
        if self._items:
            self._items[-1][0].setRegion((self._begins[-1][1], max(at, self._begins[-1][1])))

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self._draw()

    def _draw(self) -> None:
        for pair in self._items:
            for item in pair:
                self._axes.remove_line(item)
        self._items = []
        if len(self._begins) < 2:
            return
        ends = [at for _, at in self._begins[1:]] + [max(self._end, self._begins[-1][1])]
        for number, ((title, begin), end) in enumerate(zip(self._begins, ends, strict=True)):
            tint = QColor(self._tokens.frozen if number % 2 == 0 else self._tokens.learning)
            tint.setAlphaF(0.08)
            region = pg.LinearRegionItem((begin, end), movable=False, brush=tint, pen=pg.mkPen(None))
            region.setZValue(-20)
            words = pg.TextItem(title, color=self._tokens.muted, anchor=(0, 0))
            words.setFont(self._axes.small_font)
            self._axes.add_line(region)
            self._axes.add_to_top(words, begin)
            self._items.append((region, words))
