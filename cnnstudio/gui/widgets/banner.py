"""A message in the page: what happened and what to do."""

from typing import Final, Literal

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from cnnstudio.gui.icons import icon, pixmap
from cnnstudio.gui.theme import Theme, Tokens

Level = Literal["info", "warn", "error"]

_WORDS: Final[dict[Level, str]] = {"info": "Note", "warn": "Attention", "error": "Error"}
_ICONS: Final[dict[Level, str]] = {"info": "info", "warn": "warning", "error": "error"}


class Banner(QFrame):
    """Hidden until there is something to say; the user can close it.

    Signals:
        action_requested: The user has pressed the action button.
        dismissed: The user has closed the message.
    """

    action_requested = Signal()
    dismissed = Signal()

    def __init__(self, object_name: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setProperty("role", "note")
        self._theme = theme
        self._level: Level = "info"
        self._glyph = QLabel()
        self._words = QLabel()
        self._words.setObjectName(f"{object_name}.text")
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._action = QPushButton()
        self._action.setObjectName(f"{object_name}.action")
        self._action.setProperty("role", "small")
        self._close = QPushButton()
        self._close.setObjectName(f"{object_name}.close")
        self._close.setProperty("role", "close")
        self._close.setAccessibleName("Close the message")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self._glyph)
        layout.addWidget(self._words, 1)
        layout.addWidget(self._action)
        layout.addWidget(self._close)
        self._action.clicked.connect(self.action_requested)
        self._close.clicked.connect(self._dismiss)
        theme.changed.connect(self._recolour)
        self.hide()

    def level(self) -> Level:
        """Return how serious the message is."""
        return self._level

    def text(self) -> str:
        """Return the message, empty while hidden."""
        return self._words.text()

    def say(self, level: Level, text: str, *, action: str = "") -> None:
        """Show a message.

        Args:
            level: How serious it is.
            text: What happened, to which file, and what to do.
            action: Words of the button that does it, empty for none.
        """
        self._level = level
        self.setProperty("level", level)
        self.style().polish(self)
        self._words.setText(text)
        self._action.setText(action)
        self._action.setAccessibleName(action)
        self._action.setVisible(bool(action))
        self.setAccessibleName(f"{_WORDS[level]}: {text}")
        self._recolour(self._theme.tokens)
        self.show()

    def clear(self) -> None:
        """Hide the message."""
        self._words.clear()
        self.hide()

    @Slot()
    def _dismiss(self) -> None:
        self.clear()
        self.dismissed.emit()

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        colours = {"info": tokens.accent_text, "warn": tokens.warn_text, "error": tokens.error_text}
        self._glyph.setPixmap(pixmap(_ICONS[self._level], colours[self._level], 18, self.devicePixelRatioF()))
        self._close.setIcon(icon("close", tokens.muted))
