"""A place in a layout in which things change many times a second."""

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget


class Island(QWidget):
    """Filled by one widget, which it keeps from having the whole window laid out anew with each of its texts.

    Qt passes every change of a label up to the window, through all layouts; here it ends unless the widget needs more
    room than it ever has.
    """

    def __init__(self, inner: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        inner.setParent(self)
        self._inner = inner
        self._needed = self._need()

    def sizeHint(self) -> QSize:
        """Return what the widget would like."""
        return self._inner.sizeHint().expandedTo(self._needed)

    def minimumSizeHint(self) -> QSize:
        """Return the most that the widget has needed."""
        return self._needed

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fill all of it."""
        super().resizeEvent(event)
        self._inner.setGeometry(self.rect())

    def event(self, event: QEvent) -> bool:
        """Look what the widget needs when it says that it has changed."""
        if event.type() == QEvent.Type.LayoutRequest:
            needed = self._needed.expandedTo(self._need())
            if needed != self._needed:
                self._needed = needed
                self.updateGeometry()
        return super().event(event)

    def _need(self) -> QSize:
        return self._inner.minimumSizeHint().expandedTo(self._inner.minimumSize())
