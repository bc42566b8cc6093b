"""The axes of the curves: epochs below, losses on the left, accuracies on the right, one grid for both."""

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFont, QFontInfo
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cnnstudio.gui.theme import Tokens

_LINES = 5  # of the grid; losses are named at the same heights as 0, 25, 50, 75 and 100 %


class CurveAxes(QWidget):
    """A plot with two y axes.

    Wheel and mouse zoom and move the losses' view and the epochs; a double click fits everything again.

    Attributes:
        view: The plot.
        fitted: Whether the view still is what `fit` made it.

    Signals:
        resized: The views have another size in pixels.
    """

    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = pg.PlotWidget(self)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.viewport().installEventFilter(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        self.fitted = True
        self._total = 1
        self._loss_top = 1.0

        item = self.view.getPlotItem()
        item.setMenuEnabled(False)
        item.ctrlMenu.setParent(self, item.ctrlMenu.windowFlags())  # It is made all the same; now it goes with us.
        item.hideButtons()
        item.layout.setContentsMargins(0, 8, 4, 0)
        item.showAxis("right")
        self._loss_box = item.getViewBox()
        self._loss_box.sigRangeChangedManually.connect(self._keep_view)
        self._loss_box.sigYRangeChanged.connect(self._name_losses)
        self._loss_box.sigResized.connect(self._follow_size)

        self._accuracy_box = pg.ViewBox(enableMenu=False, enableMouse=False)
        self.view.scene().addItem(self._accuracy_box)
        self._accuracy_box.setZValue(self._loss_box.zValue() - 1)  # The mouse is for the losses' view.
        self._accuracy_box.setXLink(self._loss_box)
        self._accuracy_box.setYRange(0, 1, padding=0)
        right = item.getAxis("right")
        right.linkToView(self._accuracy_box)
        right.setTicks([[(share, f"{share:.0%}".replace("%", " %")) for share in np.linspace(0, 1, _LINES)]])
        self._grid = pg.PlotDataItem(connect="pairs")
        self._accuracy_box.addItem(self._grid, ignoreBounds=True)

    def add_line(self, line: pg.GraphicsObject, *, accuracy: bool = False) -> None:
        """Draw something against the axis of the losses, or of the accuracies."""
        (self._accuracy_box if accuracy else self._loss_box).addItem(line, ignoreBounds=True)

    def set_epochs(self, total: int) -> None:
        """Let the x axis run from 0 to `total`."""
        self._total = total
        power = 10 ** max(0, math.floor(math.log10(total / 12)))
        step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if total / step <= 12)
        self.view.getPlotItem().getAxis("bottom").setTickSpacing(step, step)
        self._grid.setData(np.tile([0.0, total], _LINES), np.repeat(np.linspace(0, 1, _LINES), 2))
        self._loss_box.setLimits(xMin=0, xMax=total, minXRange=total / 200, yMin=0)
        self.fit()

    def set_loss_top(self, top: float) -> None:
        """Let the axis of the losses end at `top`, unless the user has chosen another view."""
        self._loss_top = top
        if self.fitted:
            self._loss_box.setYRange(0, top, padding=0)

    def fit(self) -> None:
        """Show all epochs and the whole range of the losses."""
        self.fitted = True
        self._loss_box.setXRange(0, self._total, padding=0)
        self.set_loss_top(self._loss_top)

    def zoom(self, factor: float, centre: float | None) -> None:
        """Show `factor` times as many epochs, around a position or the middle of the view."""
        self._loss_box.scaleBy(x=factor, center=None if centre is None else pg.Point(centre, 0))
        self._keep_view()

    @property
    def epoch_range(self) -> tuple[float, float]:
        """The epochs in view."""
        left, right = self._loss_box.viewRange()[0]
        return float(left), float(right)

    @property
    def loss_range(self) -> tuple[float, float]:
        """The losses in view."""
        bottom, top = self._loss_box.viewRange()[1]
        return float(bottom), float(top)

    @property
    def small_font(self) -> QFont:
        """The font of the axes: a little smaller than the application's."""
        font = QFont(self.font())
        font.setPointSizeF(0.9 * QFontInfo(font).pointSizeF())
        return font

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
        self._accuracy_box.setGeometry(self._loss_box.sceneBoundingRect())
        self.resized.emit()

    def _name_losses(self) -> None:
        values = np.linspace(*self.loss_range, _LINES)
        decimals = max(len(f"{value:.3g}".partition(".")[2]) for value in values)
        self.view.getPlotItem().getAxis("left").setTicks([[(value, f"{value:.{decimals}f}") for value in values]])
