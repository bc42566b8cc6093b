"""All architectures side by side, one of them chosen."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QGridLayout, QScrollArea, QSizePolicy, QWidget

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.architecture_card import ArchitectureCard
from cnnstudio.models.registry import ArchCard

_NARROWEST = 256
_SPACING = 8
_ROWS_IN_SIGHT = 2
_PEEK = 24  # of a further row, so that one sees that there is more


class ArchitectureGallery(QScrollArea):
    """Cards of equal width in as many columns as fit; beyond two rows they scroll.

    Tab reaches the chosen card, arrow keys move the choice.

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
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        inner = QWidget()
        self._grid = QGridLayout(inner)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(_SPACING)
        self._group = QButtonGroup(self)
        self._cards = {card.name: ArchitectureCard(f"{object_name}.{card.name}", card, theme, inner) for card in cards}
        for card in self._cards.values():
            self._group.addButton(card)
        self.setWidget(inner)
        self._group.buttonClicked.connect(self._report)

    def value(self) -> str:
        """Return the name that is chosen, empty if there is none."""
        return next((name for name, card in self._cards.items() if card.isChecked()), "")

    def set_value(self, name: str) -> None:
        """Choose without a signal; a name that is not offered leaves nothing chosen."""
        if name == self.value():
            return
        self._group.setExclusive(False)
        for card in self._cards.values():
            card.setChecked(card.name == name)
        self._group.setExclusive(True)
        if name in self._cards:
            self.ensureWidgetVisible(self._cards[name])

    def hasHeightForWidth(self) -> bool:
        """Return True: narrower means higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all rows, or of those that are in sight at once."""
        columns = self._columns_in(width)
        side = (width - (columns - 1) * _SPACING) // columns
        heights = [card.heightForWidth(side) for card in self._cards.values()]
        rows = [max(heights[start : start + columns]) for start in range(0, len(heights), columns)]
        height = sum(rows[:_ROWS_IN_SIGHT]) + _SPACING * (min(len(rows), _ROWS_IN_SIGHT) - 1)
        return height + _PEEK if len(rows) > _ROWS_IN_SIGHT else height

    def sizeHint(self) -> QSize:
        """Return room for one row."""
        width = len(self._cards) * (_NARROWEST + _SPACING) - _SPACING
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """Return room for one column; its height follows from the width."""
        return QSize(_NARROWEST, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use as many columns as fit."""
        super().resizeEvent(event)
        columns, before = self._columns_in(self.viewport().width()), self._grid.columnCount()
        for column in range(max(columns, before)):
            self._grid.setColumnStretch(column, int(column < columns))
        for index, card in enumerate(self._cards.values()):
            self._grid.addWidget(card, *divmod(index, columns))

    def _columns_in(self, width: int) -> int:
        return max(1, min(len(self._cards), (width + _SPACING) // (_NARROWEST + _SPACING)))

    @Slot(QAbstractButton)
    def _report(self, card: QAbstractButton) -> None:
        assert isinstance(card, ArchitectureCard)
        self.ensureWidgetVisible(card)
        self.chosen.emit(card.name)
