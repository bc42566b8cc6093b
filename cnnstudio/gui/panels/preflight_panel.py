"""What is wrong or risky about the run that would start now, each with a button that mends it."""

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from cnnstudio.core.findings import Finding, FindingLevel, Remedy
from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.card import Card

_WORDS: Final[dict[FindingLevel, str]] = {"stop": "Prevents the run", "warn": "Attention", "info": "Note"}
_ICONS: Final[dict[FindingLevel, str]] = {"stop": "error", "warn": "warning", "info": "info"}
_AT_ONCE: Final = 3
_GLYPH: Final = 16
_ROW: Final = 24


class PreflightPanel(Card):
    """A card with a row for each finding, the worst first; hidden while there is none, and while a run is under way.

    Of many findings it shows three until the user asks for the rest.
    """

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("preflight", "Before Start", parent=parent)
        self._session = session
        self._theme = theme
        self._findings: tuple[Finding, ...] = ()
        self._running = False
        self._rows: list[_Row] = []
        self._more = QPushButton()
        self._more.setObjectName("preflight.more")
        self._more.setProperty("role", "link")
        self._more.setCheckable(True)
        layout = self.layout()
        assert layout is not None
        layout.setContentsMargins(16, 10, 16, 10)  # a low card: it lies between others
        self.body.setSpacing(2)
        self.add_to_header(self._more)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._more.toggled.connect(self._refresh)
        theme.changed.connect(self._recolour)
        session.changed.connect(self._show)
        self._refresh()
        self._show(session.state)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        now = (state.findings, state.run.active)
        if now != (self._findings, self._running):  # a run changes the state many times a second
            self._findings, self._running = now
            self._refresh()

    @Slot()
    def _refresh(self) -> None:
        count = len(self._findings)
        shown = count if self._more.isChecked() else min(count, _AT_ONCE)
        while len(self._rows) < count:
            self._rows.append(self._made_row(len(self._rows)))
        for number, row in enumerate(self._rows):
            if number < count:
                row.set_finding(self._findings[number], self._theme.tokens)
            row.setVisible(number < shown)
        self._more.setVisible(count > _AT_ONCE)
        self._more.setText("Show fewer" if self._more.isChecked() else f"and {count - _AT_ONCE} more")
        self._more.setAccessibleName(f"{self._more.text()} findings")
        self.setVisible(count > 0 and not self._running)

    def _made_row(self, number: int) -> "_Row":
        row = _Row(f"preflight.{number}", self)
        row.remedy_chosen.connect(self._mend)
        self.body.addWidget(row)
        return row

    @Slot(object)
    def _mend(self, remedy: Remedy) -> None:
        self._session.use_config(remedy.applied(self._session.state.config))

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        for row in self._rows:
            row.recolour(tokens)


class _Row(QWidget):
    """A finding: its level, its sentence, its buttons.

    Signals:
        remedy_chosen: The remedy whose button was pressed (`Remedy`).
    """

    remedy_chosen = Signal(object)

    def __init__(self, object_name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self._finding = Finding("info", "")
        self._glyph = QLabel()
        self._glyph.setObjectName(f"{object_name}.level")
        self._words = QLabel()
        self._words.setObjectName(f"{object_name}.text")
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._buttons: list[QPushButton] = []
        self.setMinimumHeight(_ROW)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._layout.addWidget(self._glyph)
        self._layout.addWidget(self._words, 1)

    def set_finding(self, finding: Finding, tokens: Tokens) -> None:
        """Show another finding."""
        self._finding = finding
        self._words.setText(finding.text)
        self._words.setAccessibleName(f"{_WORDS[finding.level]}: {finding.text}")
        while len(self._buttons) < len(finding.remedies):
            self._buttons.append(self._made_button(len(self._buttons)))
        for number, button in enumerate(self._buttons):
            label = finding.remedies[number].label if number < len(finding.remedies) else ""
            button.setText(label)
            button.setAccessibleName(label)
            button.setAccessibleDescription(finding.text)
            button.setVisible(bool(label))
        self.recolour(tokens)

    def recolour(self, tokens: Tokens) -> None:
        """Draw the icon of the level in the colour of the level."""
        level = self._finding.level
        colour = {"stop": tokens.error, "warn": tokens.warn, "info": tokens.accent}[level]
        self._glyph.setPixmap(pixmap(_ICONS[level], colour, _GLYPH, self.devicePixelRatioF()))

    def _made_button(self, number: int) -> QPushButton:
        button = QPushButton(parent=self)
        button.setObjectName(f"{self.objectName()}.remedy{number}")
        button.setProperty("role", "link")
        button.clicked.connect(lambda: self.remedy_chosen.emit(self._finding.remedies[number]))
        self._layout.addWidget(button)
        return button
