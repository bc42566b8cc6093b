"""The legend of the curves: what each line is, and a click to hide it."""

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.flow_layout import FlowLayout

_SAMPLE = 16
_GAP = 5


class LegendEntry(QAbstractButton):
    """A sample of a line and its name; unchecked while the line is hidden."""

    def __init__(self, curve: str, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"legend_{curve}")
        self.setText(text)
        self.setAccessibleName(f"Show {text}")
        self.setToolTip(f"Show or hide {text}")
        self.setCheckable(True)
        self.setChecked(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._pen = QPen()
        self._marker = False
        self._text_color = QColor()
        self._focus_color = QColor()
        self._by_key = False

    def set_look(self, pen: QPen, *, marker: bool, tokens: Tokens) -> None:
        """Take over the look of the line that this entry stands for."""
        self._pen = QPen(pen)
        self._marker = marker
        self._text_color = QColor(tokens.muted)
        self._focus_color = QColor(tokens.accent)
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the sample and the name."""
        metrics = self.fontMetrics()
        return QSize(_SAMPLE + _GAP + metrics.horizontalAdvance(self.text()) + 8, metrics.height() + 6)

    def minimumSizeHint(self) -> QSize:
        """The name is never cut."""
        return self.sizeHint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Remember whether the keyboard led here: only then a frame helps."""
        self._by_key = event.reason() in {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason}
        super().focusInEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the sample, the name, and a frame while the keys act here."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.isChecked():
            painter.setOpacity(0.4)
        middle = self.height() / 2
        painter.setPen(self._pen)
        painter.drawLine(QLineF(4, middle, 4 + _SAMPLE, middle))
        if self._marker:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._pen.color())
            painter.drawEllipse(QPointF(4 + _SAMPLE / 2, middle), 2.5, 2.5)
        painter.setPen(self._text_color)
        font = self.font()
        font.setStrikeOut(not self.isChecked())
        painter.setFont(font)
        left = 4 + _SAMPLE + _GAP
        painter.drawText(
            QRectF(left, 0, self.width() - left, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text()
        )
        if self.hasFocus() and self._by_key:
            painter.setOpacity(1)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._focus_color, 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)


class CurveLegend(QWidget):
    """Entries in as many lines as the width needs, to be put on the header of the card that shows the curves.

    Signals:
        curve_toggled: Name of the curve, and whether it is to be shown.
    """

    curve_toggled = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("curve_legend")
        self.setAccessibleName("Legend of the curves")
        self._row = FlowLayout(self, spacing=2)  # a narrow window must not be kept wide by names of curves
        self.entries: dict[str, LegendEntry] = {}

    def add(self, curve: str, text: str) -> None:
        """Name one more curve."""
        entry = LegendEntry(curve, text, self)
        if self.entries:  # what is made later would come last
            self.setTabOrder(list(self.entries.values())[-1], entry)
        self.entries[curve] = entry
        self._row.addWidget(entry)
        entry.toggled.connect(lambda shown: self.curve_toggled.emit(curve, shown))

    def remove(self, curve: str) -> None:
        """Name a curve no longer."""
        entry = self.entries.pop(curve)
        self._row.removeWidget(entry)
        entry.setParent(None)
        entry.deleteLater()
