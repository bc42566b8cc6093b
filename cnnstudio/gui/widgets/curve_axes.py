"""The axes of the curves: epochs below, values on the left, shares of one on the right, one grid for both."""

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QFont, QFontInfo
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cnnstudio.gui.theme import Tokens

_DECADES = 1e6  # that a logarithmic axis shows at most
_OPAQUE = 0.8
_LINES = 5  # of the grid; values are named at the same heights as 0, 25, 50, 75 and 100 %


class CurveAxes(QWidget):
    """A plot with one y axis, or two.

    A frame drawn with the mouse, or the wheel, zooms values and epochs; a double click fits everything again.

    Attributes:
        view: The plot.
        fitted: Whether the view still is what `fit` made it.
        log: Whether the left axis counts powers of ten.

    Signals:
        resized: The views have another size in pixels.
    """

    resized = Signal()

    def __init__(self, parent: QWidget | None = None, *, right: bool = True) -> None:
        super().__init__(parent)
        self.view = pg.PlotWidget(self)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.viewport().installEventFilter(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        self.fitted = True
        self.log = False
        self._total = 1
        self._top, self._lowest = 1.0, 1.0

        item = self.view.getPlotItem()
        item.setMenuEnabled(False)
        item.ctrlMenu.setParent(self, item.ctrlMenu.windowFlags())  # It is made all the same; now it goes with us.
        item.hideButtons()
        item.layout.setContentsMargins(0, 8, 4, 0)
        if right:
            item.showAxis("right")
        self._left_box = item.getViewBox()
        self._left_box.setMouseMode(pg.ViewBox.RectMode)
        self._left_box.sigRangeChangedManually.connect(self._keep_view)
        self._left_box.sigYRangeChanged.connect(self._name_values)
        self._left_box.sigResized.connect(self._follow_size)

        self._right_box = pg.ViewBox(enableMenu=False, enableMouse=False)
        self.view.scene().addItem(self._right_box)
        self._right_box.setZValue(self._left_box.zValue() - 1)  # The mouse is for the left axis.
        self._right_box.setXLink(self._left_box)
        self._right_box.setYRange(0, 1, padding=0)
        axis = item.getAxis("right")
        axis.linkToView(self._right_box)
        axis.setTicks([[(share, f"{share:.0%}".replace("%", " %")) for share in np.linspace(0, 1, _LINES)]])
        self._grid = pg.PlotDataItem(connect="pairs")
        self._right_box.addItem(self._grid, ignoreBounds=True)

    def add_line(self, line: pg.GraphicsObject, *, right: bool = False) -> None:
        """Draw something against the left axis, or the right one."""
        (self._right_box if right else self._left_box).addItem(line, ignoreBounds=True)

    def add_to_top(self, words: pg.TextItem, epoch: float) -> None:
        """Write something at the upper edge, beginning at a position in epochs."""
        words.setPos(epoch, 1)
        self._right_box.addItem(words, ignoreBounds=True)

    def remove_line(self, line: pg.GraphicsObject) -> None:
        """Draw something no longer."""
        line.getViewBox().removeItem(line)

    def set_epochs(self, total: int) -> None:
        """Let the x axis run from 0 to `total`."""
        self._total = total
        power = 10 ** max(0, math.floor(math.log10(total / 12)))
        step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if total / step <= 12)
        self.view.getPlotItem().getAxis("bottom").setTickSpacing(step, step)
        self._grid.setData(np.tile([0.0, total], _LINES), np.repeat(np.linspace(0, 1, _LINES), 2))
        self._left_box.setLimits(xMin=0, xMax=total, minXRange=total / 200, yMin=None if self.log else 0)
        self.fit()

    def set_top(self, top: float, lowest: float = 1.0) -> None:
        """Let the left axis end at `top`, unless the user has chosen another view.

        Args:
            top: Its upper end.
            lowest: The smallest value, where it begins while it counts powers of ten.
        """
        self._top, self._lowest = top, lowest
        if self.fitted and self.log:
            self._left_box.setYRange(math.log10(max(min(lowest, top / 10), top / _DECADES)), math.log10(top), padding=0)
        elif self.fitted:
            self._left_box.setYRange(0, top, padding=0)

    def set_log(self, on: bool) -> None:
        """Let the left axis count powers of ten, or values."""
        self.log = on
        self.set_epochs(self._total)
        self._name_values()

    def fit(self) -> None:
        """Show all epochs and the whole range of the values."""
        self.fitted = True
        self._left_box.setXRange(0, self._total, padding=0)
        self.set_top(self._top, self._lowest)

    def zoom(self, factor: float, centre: float | None) -> None:
        """Show `factor` times as many epochs, around a position or the middle of the view."""
        self._left_box.scaleBy(x=factor, center=None if centre is None else pg.Point(centre, 0))
        self._keep_view()

    @property
    def epoch_range(self) -> tuple[float, float]:
        """The epochs in view."""
        left, right = self._left_box.viewRange()[0]
        return float(left), float(right)

    @property
    def value_range(self) -> tuple[float, float]:
        """The values of the left axis in view."""
        bottom, top = (10**each if self.log else each for each in self._left_box.viewRange()[1])
        return float(bottom), float(top)

    @property
    def small_font(self) -> QFont:
        """The font of the axes: a little smaller than the application's."""
        font = QFont(self.font())
        font.setPointSizeF(0.9 * QFontInfo(font).pointSizeF())
        return font

    def words_ground(self, tokens: Tokens) -> QBrush:
        """Return what words that curves cross lie on, through which the curves can still be seen."""
        ground = QColor(tokens.card)
        ground.setAlphaF(_OPAQUE)
        return QBrush(ground)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self.view.setBackground(tokens.card)
        self._grid.setPen(pg.mkPen(tokens.border, width=1))
        for side in ("left", "bottom", "right"):
            axis = self.view.getPlotItem().getAxis(side)
            axis.setStyle(
                tickFont=self.small_font, tickLength=0, tickAlpha=0, tickTextOffset=6, hideOverlappingLabels=False
            )
            axis.setTextPen(tokens.muted)
            axis.setPen(pg.mkPen(None))
        self.view.getPlotItem().setLabel("bottom", "epoch", color=tokens.muted)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Fit on a double click."""
        if event.type() == QEvent.Type.MouseButtonDblClick:
            self.fit()
            return True
        return super().eventFilter(watched, event)

    def _keep_view(self) -> None:
        self.fitted = False

    def _follow_size(self) -> None:
        self._right_box.setGeometry(self._left_box.sceneBoundingRect())
        self.resized.emit()

    def _name_values(self) -> None:
        bottom, top = self._left_box.viewRange()[1]
        heights = np.linspace(bottom, top, _LINES)
        values = 10**heights if self.log else heights
        if self.log:
            names = [f"{value:.2g}" for value in values]
        else:
            decimals = max(len(f"{value:.3g}".partition(".")[2]) for value in values)
            names = [f"{value:.{decimals}f}" for value in values]
        self.view.getPlotItem().getAxis("left").setTicks([list(zip(heights, names, strict=True))])
