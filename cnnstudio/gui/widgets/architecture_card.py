"""A family of architectures to choose from: what it is called, how large it is, and its variants."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.architecture_words import facts, origin, sizes
from cnnstudio.gui.widgets.variant_pill import ARROWS, VariantPill, smaller
from cnnstudio.gui.words import counted
from cnnstudio.models.registry import ArchCard

_ACROSS, _DOWN, _BETWEEN, _SPACE, _ICON = 10, 9, 5, 8, 16
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class ArchitectureCard(QAbstractButton):
    """A card that is chosen as a radio button is: an architecture, or a family with a pill for each variant.

    A click on a family takes the variant that was chosen last, at first the first one. What is chosen, and where the
    arrow keys lead, is for the gallery to say.

    Attributes:
        pills: The variants; none if the card stands for one architecture.
    """

    def __init__(self, object_name: str, cards: Sequence[ArchCard], theme: Theme, parent: QWidget) -> None:
        """Make a card.

        Args:
            object_name: Of the gallery: `model.arch`.
            cards: The architectures of a family, at least one.
            theme: Where the colours come from.
            parent: The gallery.
        """
        super().__init__(parent)
        self._theme = theme
        self._cards = tuple(cards)
        self._current = cards[0]
        self._alone = len(cards) == 1
        slug = "_".join(cards[0].family.lower().split())
        self.setObjectName(f"{object_name}.{cards[0].name}" if self._alone else f"{object_name}.family.{slug}")
        self.setText(cards[0].title if self._alone else cards[0].family)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        kind = str(cards[0].year) if self._alone else counted(len(cards), "variant")
        self.setAccessibleName(f"{self.text()}, {kind}")
        self.pills = () if self._alone else tuple(self._pill(object_name, card) for card in cards)
        self._lay_out()
        self._take(self._current)

    def _pill(self, object_name: str, card: ArchCard) -> VariantPill:
        pill = VariantPill(f"{object_name}.{card.name}", card, self._theme, self)
        pill.setFont(smaller(self.font()))
        return pill

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(_ACROSS - 1, 0, _ACROSS + _ICON, _DOWN - 1)
        row.setSpacing(3)
        for pill in self.pills:
            row.addWidget(pill, 0, Qt.AlignmentFlag.AlignBottom)
        row.addStretch(1)

    @property
    def name(self) -> str:
        """The architecture that a click chooses, as a value of `model.arch`."""
        return self._current.name

    @property
    def names(self) -> tuple[str, ...]:
        """All architectures of the card."""
        return tuple(card.name for card in self._cards)

    def show_choice(self, name: str, *, reachable: bool) -> None:
        """Show which architecture is chosen, if it is one of these.

        Args:
            name: The chosen architecture.
            reachable: Whether Tab comes here.
        """
        for card in self._cards:
            if card.name == name:
                self._take(card)
        self.setChecked(name in self.names)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if reachable else Qt.FocusPolicy.NoFocus)
        for pill in self.pills:
            pill.setChecked(pill.name == name)
            pill.setFocusPolicy(Qt.FocusPolicy.TabFocus if pill.isChecked() else Qt.FocusPolicy.NoFocus)
        self.update()

    def _take(self, card: ArchCard) -> None:
        self._current = card
        words = f"{facts(card)} · {origin(card)}"
        self.setAccessibleDescription(f"{card.idea} {words}" if self._alone else f"{card.title}: {card.idea} {words}")
        self.setToolTip(f"{card.title}\n{facts(card)}\n{origin(card)}")

    def nextCheckState(self) -> None:
        """Leave the choice to the gallery."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hand the arrow keys on to the gallery."""
        if event.key() in ARROWS:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        """Return room for the title and for all variants."""
        caption = QFontMetrics(smaller(self.font()))
        low = caption.height() + 4
        pills = sum(pill.sizeHint().width() + 3 for pill in self.pills)
        width = max(QFontMetrics(self._title()).horizontalAdvance(self.text()), pills + _ICON)
        return QSize(width + 2 * _ACROSS, 2 * _DOWN + QFontMetrics(self._title()).height() + _BETWEEN + low)

    def minimumSizeHint(self) -> QSize:
        """Return room for the variants."""
        return QSize(
            2 * _ACROSS + _ICON + sum(pill.sizeHint().width() + 3 for pill in self.pills), self.sizeHint().height()
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the surface; a chosen card is tinted and outlined, the focus ring is inside."""
        tokens = self._theme.tokens
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
        self._paint_words(painter)

    def _paint_words(self, painter: QPainter) -> None:
        tokens = self._theme.tokens
        inner = QRectF(self.rect()).adjusted(_ACROSS, _DOWN, -_ACROSS, -_DOWN)
        font, caption = self._title(int(inner.width())), QFontMetrics(smaller(self.font()))
        title = QFontMetrics(font)
        above = QRectF(inner.left(), inner.top(), inner.width(), QFontMetrics(self._title()).height())
        below = QRectF(inner.left(), 0, inner.width(), caption.height() + 4)
        below.moveBottom(inner.bottom())
        painter.setFont(font)
        painter.setPen(QColor(tokens.text))
        shown = title.elidedText(self.text(), Qt.TextElideMode.ElideRight, int(above.width()))
        painter.drawText(above, _LEFT, shown)
        painter.setFont(smaller(self.font()))
        painter.setPen(QColor(tokens.muted))
        if self._current.pretrained:
            mark = pixmap("pretrained", tokens.muted, _ICON, painter.device().devicePixelRatioF())
            painter.drawPixmap(int(below.right() - _ICON), int(below.center().y() - _ICON / 2), mark)
        where = below.adjusted(0, 0, -_ICON - _SPACE, 0)
        if not self._alone:
            where = above.adjusted(title.horizontalAdvance(shown) + _SPACE, 0, 0, 0)
        fitting = (words for words in sizes(self._current) if caption.horizontalAdvance(words) <= where.width())
        painter.drawText(where, _LEFT if self._alone else _RIGHT, next(fitting, ""))

    def _title(self, room: int | None = None) -> QFont:
        """Return the font of the title, smaller where the room is scarce."""
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        if room is None or QFontMetrics(font).horizontalAdvance(self.text()) <= room:
            return font
        return smaller(font)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show that the card can be chosen."""
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Take the sign away."""
        super().leaveEvent(event)
        self.update()
