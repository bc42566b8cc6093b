"""A switch that is on or off."""

from PySide6.QtCore import QEasingCurve, QRectF, QSize, Qt, QVariantAnimation, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QStyle, QWidget

from cnnstudio.gui.theme import Theme

_LONGEST_MS = 120


class Switch(QAbstractButton):
    """A toggle with a knob; Space or a click flips it.

    Signals:
        toggled: Whether it is on now (from QAbstractButton).
    """

    def __init__(self, object_name: str, label: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._theme = theme
        self._position = 0.0
        self._slide = QVariantAnimation(self)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._slide.valueChanged.connect(self._move)

    def sizeHint(self) -> QSize:
        """Return a size that goes with the font."""
        height = max(18, round(self.fontMetrics().height() * 1.2))
        return QSize(round(height * 1.8), height)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw track, knob and, with the keyboard focus, a ring."""
        tokens, on = self._theme.tokens, self._position
        track = QRectF(self.rect())
        radius = track.height() / 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(1.0 if self.isEnabled() else 0.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_between(QColor(tokens.edge), QColor(tokens.accent), on))
        painter.drawRoundedRect(track, radius, radius)
        knob = track.height() - 6
        painter.setBrush(QColor("#FFFFFF"))
        painter.drawEllipse(QRectF(3 + on * (track.width() - knob - 6), 3, knob, knob))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.text), 2))
            painter.drawRoundedRect(track.adjusted(1, 1, -1, -1), radius - 1, radius - 1)

    def checkStateSet(self) -> None:
        """Follow the program, which may have blocked the signals."""
        super().checkStateSet()
        self._follow()

    def nextCheckState(self) -> None:
        """Follow the user."""
        super().nextCheckState()
        self._follow()

    def _follow(self) -> None:
        on = self.isChecked()
        self._slide.stop()
        allowed = self.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, self)
        if not self.isVisible() or allowed == 0:
            self._move(float(on))
            return
        self._slide.setDuration(min(_LONGEST_MS, allowed))
        self._slide.setStartValue(self._position)
        self._slide.setEndValue(float(on))
        self._slide.start()

    @Slot(object)
    def _move(self, position: float) -> None:
        self._position = position
        self.update()


def _between(first: QColor, second: QColor, share: float) -> QColor:
    return QColor(
        round(first.red() + share * (second.red() - first.red())),
        round(first.green() + share * (second.green() - first.green())),
        round(first.blue() + share * (second.blue() - first.blue())),
    )
