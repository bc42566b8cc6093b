"""What lies on one tile, as large as there is room."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.theme import LIGHT, Tokens


class EnlargedTile(QWidget):
    """Lies over a whole wall of tiles, on the ground of a card; what is seen is up to the one that has `_paint`.

    Signals:
        closed: It was clicked.
    """

    closed = Signal()

    def __init__(self, object_name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setToolTip(tip)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # or the wall below would be painted too
        self._tokens = LIGHT
        self.hide()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint it on the ground of a card."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._tokens.card))
        self._paint(painter)

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        """Close."""
        self.closed.emit()

    def _paint(self, painter: QPainter) -> None:
        """Paint it."""
        raise NotImplementedError
