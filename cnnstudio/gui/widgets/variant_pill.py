"""A small pill on the card of a family: one of its architectures."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QFont, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.architecture_words import facts, origin, variant
from cnnstudio.models.registry import ArchCard

ARROWS = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End})
_PADDING = 5


class VariantPill(QAbstractButton):
    """An architecture that shares its card with others; its colour is filled in where it is chosen.

    What is chosen, and where the arrow keys lead, is for the gallery to say.

    Attributes:
        card: The architecture.
    """

    def __init__(self, object_name: str, card: ArchCard, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.card = card
        self._theme = theme
        self.setObjectName(object_name)
        self.setText(variant(card))
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{card.title}, {card.year}")
        self.setAccessibleDescription(f"{card.idea} {facts(card)} · {origin(card)}")
        self.setToolTip(f"{card.title}\n{facts(card)}\n{origin(card)}")

    @property
    def name(self) -> str:
        """The value of `model.arch`."""
        return self.card.name

    def nextCheckState(self) -> None:
        """Leave the choice to the gallery."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hand the arrow keys on to the gallery."""
        if event.key() in ARROWS:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        """Return room for the text."""
        metrics = self.fontMetrics()
        height = metrics.height() + 4
        return QSize(max(height, metrics.horizontalAdvance(self.text()) + 2 * _PADDING), height)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the pill."""
        tokens = self._theme.tokens
        chosen, hovered = self.isChecked(), self.underMouse()
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.accent if chosen or hovered else tokens.edge), 1))
        painter.setBrush(QColor(tokens.accent if chosen else tokens.card))
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.text), 2))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), box.height() / 2, box.height() / 2)
        painter.setPen(QColor(tokens.on_accent if chosen else tokens.accent_text if hovered else tokens.text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show that the pill can be chosen."""
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Take the sign away."""
        super().leaveEvent(event)
        self.update()


def smaller(font: QFont) -> QFont:
    """Return the font of captions."""
    result = QFont(font)
    result.setPointSizeF(font.pointSizeF() * 0.92)
    return result
