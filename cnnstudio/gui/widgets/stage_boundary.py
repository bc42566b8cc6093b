"""The line between the stages that are frozen and those that learn, as mouse and keys move it."""

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt, QTimerEvent, Signal
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QApplication, QListWidget, QToolTip

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.stage_delegate import GAP
from cnnstudio.gui.widgets.stage_line import bubble, draw_bubble, draw_grip, draw_line
from cnnstudio.gui.words import counted

HOW = "Drag the line up or down, or press Alt+Up or Alt+Down: stages above it are frozen, stages below it learn."
_REACH = 6  # px from the line in which the mouse takes it
_EDGE = 20  # px at either end of the view where dragging scrolls
_SCROLL, _SCROLL_MS = 7, 24


class StageBoundary(QObject):
    """A line in the gaps of a list, which always leaves the last row below it.

    Signals:
        shifted: How many rows lie above it now, while it is being dragged.
        moved: How many rows lie above it after the user has moved it.
    """

    shifted = Signal(int)
    moved = Signal(int)

    def __init__(self, view: QListWidget) -> None:
        super().__init__(view)
        self._view = view
        self._above = 0
        self._enabled, self._why = False, ""
        self._hovered = False
        self._taken_at: int | None = None  # rows above it when the drag began
        self._pointer = 0
        self._timer = 0
        view.viewport().installEventFilter(self)

    @property
    def above(self) -> int:
        """How many rows lie above it."""
        return self._above

    @property
    def dragged(self) -> bool:
        """Whether the mouse holds it."""
        return self._taken_at is not None

    @property
    def movable(self) -> bool:
        """Whether the user can move it."""
        return self._enabled and self._view.count() > 1

    @property
    def words(self) -> str:
        """How to move it, or why that cannot be done."""
        return HOW if self._enabled else self._why

    def set_above(self, above: int) -> None:
        """Put it below this many rows; a drag goes on from there."""
        if self.dragged:
            self._taken_at = above
        else:
            self._above = above
        self._view.viewport().update()

    def set_enabled(self, enabled: bool, why: str = "") -> None:
        """Let the user move it, or say why not."""
        self._enabled, self._why = enabled, why
        if not enabled:
            self.cancel()
            self._hover(False)
        self._view.viewport().update()

    def step(self, rows: int) -> None:
        """Move it by as many rows as there are in that direction."""
        above = max(0, min(self._view.count() - 1, self._above + rows))
        if not self.movable:
            self._explain(self._view.viewport().mapToGlobal(self.at(self._above)))
        elif above != self._above:
            self._shift(above)
            self._view.scrollToItem(self._view.item(max(0, above - (rows < 0))))
            self.moved.emit(above)

    def cancel(self) -> None:
        """Bring it back to where the drag began."""
        if self._taken_at is not None:
            above, self._taken_at = self._taken_at, None
            self._stop_scrolling()
            self._shift(above)

    def at(self, above: int) -> QPoint:
        """Return its middle, were it below this many rows, in the coordinates of the viewport."""
        width, count = self._view.viewport().width(), self._view.count()
        if not count:
            y = 0
        elif above < count:
            y = self._view.visualItemRect(self._view.item(above)).top() + GAP // 2
        else:
            y = self._view.visualItemRect(self._view.item(count - 1)).bottom()
        return QPoint(width // 2, y)

    def paint(self, painter: QPainter, tokens: Tokens) -> None:
        """Draw the line, with a grip where it can be moved; out of sight or dragged it says in words what it means."""
        movable, held, strong = self.movable, self._hovered or self.dragged, self._above > 0
        if not self._view.count() or not (movable or strong):
            return
        middle, away = QPointF(self.at(self._above)), self._away()
        if not away:
            draw_line(painter, tokens, middle, strong=strong or held, held=held)
        if away or self.dragged:
            draw_bubble(painter, tokens, self._bubble(), self._meaning())
        elif movable:
            draw_grip(painter, tokens, middle, strong=strong or held, held=held)

    def _away(self) -> str:
        """Return an arrow to the line if it is out of sight and parts anything that the user can change."""
        y = self.at(self._above).y()
        if not self._above or not self.movable or 0 <= y < self._view.viewport().height():
            return ""
        return "↑" if y < 0 else "↓"

    def _meaning(self) -> str:
        count = self._view.count()
        return f"{self._away()} {count - self._above} of {counted(count, 'stage')} learn".lstrip()

    def _bubble(self) -> QRectF:
        middle = QPointF(self.at(self._above))
        return bubble(self._view.fontMetrics(), middle, self._view.viewport().height(), self._meaning())

    def eventFilter(self, _viewport: QObject, event: QEvent) -> bool:
        """Take the mouse near the line."""
        kind = event.type()
        if kind == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            return self._near(event.pos()) and self._explain(event.globalPos())
        if kind == QEvent.Type.Leave:
            self._hover(False)
        if isinstance(event, QMouseEvent) and self.movable:
            return self._mouse(kind, event)
        return False

    def _mouse(self, kind: QEvent.Type, event: QMouseEvent) -> bool:
        where = event.position().toPoint()
        left = event.button() == Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseMove:
            if not self.dragged:
                self._hover(self._near(where))
                return False
            if not self._away() or abs(where.y() - self._pointer) >= QApplication.startDragDistance():
                self._drag_to(where.y())
        elif kind == QEvent.Type.MouseButtonRelease and left and self._taken_at is not None:
            before, self._taken_at = self._taken_at, None
            self._stop_scrolling()
            self._hover(self._near(where))
            self._view.viewport().update()
            if self._above != before:
                self.moved.emit(self._above)
            elif self._away():
                self._view.scrollToItem(self._view.item(self._above))
        elif kind == QEvent.Type.MouseButtonPress and left and self._near(where):
            self._taken_at, self._pointer = self._above, where.y()
            self._hover(True)
            self._view.viewport().update()
        else:
            return kind == QEvent.Type.MouseButtonDblClick and self._near(where)
        return True

    def timerEvent(self, _event: QTimerEvent) -> None:
        """Scroll on while the mouse is held at an end of the view."""
        bar, height = self._view.verticalScrollBar(), self._view.viewport().height()
        bar.setValue(bar.value() + (_SCROLL if self._pointer > height - _EDGE else -_SCROLL))
        self._drag_to(self._pointer)

    def _drag_to(self, y: int) -> None:
        self._pointer = y
        self._shift(min(range(self._view.count()), key=lambda above: abs(self.at(above).y() - y)))
        bar, height = self._view.verticalScrollBar(), self._view.viewport().height()
        further = (y < _EDGE and bar.value() > bar.minimum()) or (y > height - _EDGE and bar.value() < bar.maximum())
        if not further:
            self._stop_scrolling()
        elif not self._timer:
            self._timer = self.startTimer(_SCROLL_MS)

    def _stop_scrolling(self) -> None:
        if self._timer:
            self.killTimer(self._timer)
            self._timer = 0

    def _shift(self, above: int) -> None:
        if above != self._above:
            self._above = above
            self.shifted.emit(above)
            self._view.viewport().update()

    def _near(self, where: QPoint) -> bool:
        if self._away():
            return self._bubble().contains(QPointF(where))
        return self._view.count() > 1 and abs(self.at(self._above).y() - where.y()) <= _REACH

    def _hover(self, hovered: bool) -> None:
        if hovered == self._hovered:
            return
        self._hovered = hovered
        if hovered:
            self._view.viewport().setCursor(Qt.CursorShape.SplitVCursor)
        else:
            self._view.viewport().unsetCursor()
        self._view.viewport().update()

    def _explain(self, where: QPoint) -> bool:
        QToolTip.showText(where, self.words, self._view)
        return bool(self.words)
