"""Labelled inputs: the word on the left, the control on the right."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QHelpEvent, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
    QWidget,
)

from cnnstudio.gui.widgets.elided_label import ElidedLabel

_CONTROL_WIDTH = 120
_TEXT_ROOM = 4  # pixels beside the text of a list that its style keeps free
_TEXT_MARGINS = (8, 0, 0, 0)  # a style sheet cannot reach the line inside a spin box


class Field(QWidget):
    """A row of a label, a muted note and a control.

    Attributes:
        control: What is edited.
    """

    def __init__(self, label: str, control: QWidget, note: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{control.objectName()}.field")
        self.control = control
        if not control.accessibleName():
            control.setAccessibleName(label)
        self._label = QLabel(label)
        self._label.setBuddy(control)
        self._note = ElidedLabel(note, "muted")
        self._note.setObjectName(f"{control.objectName()}.note")
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self._label)
        layout.addWidget(self._note, 1)
        layout.addWidget(control, 0, Qt.AlignmentFlag.AlignRight)
        self.setMinimumHeight(28)

    def add_before(self, widget: QWidget) -> None:
        """Put another widget before the control."""
        layout = self.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.insertWidget(layout.count() - 1, widget)

    def set_compact(self, height: int, *, spacing: int) -> None:
        """Let the row be lower and closer than others, in pixels."""
        self.setMinimumHeight(height)
        layout = self.layout()
        assert layout is not None
        layout.setSpacing(spacing)

    def set_note(self, note: str) -> None:
        """Change the muted words beside the control."""
        self._note.setText(note)


class ComboField(QComboBox):
    """A list of options with keys.

    Signals:
        chosen: The key of the option that the user has chosen.
    """

    chosen = Signal(str)

    def __init__(self, object_name: str, label: str, options: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        _prepare(self, object_name, label)
        self.set_options(options)
        self.activated.connect(self._report)

    def set_options(self, options: Mapping[str, str]) -> None:
        """Replace the options (key: text); the choice is kept where it still exists."""
        kept = self.value()
        self.clear()
        for key, text in options.items():
            self.addItem(text, key)
        if kept in options:
            self.set_value(kept)

    def value(self) -> str:
        """Return the key that is chosen, empty if there are no options."""
        return str(self.currentData() or "")

    def set_value(self, key: str) -> None:
        """Choose without the signal `chosen`.

        Raises:
            KeyError: There is no such option.
        """
        index = self.findData(key)
        if index < 0:
            raise KeyError(key)
        self.setCurrentIndex(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page that is being scrolled."""
        event.ignore()

    def shown(self) -> str:
        """Return as much of the chosen option as fits, with an ellipsis in its middle where something does not."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self).width()
        return self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideMiddle, room - _TEXT_ROOM)

    def event(self, event: QEvent) -> bool:
        """Tell the whole option where only a part of it fits."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self.shown() != self.currentText():
            more = f"\n{self.toolTip()}" if self.toolTip() else ""
            QToolTip.showText(event.globalPos(), f"{self.currentText()}{more}", self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw as much of the chosen option as fits."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.shown()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    @Slot()
    def _report(self) -> None:
        self.chosen.emit(self.value())


class SpinField(QSpinBox):
    """A whole number; `valueChanged` comes when the user is done typing."""

    def __init__(
        self, object_name: str, label: str, *, low: int, high: int, step: int = 1, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        _prepare(self, object_name, label)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setKeyboardTracking(False)
        self.setGroupSeparatorShown(True)
        self.lineEdit().setTextMargins(*_TEXT_MARGINS)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page that is being scrolled."""
        event.ignore()


class NumberField(QDoubleSpinBox):
    """A number; `valueChanged` comes when the user is done typing."""

    def __init__(
        self,
        object_name: str,
        label: str,
        *,
        low: float,
        high: float,
        step: float,
        decimals: int = 2,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        _prepare(self, object_name, label)
        self.setDecimals(decimals)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setKeyboardTracking(False)
        self.lineEdit().setTextMargins(*_TEXT_MARGINS)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page that is being scrolled."""
        event.ignore()


def _prepare(control: QWidget, object_name: str, label: str) -> None:
    control.setObjectName(object_name)
    control.setAccessibleName(label)
    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    control.setMinimumWidth(_CONTROL_WIDTH)
    control.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
