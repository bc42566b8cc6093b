"""Curves over the epochs of a run, drawn while their points arrive."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QLabel, QStackedLayout, QVBoxLayout, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.curve_axes import CurveAxes
from cnnstudio.gui.widgets.curve_bands import CurveBands
from cnnstudio.gui.widgets.curve_cursor import CurveCursor
from cnnstudio.gui.widgets.curve_data import Points, Smoother, loss_top
from cnnstudio.gui.widgets.curve_legend import CurveLegend
from cnnstudio.gui.widgets.curve_marks import CurveMark, CurveMarks
from cnnstudio.gui.widgets.curve_moment import CurveMoment
from cnnstudio.gui.widgets.curve_pick import CurvePick
from cnnstudio.gui.widgets.curve_series import Series

_SMOOTHING = 0.012
_MOST_MARKERS = 30
_GHOST_OPACITY = 0.4
_TINT = 0.18  # opacity of the part that is marked


class CurvePlot(QWidget):
    """Curves against one axis on the left and, where they are shares of one, another on the right.

    What is added is drawn by the next `refresh`, so that a tick of the window costs one `setData` a curve.

    Attributes:
        legend: The legend above the plot; put it into another layout to have it elsewhere.
        axes: The axes.
        moment: The epoch that is looked at.
        pick: Tells where a menu is asked for.
    """

    def __init__(self, series: Sequence[Series], hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._tokens = LIGHT
        self._total = 10
        self._series: dict[str, Series] = {}
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._points: dict[str, Points] = {}
        self._smoothers: dict[str, Smoother] = {}
        self._ghosts: dict[str, pg.PlotDataItem] = {}
        self.axes = CurveAxes(self, right=any(each.right for each in series))
        self.axes.resized.connect(self._reduce_again)
        self.legend = CurveLegend(self)
        self.legend.curve_toggled.connect(self._show_curve)
        self._bands = CurveBands(self.axes)
        self._marks = CurveMarks(self.axes)
        self._best_line = pg.InfiniteLine(angle=90, label="", labelOpts={"position": 0.55})
        self._best_line.setZValue(4)  # its words are above the curves
        self._best_line.label.textItem.document().setDocumentMargin(2)
        self.axes.add_line(self._best_line)
        self._part = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
        self._part.setZValue(-10)
        self.axes.add_line(self._part)
        self._cursor = CurveCursor(self.axes.view, self._describe)
        self.moment = CurveMoment(self.axes)
        self.pick = CurvePick(self, self.axes, self._cursor)
        self._hint = QLabel(hint, self)
        self._lay_out()
        for each in series:
            self._add(each)
        self._own = tuple(self._series)
        self.clear()
        self.set_tokens(LIGHT)

    def clear(self) -> None:
        """Forget all curves, and those that were offered for one run only."""
        for name in [each for each in self._series if each not in self._own]:
            self._remove(name)
        self._points = {name: Points() for name in self._lines}
        self.setAccessibleDescription(self._hint.text())
        self._best_epoch: int | None = None
        self._best_line.hide()
        self.mark_part(None)
        self._bands.clear()
        self._marks.clear()
        self._cursor.hide()
        self.set_epochs(self._total)
        self.refresh()

    def offer(self, series: Series) -> None:
        """Have one more curve until the next `clear`; one that is there stays as it is."""
        if series.name not in self._series:
            self._add(series)
            self.set_tokens(self._tokens)

    def set_epochs(self, total: int) -> None:
        """Let the x axis run from 0 to `total` epochs."""
        self._total = max(1, total)
        self._smoothers = {name: Smoother(_SMOOTHING * self._total) for name in self._series}
        self.axes.set_epochs(self._total)

    def lengthen(self, total: int) -> None:
        """Let the x axis end elsewhere while the curves go on."""
        self._total = max(1, total)
        self.axes.set_epochs(self._total)

    def extend(self, name: str, epochs: Sequence[float], values: Sequence[float]) -> None:
        """Append points to a curve, each `(n,)`; positions are counted in epochs and ascend."""
        series = self._series[name]
        if series.smoothed:
            if series.faint:
                self._points[series.raw].extend(epochs, values)
            values = self._smoothers[name].smooth(epochs, values)
        self._points[name].extend(epochs, values)

    def mark_best(self, epoch: int) -> None:
        """Mark the epoch whose weights are kept."""
        self._best_epoch = epoch

    def mark_moment(self, epoch: int | None) -> None:
        """Draw a line at the epoch that is looked at; None takes it away."""
        self.moment.mark(epoch, total=self._total)

    def mark_phase(self, title: str, begin: float) -> None:
        """Let a part of the run, such as the training of the head, begin at a position in epochs."""
        self._bands.begin(title, begin)

    def mark_change(self, mark: CurveMark) -> None:
        """Mark where the run has changed its course."""
        self._marks.add(mark)

    def mark_part(self, part: tuple[float, float] | None) -> None:
        """Tint a part of the ground, from and to a position in epochs; None takes it away."""
        self._part.setVisible(part is not None)
        if part is not None:
            self._part.setRegion(part)

    @property
    def part(self) -> tuple[float, float] | None:
        """The part of the ground that is tinted, in epochs."""
        return self._part.getRegion() if self._part.isVisible() else None

    def show_ghost(self, name: str, epochs: Sequence[float], values: Sequence[float]) -> None:
        """Draw a curve of an earlier run behind the one of that name; no points take it away."""
        self._hide_ghost(name)
        if len(epochs):
            series = self._series[name]
            pen = series.pen(self._tokens)
            pen.setWidth(1)
            line = pg.PlotDataItem(np.asarray(epochs), np.asarray(values), pen=pen, antialias=True)
            line.setOpacity(_GHOST_OPACITY)
            line.setLogMode(None, self.axes.log and not series.right)
            line.setVisible(self._lines[name].isVisible())
            self.axes.add_line(line, right=series.right)
            self._ghosts[name] = line

    def refresh(self) -> None:
        """Draw what was added."""
        for name, line in self._lines.items():
            points = self._points[name]
            shown = line.getOriginalDataset()[0]
            if len(points) != (0 if shown is None else len(shown)):
                line.setData(points.x, points.y)
                series = self._series.get(name)
                if series is not None and series.marker:
                    line.setSymbol(series.marker if len(points) <= _MOST_MARKERS else None)
        if self._best_epoch is not None:
            self._best_line.show()
            self._best_line.setValue(self._best_epoch)
            side = (0, 0.5) if self._best_epoch < 0.75 * self._total else (1, 0.5)
            self._best_line.label.anchors = [side, side]
            self._best_line.label.setFormat(f"best · epoch {self._best_epoch}")
        self._bands.end_at(max((points.x[-1] for points in self._points.values() if len(points)), default=0.0))
        left = [self._points[name].y for name in self._measured()]
        self.axes.set_top(loss_top(*left), lowest=min((float(y.min()) for y in left if len(y)), default=1.0))
        empty = not any(len(points) for points in self._points.values())
        self._pages.setCurrentIndex(0 if empty else 1)
        self.legend.setVisible(not empty)

    def drawn(self, curve: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is on the screen of a curve; `…_steps` are the points behind a smoothed one.

        Returns:
            Positions in epochs and values, each `(n,)`; empty while the curve is hidden.
        """
        x, y = self._lines[curve].getOriginalDataset()
        if x is None or not self._lines[curve].isVisible():
            return np.empty(0), np.empty(0)
        return x, y

    def points(self) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return all points of each curve, as they came where it is smoothed and these are drawn too."""
        names = {each.name: each.raw if each.raw in self._points else each.name for each in self._series.values()}
        return {name: (self._points[key].x, self._points[key].y) for name, key in names.items()}

    def ghost(self, curve: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the same of an earlier run."""
        if curve not in self._ghosts:
            return np.empty(0), np.empty(0)
        x, y = self._ghosts[curve].getOriginalDataset()
        return x, y

    @property
    def series(self) -> tuple[Series, ...]:
        """The curves that there can be."""
        return tuple(self._series.values())

    @property
    def phases(self) -> tuple[tuple[str, float, float], ...]:
        """Title, begin and end of each part of the run, in epochs."""
        return self._bands.drawn

    @property
    def marks(self) -> tuple[CurveMark, ...]:
        """Where the run has changed its course."""
        return self._marks.drawn

    @property
    def best_epoch(self) -> int | None:
        """The epoch that the dashed line marks."""
        return round(self._best_line.value()) if self._best_line.isVisible() else None

    def set_log(self, on: bool) -> None:
        """Let the left axis count powers of ten."""
        for name, line in self._lines.items():
            line.setLogMode(None, on and not self._series_of(name).right)
        for name, line in self._ghosts.items():
            line.setLogMode(None, on and not self._series[name].right)
        self.axes.set_log(on)
        self.refresh()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        for series in self._series.values():
            pen = series.pen(tokens)
            line = self._lines[series.name]
            line.setPen(pen)
            line.setSymbolSize(5)
            line.setSymbolBrush(pen.color())
            line.setSymbolPen(None)
            if series.raw in self._lines:
                self._lines[series.raw].setPen(series.faint_pen(tokens))
            if series.name in self._ghosts:
                ghost = series.pen(tokens)
                ghost.setWidth(1)
                self._ghosts[series.name].setPen(ghost)
            self.legend.entries[series.name].set_look(pen, marker=bool(series.marker), tokens=tokens)
        self.axes.set_tokens(tokens)
        self._bands.set_tokens(tokens)
        self._marks.set_tokens(tokens)
        tint = QColor(tokens.warn)
        tint.setAlphaF(_TINT)
        self._part.setBrush(tint)
        self._best_line.setPen(pg.mkPen(tokens.muted, width=1, style=Qt.PenStyle.DashLine))
        self._best_line.label.setColor(tokens.muted)
        self._best_line.label.setFont(self.axes.small_font)
        self._best_line.label.fill = self.axes.words_ground(tokens)
        self._cursor.set_tokens(tokens)
        self.moment.set_tokens(tokens)
        self._hint.setStyleSheet(f"color: {tokens.muted}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right move the readout, plus and minus zoom, Home fits, Escape hides the readout."""
        at = self._cursor.position
        if event.key() in {Qt.Key.Key_Left, Qt.Key.Key_Right}:
            step = self._total / 50 * (1 if event.key() == Qt.Key.Key_Right else -1)
            self._cursor.move_to(min(self._total, max(0.0, 0.0 if at is None else at + step)))
        elif event.key() in {Qt.Key.Key_Plus, Qt.Key.Key_Minus}:
            self.axes.zoom(0.8 if event.key() == Qt.Key.Key_Plus else 1.25, at)
        elif event.key() == Qt.Key.Key_Home:
            self.axes.fit()
        elif event.key() == Qt.Key.Key_Escape and at is not None:
            self._cursor.hide()
        else:
            super().keyPressEvent(event)

    def _lay_out(self) -> None:
        self._hint.setObjectName("curve_hint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(self.axes)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.legend)
        column.addWidget(pages, 1)

    def _add(self, series: Series) -> None:
        self._series[series.name] = series
        self._smoothers[series.name] = Smoother(_SMOOTHING * self._total)
        names = [series.raw] if series.smoothed and series.faint else []
        for name in (*names, series.name):
            line = pg.PlotDataItem(antialias=True, connect="all", skipFiniteCheck=True, autoDownsampleFactor=1.0)
            line.setLogMode(None, self.axes.log and not series.right)
            method = "peak" if name == series.raw else series.reduce
            if method:
                line.setDownsampling(auto=True, method=method)
            self.axes.add_line(line, right=series.right)
            self._lines[name] = line
            self._points[name] = Points()
        self.legend.add(series.name, series.text)

    def _remove(self, name: str) -> None:
        series = self._series.pop(name)
        self._hide_ghost(name)
        for each in (series.raw, name):
            line = self._lines.pop(each, None)
            if line is not None:
                self.axes.remove_line(line)
        self.legend.remove(name)

    def _hide_ghost(self, name: str) -> None:
        line = self._ghosts.pop(name, None)
        if line is not None:
            self.axes.remove_line(line)

    def _series_of(self, line: str) -> Series:
        return next(each for each in self._series.values() if line in {each.name, each.raw})

    def _measured(self) -> tuple[str, ...]:
        """Return the lines of the left axis whose points it has to hold, the raw ones where both are drawn."""
        left = (each for each in self._series.values() if not each.right)
        return tuple(each.raw if each.raw in self._lines else each.name for each in left)

    def _reduce_again(self) -> None:
        """Set the long curves again: pyqtgraph reduced them to the pixels that there were."""
        for line in self._lines.values():
            x, y = line.getOriginalDataset()
            if x is not None:
                line.setData(x, y)

    def _show_curve(self, name: str, shown: bool) -> None:
        for each in (name, self._series[name].raw):
            if each in self._lines:
                self._lines[each].setVisible(shown)
        if name in self._ghosts:
            self._ghosts[name].setVisible(shown)

    def _describe(self, x: float) -> str:
        """Return the values at a position as rich text."""
        rows = []
        for name, series in self._series.items():
            points = self._points[name]
            index = points.nearest(x)
            if index is not None and self._lines[name].isVisible():
                where = f" {series.where} {points.x[index]:.0f}" if series.where else ""
                number = series.write(points.y[index])
                rows.append(f"<tr><td>{series.text}{where}</td><td align='right'>&nbsp;&nbsp;{number}</td></tr>")
        return f"<b>epoch {x:.1f}</b><table>{''.join(rows)}</table>" if rows else ""
