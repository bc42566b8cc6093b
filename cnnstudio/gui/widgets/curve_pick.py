"""Asking for the menu of a point of the curves: a right click, or the Menu key where the hair stands."""

from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.widgets.curve_axes import CurveAxes
from cnnstudio.gui.widgets.curve_cursor import CurveCursor


class CurvePick(QObject):
    """Listens to the mouse on some axes, and to the keys of the plot that has them.

    Signals:
        asked: A position in epochs, and where on the screen a menu for it belongs.
    """

    asked = Signal(float, QPoint)

    def __init__(self, plot: QWidget, axes: CurveAxes, cursor: CurveCursor) -> None:
        super().__init__(plot)
        self._axes = axes
        self._cursor = cursor
        self._box = axes.view.getPlotItem().getViewBox()
        axes.view.scene().sigMouseClicked.connect(self._click)
        plot.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the Menu key, and Shift with F10."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and _is_for_menu(event):
            if self._axes.isVisible():
                self._ask_at_hair()
            return True
        return super().eventFilter(watched, event)

    def _click(self, event: MouseClickEvent) -> None:
        if event.button() == Qt.MouseButton.RightButton and self._box.sceneBoundingRect().contains(event.scenePos()):
            event.accept()
            epoch = float(self._box.mapSceneToView(event.scenePos()).x())
            self.asked.emit(epoch, event.screenPos().toPoint())

    def _ask_at_hair(self) -> None:
        """Ask for the position of the hair, or for the latest one in view while there is none."""
        at = self._cursor.position
        epoch = self._axes.epoch_range[1] if at is None else at
        (_, (bottom, top)) = self._box.viewRange()
        place = self._axes.view.mapFromScene(self._box.mapViewToScene(QPointF(epoch, (bottom + top) / 2)))
        self.asked.emit(epoch, self._axes.view.mapToGlobal(place))


def _is_for_menu(event: QKeyEvent) -> bool:
    shifted = event.modifiers() == Qt.KeyboardModifier.ShiftModifier
    return event.key() == Qt.Key.Key_Menu or (event.key() == Qt.Key.Key_F10 and shifted)
