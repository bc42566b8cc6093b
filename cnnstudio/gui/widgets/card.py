"""A card: a titled surface on the quiet ground of a page."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.island import Island

_HEADER = 28  # pixels, with or without buttons, so that the titles of cards side by side are level


class Card(QFrame):
    """A surface with a header row and a body.

    Attributes:
        body: The layout that takes the content.
    """

    def __init__(self, object_name: str, title: str, subtitle: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(title)
        self.setProperty("role", "card")
        self._title = QLabel(title)
        self._title.setProperty("role", "title")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._subtitle = ElidedLabel(subtitle, "muted")
        self._header = QHBoxLayout()
        self._header.setSpacing(8)
        self._header.addStrut(_HEADER)
        self._header.addWidget(self._title)
        self._header.addWidget(Island(self._subtitle), 1)
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(self._header)
        layout.addLayout(self.body, 1)

    def title(self) -> str:
        """Return the title."""
        return self._title.text()

    def set_title(self, title: str) -> None:
        """Change the title, which is also the accessible name."""
        self._title.setText(title)
        self.setAccessibleName(title)

    def subtitle(self) -> str:
        """Return the muted words beside the title."""
        return self._subtitle.text()

    def set_subtitle(self, subtitle: str) -> None:
        """Change the muted words beside the title."""
        self._subtitle.setText(subtitle)

    def add_to_header(self, widget: QWidget) -> None:
        """Put a widget at the right end of the header."""
        self._header.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
