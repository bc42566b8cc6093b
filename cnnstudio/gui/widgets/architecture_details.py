"""The chosen architecture in a few lines: what was new in it, where it was published, and how large it is."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.architecture_words import facts, origin, weights
from cnnstudio.gui.widgets.elided_label import ElidedLabel, Role
from cnnstudio.models.registry import ArchCard

_MARGIN, _SPACING, _ICON = 12, 4, 16
_LONGEST = 4  # of so many ideas, by their letters, one is the highest too


class ArchitectureDetails(QWidget):
    """Title, year and figures in a line, the idea below, and the paper beside where the weights come from.

    It is as high as the longest idea needs, so that nothing moves when the choice does.
    """

    def __init__(self, object_name: str, cards: Sequence[ArchCard], theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName("The chosen architecture")
        self._theme = theme
        self._card: ArchCard | None = None
        self._ideas = sorted({card.idea for card in cards}, key=len)[-_LONGEST:]
        self._title = self._line("title", "section")
        self._year = self._line("year", "muted")
        self._facts = self._line("facts", "muted")
        self._paper = self._line("paper", "muted")
        self._weights = self._line("weights", "muted")
        self._weights.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._mark = QLabel()
        self._mark.setFixedWidth(_ICON)
        self._idea = QLabel()
        self._idea.setObjectName(f"{object_name}.idea")
        self._idea.setTextFormat(Qt.TextFormat.PlainText)
        self._idea.setWordWrap(True)
        self._lay_out()
        theme.changed.connect(self._recolour)

    def _line(self, name: str, role: Role) -> ElidedLabel:
        label = ElidedLabel("", role)
        label.setObjectName(f"{self.objectName()}.{name}")
        return label

    def _lay_out(self) -> None:
        head, foot = QHBoxLayout(), QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title)
        head.addWidget(self._year)
        head.addStretch(1)
        head.addWidget(self._facts)
        foot.setSpacing(6)
        foot.addWidget(self._paper, 1)
        foot.addWidget(self._mark)
        foot.addWidget(self._weights)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, _SPACING, _MARGIN, 0)
        layout.setSpacing(_SPACING)
        layout.addLayout(head)
        layout.addWidget(self._idea)
        layout.addLayout(foot)
        layout.addStretch(1)

    def show_card(self, card: ArchCard | None) -> None:
        """Show an architecture, or nothing."""
        self._card = card
        self._title.setText(card.title if card else "")
        self._year.setText(str(card.year) if card else "")
        self._facts.setText(facts(card) if card else "")
        self._idea.setText(card.idea if card else "")
        self._paper.setText(card.paper[:1].upper() + card.paper[1:] if card else "")
        self._recolour()
        self._fit()

    def heightForWidth(self, width: int) -> int:
        """Return the height with the longest idea."""
        metrics = QFontMetrics(self._idea.font())
        room = QRect(0, 0, width - 2 * _MARGIN, 1000)
        flags = int(Qt.TextFlag.TextWordWrap)
        idea = max((metrics.boundingRect(room, flags, text).height() for text in self._ideas), default=0)
        foot = max(_ICON, self._paper.sizeHint().height())
        return 3 * _SPACING + self._title.sizeHint().height() + idea + foot

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say more or less of the weights."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Say where the weights come from unless that would cut the paper short."""
        if self._card is None:
            self._weights.setText("")
            return
        long, short = (_begun(words) for words in (origin(self._card), weights(self._card)))
        paper = self._paper.sizeHint().width()
        room = self.width() - 2 * _MARGIN - paper - _ICON - 3 * 6
        self._weights.setText(long if self.fontMetrics().horizontalAdvance(long) <= room else short)
        self._weights.setToolTip(long)

    @Slot()
    def _recolour(self) -> None:
        trained = self._card is not None and bool(self._card.pretrained)
        self._mark.setVisible(trained)
        self._mark.setPixmap(pixmap("pretrained", self._theme.tokens.muted, _ICON, self.devicePixelRatioF()))


def _begun(words: str) -> str:
    return words[:1].upper() + words[1:]
