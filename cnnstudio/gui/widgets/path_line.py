"""A path that can be selected and copied."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QWidget

_STYLE = """
QLineEdit { background: transparent; border: none; padding: 2px 0; color: palette(placeholder-text); }
QLineEdit:focus { border: 1px solid palette(highlight); padding: 1px; }
"""


class PathLine(QLineEdit):
    """One quiet line that leaves out the middle of a long path until it has the focus, and then holds all of it."""

    def __init__(self, object_name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.setReadOnly(True)
        self.setTextMargins(-2, 0, 0, 0)  # to where labels begin; a line edit has two pixels of its own
        self.setStyleSheet(_STYLE)
        self._path = ""

    def path(self) -> str:
        """Return the whole path."""
        return self._path

    def set_path(self, path: str) -> None:
        """Show another path."""
        self._path = path
        self.setToolTip(path)
        self.setAccessibleDescription(path)
        self._show()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the whole path, selected."""
        super().focusInEvent(event)
        self.setText(self._path)
        self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show what fits again."""
        super().focusOutEvent(event)
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Look again what fits."""
        super().resizeEvent(event)
        self._show()

    def _show(self) -> None:
        if not self.hasFocus():
            room = self.contentsRect().width() - 8
            self.setText(self.fontMetrics().elidedText(self._path, Qt.TextElideMode.ElideMiddle, room))
            self.setCursorPosition(0)
