"""A canvas to zoom and pan with mouse and keys."""

from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QFrame, QGraphicsScene, QGraphicsView, QToolTip

_LARGEST, _SMALLEST = 4.0, 0.08
_FIT_LARGEST = 1.25
_STEP: Final = 1.25  # of a key, or a notch of the wheel
_SPACE = 4  # pixels around what is brought into sight
_STAYS = 64  # pixels of the picture that cannot be moved out of sight
_KEYS = {
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Home: "first",
    Qt.Key.Key_End: "last",
    Qt.Key.Key_Return: "open",
    Qt.Key.Key_Enter: "open",
}


def _missing(start: float, end: float, least: float, most: float) -> float:
    """Return how far to move so that a stretch lies within bounds; its start wins where it is too long."""
    return start - least if start < least or end - start > most - least else max(0.0, end - most)


class GraphView(QGraphicsView):
    """Shows a scene at any magnification. The wheel zooms at the pointer, dragging moves the scene.

    Attributes:
        fitted: Whether all of the scene is in sight because nobody has zoomed or moved it.
        hint: What is said while there is nothing to see.

    Signals:
        clicked: A point of the scene was clicked.
        double_clicked: The same, twice in a row.
        pointed: The mouse moved to a point of the scene; None when it left.
        commanded: A key was pressed: `up`, `down`, `left`, `right`, `first`, `last` or `open`.
        scaled: The magnification has changed.
        resized: The canvas has another size.
    """

    clicked = Signal(QPointF)
    double_clicked = Signal(QPointF)
    pointed = Signal(object)
    commanded = Signal(str)
    scaled = Signal(float)
    resized = Signal()

    def __init__(self, scene: QGraphicsScene) -> None:
        super().__init__(scene)
        self.setObjectName("network_canvas")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.fitted = True
        self.hint = ""
        self._content = QRectF(0, 0, 1, 1)
        self._pressed: QPoint | None = None
        self._dragged: QPoint | None = None

    @property
    def magnification(self) -> float:
        """Pixels to a unit of the scene."""
        return self.transform().m11()

    @property
    def centre(self) -> QPointF:
        """The point of the scene in the middle of the canvas."""
        return self.mapToScene(self.viewport().rect()).boundingRect().center()

    @property
    def shows_all(self) -> bool:
        """Whether all of the content is in sight."""
        shown = self.viewportTransform().mapRect(self._content)
        return QRectF(self.viewport().rect()).adjusted(-1, -1, 1, 1).contains(shown)

    def set_content(self, content: QRectF) -> None:
        """Say what part of the scene there is to see."""
        self._content = content
        self._limit()

    def fit(self) -> None:
        """Show all, as large as it goes."""
        room = self.viewport().size()
        scale = min(room.width() / self._content.width(), room.height() / self._content.height())
        self._set_scale(min(_FIT_LARGEST, max(_SMALLEST, scale)))
        self.centerOn(self._content.center())
        self.fitted = True

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Magnify, with a point of the canvas kept in place: the middle, unless told otherwise."""
        place = QPointF(self.viewport().rect().center()) if at is None else at
        kept = self._scene_at(place)
        self._set_scale(min(_LARGEST, max(_SMALLEST, self.magnification * factor)))
        self.pan((kept - self._scene_at(place)) * self.magnification)

    def pan(self, by: QPointF) -> None:
        """Move the canvas over the scene by some pixels."""
        whole = by.toPoint()
        if not whole.isNull():
            across, along = self.horizontalScrollBar(), self.verticalScrollBar()
            across.setValue(across.value() + whole.x())
            along.setValue(along.value() + whole.y())
            self.fitted = False

    def reveal(self, area: QRectF) -> None:
        """Move the canvas until an area of the scene is in sight, if it has the room; it does not move needlessly."""
        room = QRectF(self.viewport().rect()).adjusted(_SPACE, _SPACE, -_SPACE, -_SPACE)
        shown = self.viewportTransform().mapRect(area)
        across = _missing(shown.left(), shown.right(), room.left(), room.right())
        along = _missing(shown.top(), shown.bottom(), room.top(), room.bottom())
        self.pan(QPointF(across, along))

    def tip_at(self, _point: QPointF) -> str:
        """Return the tooltip at a point of the scene."""
        return ""

    def _scene_at(self, place: QPointF) -> QPointF:
        inverted, _ = self.viewportTransform().inverted()
        return inverted.map(place)

    def _set_scale(self, scale: float) -> None:
        if abs(scale - self.magnification) > 1e-9:
            self.resetTransform()
            self.scale(scale, scale)
            self.fitted = False
            self.scaled.emit(scale)
        self._limit()

    def _limit(self) -> None:
        """Let the scene be moved until little of it is left in sight."""
        across = max(0, self.viewport().width() - _STAYS) / self.magnification
        along = max(0, self.viewport().height() - _STAYS) / self.magnification
        self.setSceneRect(self._content.adjusted(-across, -along, across, along))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the scene, or words where there is none."""
        super().paintEvent(event)
        if self.hint:
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().placeholderText().color())
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.hint)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep all in sight if it was, or if nothing has been in sight so far."""
        before = event.oldSize()
        fitted = self.fitted or not before.isValid()
        centre = self._scene_at(QPointF(before.width() / 2, before.height() / 2))
        super().resizeEvent(event)
        self._limit()
        if fitted:
            self.fit()
        else:
            self.centerOn(centre)
        self.resized.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer."""
        notches = event.angleDelta().y() / 120
        if notches:
            self.zoom(_STEP**notches, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a click or a drag."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()
            self._dragged = None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the scene, or point at something."""
        place = event.position().toPoint()
        if self._pressed is None:
            self.pointed.emit(self._scene_at(event.position()))
            return
        if self._dragged is None:
            if (place - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return
            self._dragged = self._pressed
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        self.pan(QPointF(self._dragged - place))
        self._dragged = place

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a click or a drag."""
        if event.button() == Qt.MouseButton.LeftButton and self._pressed is not None:
            if self._dragged is None:
                self.clicked.emit(self._scene_at(event.position()))
            self._pressed = self._dragged = None
            self.pointed.emit(self._scene_at(event.position()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Announce a double click."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.double_clicked.emit(self._scene_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self.pointed.emit(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom with plus, minus and 0, and announce the keys that move the selection."""
        key = Qt.Key(event.key())
        if key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal}:
            self.zoom(_STEP)
        elif key in {Qt.Key.Key_Minus, Qt.Key.Key_Underscore}:
            self.zoom(1 / _STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key in _KEYS and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            self.commanded.emit(_KEYS[key])
        else:
            event.ignore()

    def viewportEvent(self, event: QEvent) -> bool:
        """Show the tooltip of what is under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tip_at(self._scene_at(QPointF(event.pos()))), self.viewport())
            return True
        return super().viewportEvent(event)
