"""One of a few, as pills that wrap."""

from collections.abc import Mapping
from itertools import pairwise

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QFrame,
    QPushButton,
    QWidget,
)

from cnnstudio.gui.widgets.flow_layout import FlowLayout


class PillRow(QFrame):
    """Pills of which exactly one is chosen; Tab reaches the chosen one, arrow keys move the choice.

    Signals:
        chosen: The key of the option that the user has chosen.
    """

    chosen = Signal(str)

    def __init__(self, object_name: str, label: str, options: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.setLayout(FlowLayout(spacing=8))
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        self._group.buttonClicked.connect(self._report)
        self._group.buttonToggled.connect(self._stop_tab_at)
        self.set_options(options)

    def options(self) -> tuple[str, ...]:
        """Return the keys in their order."""
        return tuple(self._buttons)

    def set_options(self, options: Mapping[str, str]) -> None:
        """Replace the options (key: text); the choice is kept where it still exists, else it is the first."""
        if options == {key: button.text() for key, button in self._buttons.items()}:
            return
        kept = self.value()
        for button in self._buttons.values():
            self._group.removeButton(button)
            button.setParent(None)
            button.deleteLater()
        self._buttons = {key: self._button(key, text) for key, text in options.items()}
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # Qt puts nothing behind what takes no focus
        self.come_behind(self)  # else what is made later comes last in the window
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if options:
            self.set_value(kept if kept in options else next(iter(options)))

    def set_text(self, key: str, text: str) -> None:
        """Call an option otherwise.

        Raises:
            KeyError: There is no such option.
        """
        self._buttons[key].setText(text)
        self._buttons[key].setAccessibleName(f"{self.accessibleName()}: {text}")

    def come_behind(self, before: QWidget) -> None:
        """Let Tab come to the pills from another widget, which takes the focus."""
        for each in self._buttons.values():
            each.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for one, other in pairwise((before, *self._buttons.values())):
            QWidget.setTabOrder(one, other)
        for each in self._buttons.values():
            self._stop_tab_at(each, each.isChecked())

    def value(self) -> str:
        """Return the key that is chosen, empty if there are no options."""
        checked = self._group.checkedButton()
        return next((key for key, button in self._buttons.items() if button is checked), "")

    def set_value(self, key: str) -> None:
        """Choose without a signal.

        Raises:
            KeyError: There is no such option.
        """
        self._buttons[key].setChecked(True)

    def _button(self, key: str, text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(f"{self.objectName()}.{key}")
        button.setAccessibleName(f"{self.accessibleName()}: {text}")
        button.setProperty("role", "pill")
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._group.addButton(button)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(button)
        return button

    @Slot(QAbstractButton, bool)
    def _stop_tab_at(self, button: QAbstractButton, chosen: bool) -> None:
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus if chosen else Qt.FocusPolicy.NoFocus)

    @Slot(QAbstractButton)
    def _report(self, button: QAbstractButton) -> None:
        self.chosen.emit(next(key for key, other in self._buttons.items() if other is button))
