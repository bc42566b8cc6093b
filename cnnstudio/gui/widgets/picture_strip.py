"""A row of small pictures."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.gui.pictures import draw_cropped
from cnnstudio.gui.theme import Theme

_SIDE, _GAP = 60, 8


class PictureStrip(QWidget):
    """As many square pictures as fit, spread over the whole width; a place is drawn quietly until its picture comes.

    Attributes:
        most: How many pictures are shown where there is room.
    """

    def __init__(self, theme: Theme, *, most: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.most = most
        self._theme = theme
        self._pictures: tuple[QImage, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def pictures(self) -> tuple[QImage, ...]:
        """Return the pictures, whether there is room for all or not."""
        return self._pictures

    def set_pictures(self, pictures: Sequence[QImage]) -> None:
        """Show other pictures."""
        self._pictures = tuple(pictures)
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for four."""
        return QSize(4 * (_SIDE + _GAP) - _GAP, _SIDE)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw pictures and empty places."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.tokens.hover))
        places = max(1, min(self.most, (self.width() + _GAP) // (_SIDE + _GAP)))
        for place in range(places):
            square = QRect(round(place * (self.width() - _SIDE) / max(1, places - 1)), 0, _SIDE, _SIDE)
            if place < len(self._pictures):
                draw_cropped(painter, self._pictures[place], square)
            else:
                painter.drawRoundedRect(square, 6, 6)
