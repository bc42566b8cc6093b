"""What the network takes an image for: the likeliest classes as bars."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens

_HINT = "The likeliest classes appear here"
_BAR = 6


class PredictionBars(QWidget):
    """The likeliest classes from the top down, each with its probability in words and as a bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("prediction_bars")
        self.setAccessibleName("Prediction")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._tokens = LIGHT
        self._rows: tuple[tuple[str, float], ...] = ()
        self._places = 5
        self.clear()

    def show_prediction(self, classes: Sequence[str], probabilities: Sequence[float], top: int = 5) -> None:
        """Show the `top` likeliest classes.

        Args:
            classes: Names, in the order of the logits.
            probabilities: As many, each from 0 to 1.
            top: How many of them at most.

        Raises:
            ValueError: There are not as many probabilities as classes.
        """
        if len(classes) != len(probabilities):
            raise ValueError(f"{len(classes)} classes, but {len(probabilities)} probabilities")
        order = np.argsort(-np.asarray(probabilities), kind="stable")[:top]
        self._rows = tuple((classes[index], float(probabilities[index])) for index in order)
        self._places = top
        self.setAccessibleDescription(", ".join(f"{name} {_percent(share)}" for name, share in self._rows) or _HINT)
        self.updateGeometry()
        self.update()

    def clear(self) -> None:
        """Show no prediction."""
        self.show_prediction((), (), self._places)

    @property
    def rows(self) -> tuple[tuple[str, float], ...]:
        """The classes that are shown and their probabilities, the likeliest first."""
        return self._rows

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:
        """Room for as many rows as can be asked for, so that nothing moves when a prediction comes."""
        return QSize(280, self._places * self._pitch() - 8)

    def minimumSizeHint(self) -> QSize:
        """Room for the rows that are shown."""
        return QSize(160, max(1, len(self._rows)) * self._pitch() - 8)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint a line of words and a bar for each class."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._rows:
            painter.setPen(QColor(self._tokens.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, _HINT)
        for place, (name, share) in enumerate(self._rows):
            self._paint_row(painter, place, name, share)

    def _paint_row(self, painter: QPainter, place: int, name: str, share: float) -> None:
        line = self.fontMetrics().height() + 4
        top = place * self._pitch()
        font = QFont(self.font())
        font.setBold(place == 0)
        painter.setFont(font)
        percent = _percent(share)
        numbers = painter.fontMetrics().horizontalAdvance(percent)
        words = QRectF(0, top, self.width() - numbers - 12, line)
        name = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(words.width()))
        painter.setPen(QColor(self._tokens.text))
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        painter.setPen(QColor(self._tokens.text if place == 0 else self._tokens.muted))
        end = QRectF(self.width() - numbers - 2, top, numbers + 2, line)
        painter.drawText(end, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, percent)
        track = QPainterPath()
        track.addRoundedRect(QRectF(0, top + line, self.width(), _BAR), _BAR / 2, _BAR / 2)
        painter.fillPath(track, QColor(self._tokens.border))
        painter.setClipPath(track)
        bar = QRectF(0, top + line, share * self.width(), _BAR)
        painter.fillRect(bar, QColor(self._tokens.accent if place == 0 else self._tokens.muted))
        painter.setClipping(False)

    def _pitch(self) -> int:
        return self.fontMetrics().height() + 4 + _BAR + 8


def _percent(share: float) -> str:
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"
