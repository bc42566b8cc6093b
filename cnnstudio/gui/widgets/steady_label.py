"""A line of figures that change many times a second."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QLabel, QWidget


class SteadyLabel(QLabel):
    """One line on the right of its place, in figures of equal width.

    Another text costs no new layout of the window, as it would elsewhere: the line keeps the size that its widest text
    has needed so far.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setFont(tabular(self.font()))

    def setText(self, text: str) -> None:
        """Show another text."""
        if text != self.text():
            super().setText(text)
            self._make_room()

    def changeEvent(self, event: QEvent) -> None:
        """Measure anew in another font."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self.setMinimumWidth(0)
            self._make_room()

    def _make_room(self) -> None:
        needed = self.sizeHint().expandedTo(QSize(self.minimumWidth(), 0))
        if needed != self.minimumSize() or needed != self.maximumSize():
            self.setFixedSize(needed)


def tabular(font: QFont) -> QFont:
    """Return the font with figures of equal width, so that changing numbers do not dance."""
    result = QFont(font)
    result.setFeature(QFont.Tag("tnum"), 1)
    return result
