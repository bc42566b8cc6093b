"""The left rail: the pages in the order of the work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QSizePolicy, QVBoxLayout, QWidget

from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.theme import Theme

Badge = Literal["none", "ready", "attention", "busy"]

_BADGE_WORDS: Final[dict[Badge, str]] = {"none": "", "ready": "ready", "attention": "needs attention", "busy": "busy"}


@dataclass(frozen=True, slots=True)
class RailItem:
    """A page in the rail.

    Attributes:
        key: Name of the page: `data`.
        text: The word under the icon.
        icon: Name of the icon.
    """

    key: str
    text: str
    icon: str


class Rail(QFrame):
    """The pages, one of which is shown.

    Signals:
        page_chosen: Key of the page that the user wants.
    """

    page_chosen = Signal(str)

    def __init__(self, theme: Theme, items: Sequence[RailItem], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setAccessibleName("Pages")
        self.setProperty("role", "rail")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self._group = QButtonGroup(self)
        self._buttons = {item.key: RailButton(item, theme, self) for item in items}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        for button in self._buttons.values():
            self._group.addButton(button)
            layout.addWidget(button)
        layout.addStretch(1)
        self._group.buttonClicked.connect(self._report)
        if items:
            self.set_page(items[0].key)

    def page(self) -> str:
        """Return the key of the page that is shown."""
        return next(key for key, button in self._buttons.items() if button.isChecked())

    def set_page(self, key: str) -> None:
        """Mark a page as shown, without a signal."""
        self._buttons[key].setChecked(True)

    def badge(self, key: str) -> Badge:
        """Return the state of a page."""
        return self._buttons[key].badge

    def set_badge(self, key: str, badge: Badge) -> None:
        """Mark a page as ready, in need of attention, or busy."""
        self._buttons[key].set_badge(badge)

    @Slot(QAbstractButton)
    def _report(self, button: QAbstractButton) -> None:
        assert isinstance(button, RailButton)
        self.page_chosen.emit(button.key)


class RailButton(QAbstractButton):
    """An icon over a word, with a badge that differs in shape as well as in colour.

    Attributes:
        key: Name of the page.
        badge: State of the page.
    """

    def __init__(self, item: RailItem, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = item.key
        self.badge: Badge = "none"
        self._icon = item.icon
        self._theme = theme
        self.setObjectName(f"rail.{item.key}")
        self.setText(item.text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleName(item.text)

    def set_badge(self, badge: Badge) -> None:
        """Change the state, also for those who hear it."""
        if badge == self.badge:
            return
        self.badge = badge
        words = _BADGE_WORDS[badge]
        self.setAccessibleName(f"{self.text()}, {words}" if words else self.text())
        self.setToolTip(words.capitalize())
        self.update()

    def sizeHint(self) -> QSize:
        """Return 72 x 64 at the usual font size, more at larger ones."""
        metrics = QFontMetrics(self._bold())
        return QSize(max(72, metrics.horizontalAdvance(self.text()) + 24), 46 + metrics.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground, icon, word, badge and focus ring."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = self.isChecked()
        if selected or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.tint if selected else tokens.hover))
            painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        glyph = pixmap(self._icon, tokens.accent_text if selected else tokens.muted, 26, self.devicePixelRatioF())
        top = (self.height() - 26 - 4 - self.fontMetrics().height()) // 2
        painter.drawPixmap((self.width() - 26) // 2, top, glyph)
        if selected:
            painter.setFont(self._bold())
        painter.setPen(QColor(tokens.accent_text if selected else tokens.text))
        words = QRect(0, top + 30, self.width(), self.fontMetrics().height())
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, self.text())
        self._paint_badge(painter, QPointF(self.width() / 2 + 18, top + 1))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)

    def _paint_badge(self, painter: QPainter, centre: QPointF) -> None:
        tokens = self._theme.tokens
        painter.setPen(Qt.PenStyle.NoPen)
        if self.badge == "ready":
            painter.setBrush(QColor(tokens.good))
            painter.drawEllipse(centre, 4.5, 4.5)
        elif self.badge == "attention":
            painter.setBrush(QColor(tokens.warn))
            steps = (QPointF(0, -5.5), QPointF(5.5, 0), QPointF(0, 5.5), QPointF(-5.5, 0))
            painter.drawPolygon(QPolygonF([centre + step for step in steps]))
        elif self.badge == "busy":
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 2.5))
            painter.drawEllipse(centre, 3.75, 3.75)

    def _bold(self) -> QFont:
        font = self.font()
        font.setWeight(QFont.Weight.DemiBold)
        return font
