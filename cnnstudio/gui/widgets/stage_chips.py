"""Where a training step stands: its stages in a row, from the left to the right."""

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.core.pictures import STAGES
from cnnstudio.gui.theme import LIGHT, Tokens

_PADDING: Final = 14  # beside the words of a chip
_ARROW: Final = 22  # pixels between two chips


class StageChips(QWidget):
    """Four chips; that of the stage which was taken last is filled, those before it are tinted.

    Attributes:
        current: Name of the stage; empty for none.
    """

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._tokens = LIGHT
        self.current = ""
        self.set_current("")

    def set_current(self, stage: str) -> None:
        """Mark a stage, or none."""
        if stage == self.current and self.accessibleName():
            return
        self.current = stage
        at = STAGES.index(stage) + 1 if stage in STAGES else 0
        self.setAccessibleName(f"Stage {at} of {len(STAGES)}: {stage}" if at else "No stage has been taken")
        self.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room that the words need."""
        width = sum(self._width(stage) for stage in STAGES) + _ARROW * (len(STAGES) - 1)
        return QSize(width, self.fontMetrics().height() + 10)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the chips and the arrows between them."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        reached = STAGES.index(self.current) if self.current in STAGES else -1
        left, height = 0.5, self.height() - 1.0
        for number, stage in enumerate(STAGES):
            if number:
                painter.setPen(QColor(self._tokens.muted))
                arrow = QRectF(left, 0, _ARROW, self.height())
                painter.drawText(arrow, Qt.AlignmentFlag.AlignCenter, "→")
                left += _ARROW
            place = QRectF(left, 0.5, self._width(stage) - 1, height)
            ground, edge, words = self._colors(number, reached)
            painter.setPen(QPen(QColor(edge), 1))
            painter.setBrush(QColor(ground))
            painter.drawRoundedRect(place, height / 2, height / 2)
            painter.setPen(QColor(words))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, stage.capitalize())
            left += self._width(stage)

    def _width(self, stage: str) -> int:
        return self.fontMetrics().horizontalAdvance(stage.capitalize()) + 2 * _PADDING

    def _colors(self, number: int, reached: int) -> tuple[str, str, str]:
        tokens = self._tokens
        if number == reached:
            return tokens.accent, tokens.accent, tokens.on_accent
        if number < reached:
            return tokens.tint, tokens.tint, tokens.accent_text
        return tokens.card, tokens.border, tokens.muted
