"""All architectures side by side, one of them chosen."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.architecture_card import ArchitectureCard
from cnnstudio.gui.widgets.architecture_details import ArchitectureDetails
from cnnstudio.gui.widgets.architecture_words import families
from cnnstudio.gui.widgets.variant_pill import ARROWS, VariantPill
from cnnstudio.models.registry import ArchCard

_NARROWEST = 150
_SPACING = 8


class ArchitectureGallery(QWidget):
    """A card for each family in rows as even as can be, and below them the chosen architecture in words.

    Tab reaches the chosen card and then its chosen variant; arrow keys go from card to card, and from variant to
    variant.

    Signals:
        chosen: Name of the architecture that the user has chosen.
    """

    chosen = Signal(str)

    def __init__(
        self, object_name: str, label: str, cards: Sequence[ArchCard], theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._by_name = {card.name: card for card in cards}
        self._value = ""
        self._cards = [ArchitectureCard(object_name, members, theme, self) for members in families(cards).values()]
        for card in self._cards:
            card.clicked.connect(self._choose_clicked)
            for pill in card.pills:
                pill.clicked.connect(self._choose_clicked)
        self._details = ArchitectureDetails(f"{object_name}.details", cards, theme, self)
        theme.changed.connect(self._recolour)
        self._show("")

    def value(self) -> str:
        """Return the name that is chosen, empty if there is none."""
        return self._value

    def set_value(self, name: str) -> None:
        """Choose without a signal; a name that is not offered leaves nothing chosen."""
        if name != self._value:
            self._show(name if name in self._by_name else "")

    def hasHeightForWidth(self) -> bool:
        """Return True: narrower means higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all rows and of the words below them."""
        rows = -(-len(self._cards) // self._columns_in(width))
        return rows * (self._row_height() + _SPACING) + self._details.heightForWidth(width)

    def sizeHint(self) -> QSize:
        """Return room for four columns, at the height that goes with the width."""
        return QSize(4 * (_NARROWEST + _SPACING) - _SPACING, self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        """Return room for one column."""
        return QSize(_NARROWEST, self.heightForWidth(self.width()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the cards in even rows."""
        super().resizeEvent(event)
        width, height = self.width(), self._row_height()
        columns = self._columns_in(width)
        edges = [round(column * (width + _SPACING) / columns) for column in range(columns + 1)]
        for index, card in enumerate(self._cards):
            row, column = divmod(index, columns)
            side = edges[column + 1] - edges[column] - _SPACING
            card.setGeometry(edges[column], row * (height + _SPACING), side, height)
        top = -(-len(self._cards) // columns) * (height + _SPACING)
        self._details.setGeometry(0, top, width, self._details.heightForWidth(width))
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let the arrow keys move the choice, among variants or among families."""
        focus = self.focusWidget()
        row: Sequence[ArchitectureCard | VariantPill] = self._cards
        down = self._columns_in(self.width())
        if isinstance(focus, VariantPill):
            row = next(card.pills for card in self._cards if focus in card.pills)
            down = 1
        if event.key() not in ARROWS or not isinstance(focus, ArchitectureCard | VariantPill):
            super().keyPressEvent(event)
            return
        here, last = row.index(focus), len(row) - 1
        goals: dict[int, int] = {
            Qt.Key.Key_Left: here - 1,
            Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Up: here - down,
            Qt.Key.Key_Down: here + down,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        goal = goals[event.key()]
        if 0 <= goal <= last:
            row[goal].setFocus(Qt.FocusReason.TabFocusReason)
            self._choose(row[goal].name)

    def _columns_in(self, width: int) -> int:
        count = len(self._cards)
        narrowest = max(_NARROWEST, *(card.minimumSizeHint().width() for card in self._cards))
        fitting = max(1, min(count, (width + _SPACING) // (narrowest + _SPACING)))
        return -(-count // -(-count // fitting))

    def _row_height(self) -> int:
        return max(card.sizeHint().height() for card in self._cards)

    def _show(self, name: str) -> None:
        self._value = name
        for index, card in enumerate(self._cards):
            card.show_choice(name, reachable=name in card.names or (not name and index == 0))
        self._details.show_card(self._by_name.get(name))

    def _choose(self, name: str) -> None:
        if name != self._value:
            self._show(name)
            self.chosen.emit(name)

    @Slot()
    def _choose_clicked(self) -> None:
        clicked = self.sender()
        assert isinstance(clicked, ArchitectureCard | VariantPill)
        self._choose(clicked.name)

    @Slot(object)
    def _recolour(self, _tokens: Tokens) -> None:
        self.update()
