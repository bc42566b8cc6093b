"""The moment of a run that is looked at, as a line through its curves, and the choice of another one by a click."""

import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.curve_axes import CurveAxes

_TURN = 0.75  # of the axis, behind which the words stand on the left of the line


class CurveMoment(QObject):
    """A line at an epoch; a click into the plot, without a drag, asks for another one.

    Attributes:
        epoch: Where the line stands; None while there is none.

    Signals:
        chosen: A position in epochs that was clicked.
    """

    chosen = Signal(float)

    def __init__(self, axes: CurveAxes) -> None:
        super().__init__(axes)
        self.epoch: int | None = None
        self._axes = axes
        self._box = axes.view.getPlotItem().getViewBox()
        self._line = pg.InfiniteLine(angle=90, label="", labelOpts={"position": 0.8})
        self._line.setZValue(10)
        self._line.hide()
        axes.add_line(self._line)
        self._clicked, self._waits_for_another = 0.0, False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._choose)
        axes.view.scene().sigMouseClicked.connect(self._click)

    def mark(self, epoch: int | None, *, total: int) -> None:
        """Draw the line at an epoch of `total`; None takes it away."""
        self.epoch = epoch
        self._line.setVisible(epoch is not None)
        if epoch is not None:
            self._line.setValue(epoch)
            side = (0, 0.5) if epoch < _TURN * total else (1, 0.5)
            self._line.label.anchors = [side, side]
            self._line.label.setFormat(f"epoch {epoch}")

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._line.setPen(pg.mkPen(tokens.accent, width=2))
        self._line.label.setColor(tokens.accent_text)
        self._line.label.setFont(self._axes.small_font)
        self._line.label.fill = self._axes.words_ground(tokens)

    def _click(self, event: MouseClickEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._box.sceneBoundingRect().contains(event.scenePos()):
            self._clicked = float(self._box.mapSceneToView(event.scenePos()).x())
            # A double click fits a view that was zoomed into, and this may be the half of one.
            self._waits_for_another = not self._axes.fitted
            self._timer.start(QApplication.doubleClickInterval() if self._waits_for_another else 0)

    @Slot()
    def _choose(self) -> None:
        if not (self._waits_for_another and self._axes.fitted):
            self.chosen.emit(self._clicked)
