"""Counting how often Qt lays a widget out anew."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget


class Layouts(QObject):
    """Counts the requests to lay out a widget.

    Attributes:
        count: How many there were.
    """

    def __init__(self, watched: QWidget) -> None:
        super().__init__(watched)
        self.count = 0
        watched.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False
