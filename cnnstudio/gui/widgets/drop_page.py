"""A page on which a drop counts wherever it falls."""

from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.widgets.drop_area import DropArea


class DropPage(QWidget):
    """Hands drags over any part of it to one drop area, which lights up, takes what is dropped or says why not."""

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self._area: DropArea | None = None

    def take_drops_for(self, area: DropArea | None) -> None:
        """Choose the drop area; with None, nothing can be dropped."""
        self._area = area
        self.setAcceptDrops(area is not None)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Light up the drop area."""
        assert self._area is not None
        self._area.dragEnterEvent(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Let the drop area go dark."""
        if self._area is not None:
            self._area.dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Let the drop area take it."""
        assert self._area is not None
        self._area.dropEvent(event)
