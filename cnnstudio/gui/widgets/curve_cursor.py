"""A vertical hair under the mouse, and the values of the curves there in words."""

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtWidgets import QLabel

from cnnstudio.gui.theme import Tokens


class CurveCursor(QObject):
    """Follows the mouse over a plot, or the arrow keys.

    Args:
        view: The plot; the readout becomes a child of it.
        describe: Gives the text for a position on the x axis, as rich text; empty where there is nothing to say.
    """

    def __init__(self, view: pg.PlotWidget, describe: Callable[[float], str]) -> None:
        super().__init__(view)
        self._view = view
        self._box = view.getPlotItem().getViewBox()
        self._describe = describe
        self._hair = pg.InfiniteLine(angle=90, movable=False)
        self._hair.setZValue(20)
        self._hair.hide()
        view.addItem(self._hair, ignoreBounds=True)
        self.readout = QLabel(view)
        self.readout.setObjectName("curve_readout")
        self.readout.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.readout.setTextFormat(Qt.TextFormat.RichText)
        self.readout.hide()
        view.scene().sigMouseMoved.connect(self._follow)
        view.viewport().installEventFilter(self)

    @property
    def position(self) -> float | None:
        """Where the hair stands on the x axis; None while it is hidden."""
        return float(self._hair.value()) if self._hair.isVisible() else None

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._hair.setPen(pg.mkPen(tokens.muted, width=1))
        self.readout.setStyleSheet(
            f"QLabel {{ background: {tokens.card}; color: {tokens.text}; border: 1px solid {tokens.border};"
            " border-radius: 4px; padding: 4px 8px; }"
        )

    def move_to(self, x: float) -> None:
        """Show the hair and the values at a position of the x axis."""
        text = self._describe(x)
        if not text:
            self.hide()
            return
        self._hair.setValue(x)
        self._hair.show()
        self.readout.setText(text)
        self.readout.adjustSize()
        (_, (bottom, top)) = self._box.viewRange()
        at = self._view.mapFromScene(self._box.mapViewToScene(QPointF(x, (bottom + top) / 2)))
        left = at.x() + 12
        if left + self.readout.width() > self._view.width():
            left = at.x() - 12 - self.readout.width()
        self.readout.move(max(0, left), max(0, at.y() - self.readout.height() // 2))
        self.readout.show()

    def hide(self) -> None:
        """Hide the hair and the values."""
        self._hair.hide()
        self.readout.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hide when the mouse leaves the plot."""
        if event.type() == QEvent.Type.Leave:
            self.hide()
        return super().eventFilter(watched, event)

    def _follow(self, scene_position: QPointF) -> None:
        if self._box.sceneBoundingRect().contains(scene_position):
            self.move_to(self._box.mapSceneToView(scene_position).x())
        else:
            self.hide()
