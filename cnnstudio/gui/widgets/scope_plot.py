"""A small plot among others: a title that is its legend, quiet axes, and channels that can be pointed at."""

import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QFont, QFontInfo, QFontMetrics, QMouseEvent
from PySide6.QtWidgets import QGraphicsGridLayout, QLabel, QVBoxLayout, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens

_REACH = 24  # pixels from a point within which it is meant
_RING = 11
_SIDES = ("bottom", "left")
_WIDEST = "−0.00000"  # number beside the left axis
_TICKS = 4  # distances between numbers, at most
_APART = (1, 2, 5, 10)
_FLAT = 0.1  # of a single value that is seen around it, or around 0
_DECIMALS = 5  # that there is room for
_FEWEST = 2  # numbers at an axis: a single one tells no scale
_EDGE = 0.05  # of a range, in which a number would be cut off
_ROOM = 1.8  # times as much as is needed may be seen


class ScopePlot(QWidget):
    """A plot without zoom; where each point is a channel, the nearest one is pointed at with the mouse.

    Attributes:
        box: What is drawn in.
        axes: The axes by their sides, `left` and `bottom`.

    Signals:
        pointed: The channel under the mouse, or -1.
        chosen: The channel that was clicked.
    """

    pointed = Signal(int)
    chosen = Signal(int)

    def __init__(self, object_name: str, label: str) -> None:
        """Make a plot.

        Args:
            object_name: Its name.
            label: What it shows, for screen readers.
        """
        super().__init__()
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.tokens = LIGHT
        self._title = QLabel()
        self._title.setObjectName(f"{object_name}.title")
        self._title.setProperty("role", "caption")
        self._title.setTextFormat(Qt.TextFormat.RichText)
        self._title.setMinimumWidth(1)
        self._view = pg.GraphicsView(self, useOpenGL=False)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._view.setMinimumSize(90, 70)
        self._view.viewport().installEventFilter(self)
        self.box = pg.ViewBox(enableMenu=False, enableMouse=False)
        self.box.disableAutoRange()
        self.axes = {side: pg.AxisItem(side) for side in _SIDES}
        self._arrange()
        self._ring = pg.ScatterPlotItem(size=_RING, brush=None)
        self._ring.setZValue(10)
        self._ring.hide()
        self.box.addItem(self._ring, ignoreBounds=True)
        self._ranges = [(1.0, 0.0), (1.0, 0.0)]  # which hold nothing
        self._points: NDArray[np.float64] = np.empty((0, 2))
        self._channels: NDArray[np.intp] = np.empty(0, np.intp)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._title)
        column.addWidget(self._view, 1)

    def title(self) -> str:
        """Return the title as it stands, with its marks."""
        return self._title.text()

    def set_title(self, title: str) -> None:
        """Change the title: rich text, in which a mark of the legend may have its colour."""
        if title != self._title.text():
            self._title.setText(title)

    def set_range(
        self, xs: tuple[float, float], ys: tuple[float, float], *, margins: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Show a range of both axes; one that holds it without being much larger stays, so that nothing jitters.

        Args:
            xs: The least and the most to be seen from left to right.
            ys: The same from below to above.
            margins: What to leave free beyond them on each axis, as a share of their distance.
        """
        for axis, (least_seen, most_seen) in enumerate((xs, ys)):
            flat = _FLAT * (abs(least_seen) or 1.0) / 2 if least_seen == most_seen else 0.0
            low, high = least_seen - flat, most_seen + flat
            span = high - low
            least, most = self._ranges[axis]
            if not (least <= low and high <= most and most - least <= _ROOM * span):
                least, most = self._ranges[axis] = low - margins[axis] * span, high + margins[axis] * span
                self.box.setRange(**{"xy"[axis] + "Range": (least, most)}, padding=0)
                self.axes[_SIDES[axis]].setTicks([self.ticks(least, most)])
        self.box.updateMatrix()  # else pyqtgraph does it while it paints, and paints a second time

    def ticks(self, low: float, high: float) -> list[tuple[float, str]]:
        """Return some round numbers between two others, in words; two at least."""
        power, edge = 10.0 ** math.floor(math.log10((high - low) / _TICKS)), _EDGE * (high - low)
        wide = next(at for at, factor in enumerate(_APART) if (high - low) / (power * factor) <= _TICKS)
        for apart in (power * _APART[wide], power * _APART[wide - 1] if wide else power / 2):
            numbers = range(math.ceil((low + edge) / apart), math.floor((high - edge) / apart) + 1)
            if len(numbers) >= _FEWEST:
                break
        return [(number * apart, _words(number * apart, apart)) for number in numbers]

    def can_point_at(self, channels: NDArray[np.intp], xs: NDArray[np.floating], ys: NDArray[np.floating]) -> None:
        """Say where channels (n,) are drawn; one of them may have several places."""
        self._channels, self._points = channels, np.column_stack((xs, ys)).astype(float)

    def ring(self, channel: int) -> None:
        """Put rings around a channel, or none for -1."""
        at = self._points[self._channels == channel]
        if len(at) or self._ring.isVisible():
            self._ring.setData(at[:, 0], at[:, 1])
            self._ring.setVisible(bool(len(at)))  # painting nothing takes time too

    def ringed(self) -> list[tuple[float, float]]:
        """Return where the rings are."""
        xs, ys = self._ring.getData()
        return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]

    def place(self, channel: int) -> QPointF:
        """Return where a channel is seen first, in pixels of the plot."""
        x, y = self._points[np.flatnonzero(self._channels == channel)[0]]
        return QPointF(self._view.mapFromScene(self.box.mapViewToScene(QPointF(x, y))))

    def canvas(self) -> QWidget:
        """Return what takes the mouse."""
        viewport: QWidget = self._view.viewport()
        return viewport

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self.tokens = tokens
        self._view.setBackground(tokens.card)
        self._ring.setPen(pg.mkPen(tokens.text, width=2))
        small = QFont(self.font())
        small.setPointSizeF(0.85 * QFontInfo(small).pointSizeF())
        self.axes["left"].setWidth(QFontMetrics(small).horizontalAdvance(_WIDEST) + 8)  # else it jumps about
        for axis in self.axes.values():
            axis.setStyle(
                tickFont=small,
                tickLength=-3,
                tickTextOffset=4,
                hideOverlappingLabels=False,
                textFillLimits=[(0, 2.0)],  # our own ticks are few; pyqtgraph would rather show none at all
            )
            axis.setTextPen(tokens.muted)
            axis.setPen(pg.mkPen(tokens.border))
            axis.enableAutoSIPrefix(False)
            axis.setCacheMode(axis.CacheMode.DeviceCoordinateCache)  # most of the time of a refresh, otherwise

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the mouse."""
        if isinstance(event, QMouseEvent) and len(self._channels):
            channel = self._nearest(event.position())
            if event.type() == QEvent.Type.MouseMove:
                self.pointed.emit(channel)
            elif event.type() == QEvent.Type.MouseButtonPress and channel >= 0:
                self.chosen.emit(channel)
        elif event.type() == QEvent.Type.Leave:
            self.pointed.emit(-1)
        return super().eventFilter(watched, event)

    def _arrange(self) -> None:
        """Put box and axes together: a `PlotItem` would make menus and buttons too, which take most of its time."""
        centre = pg.GraphicsWidget()
        self._view.setCentralItem(centre)
        grid = QGraphicsGridLayout()
        grid.setContentsMargins(0, 2, 4, 0)
        grid.setSpacing(0)
        grid.setColumnStretchFactor(1, 1)
        grid.setRowStretchFactor(0, 1)
        centre.setLayout(grid)
        grid.addItem(self.box, 0, 1)
        for side, place in zip(_SIDES, ((1, 1), (0, 0)), strict=True):
            grid.addItem(self.axes[side], *place)
            self.axes[side].linkToView(self.box)

    def _nearest(self, position: QPointF) -> int:
        box = self.box
        at = box.mapSceneToView(self._view.mapToScene(position.toPoint()))
        width, height = box.viewPixelSize()
        with np.errstate(invalid="ignore"):
            away = np.hypot((self._points[:, 0] - at.x()) / width, (self._points[:, 1] - at.y()) / height)
        if not np.isfinite(away).any():
            return -1
        best = int(np.nanargmin(away))
        return int(self._channels[best]) if away[best] <= _REACH else -1


def _words(value: float, apart: float) -> str:
    """Return one of the numbers of an axis, with as many digits as the distance between them needs."""
    power = -math.floor(math.log10(apart) + 1e-9)  # of ten, by which they become whole numbers
    if power <= _DECIMALS or not round(value / apart):
        words = f"{value:.{min(_DECIMALS, max(0, power))}f}"
    else:
        words = f"{value:.{power + math.floor(math.log10(abs(value)) + 1e-9)}e}".replace("e-0", "e-")
    return words.replace("-", "−")


def mark(colour: str, sign: str, words: str) -> str:
    """Return an entry of a legend as rich text."""
    return f'<span style="color:{colour}">{sign}</span> {words}'
