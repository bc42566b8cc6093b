"""Sentences that change many times while nothing around them moves."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class SteadyWords(QWidget):
    """Wrapped words that keep the height which the longest of them have needed at this width.

    Attributes:
        label: What the words stand in.
    """

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.label = QLabel(self)
        self.label.setObjectName(object_name)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self.label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._longest = ""

    def text(self) -> str:
        """Return the words."""
        return self.label.text()

    def set_text(self, text: str) -> None:
        """Show other words."""
        self.label.setText(text)
        if self._height(text) > self.height():
            self._longest = text
            self._make_room()

    def sizeHint(self) -> QSize:
        """Return the room that the longest words need."""
        return QSize(self.label.sizeHint().width(), self._height(self._longest))

    def minimumSizeHint(self) -> QSize:
        """Return the height; words can be wrapped to any width."""
        return QSize(1, self._height(self._longest))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap the words anew."""
        super().resizeEvent(event)
        self.label.setGeometry(self.rect())
        if event.size().width() != event.oldSize().width():
            self._make_room()

    def changeEvent(self, event: QEvent) -> None:
        """Measure anew in another font."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._make_room()

    def _make_room(self) -> None:
        self.setFixedHeight(self._height(self._longest))

    def _height(self, text: str) -> int:
        flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft
        lines = self.label.fontMetrics().boundingRect(0, 0, max(1, self.width()), 10_000, flags, text)
        return max(self.label.fontMetrics().height(), lines.height())
