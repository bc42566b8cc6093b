"""An architecture to choose: what it is called, what was new in it, and how large it is."""

from PySide6.QtCore import QEvent, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.words import in_short
from cnnstudio.models.registry import ArchCard


class ArchitectureCard(QAbstractButton):
    """A card that is chosen as a radio button is.

    Attributes:
        name: The value of `model.arch`.
    """

    def __init__(self, object_name: str, card: ArchCard, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = card.name
        self._tokens = theme.tokens
        self.setObjectName(object_name)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        facts = f"{in_short(card.parameters)} parameters · {card.image_size} px"
        weights = f"{card.pretrained.partition(',')[0]} weights" if card.pretrained else "no weights"
        self.setAccessibleName(f"{card.title}, {card.year}")
        self.setAccessibleDescription(f"{card.idea} {facts} · {weights}")
        self.setToolTip(f"{card.paper}\nWeights: {card.pretrained or 'none'}")
        idea = QLabel(card.idea)
        idea.setTextFormat(Qt.TextFormat.PlainText)
        idea.setWordWrap(True)
        idea.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        header = QHBoxLayout()
        header.setSpacing(8)
        header.addWidget(ElidedLabel(card.title, "title"), 1)
        header.addWidget(ElidedLabel(str(card.year), "muted"))
        footer = QHBoxLayout()
        footer.setSpacing(8)
        footer.addWidget(ElidedLabel(facts, "caption"), 1)
        footer.addWidget(ElidedLabel(weights, "caption"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(6)
        layout.addLayout(header)
        layout.addWidget(idea, 1)
        layout.addLayout(footer)
        for words in self.findChildren(QLabel):
            words.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self._recolour)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the surface; a chosen card is tinted and outlined, the focus ring is inside."""
        tokens = self._tokens
        ground = tokens.tint if self.isChecked() else tokens.hover if self.underMouse() else tokens.card
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(ground))
        painter.setPen(QPen(QColor(tokens.accent if self.isChecked() else tokens.border), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 7, 7)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show that the card can be chosen."""
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Take the sign away."""
        super().leaveEvent(event)
        self.update()

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.update()
