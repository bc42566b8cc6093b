"""The chip that names what really computes."""

from typing import Literal

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QPushButton, QWidget

from cnnstudio.gui.icons import icon
from cnnstudio.gui.theme import Theme, Tokens

DeviceState = Literal["unknown", "good", "warn"]


class DeviceChip(QPushButton):
    """A dot and words such as `CUDA · RTX 4070`; a click asks why.

    Signals:
        clicked: The user wants to know why this device (from QPushButton).
    """

    def __init__(self, object_name: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setProperty("role", "device")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._theme = theme
        self._state: DeviceState = "unknown"
        self.set_device("Looking for devices…", "unknown")
        theme.changed.connect(self._recolour)

    def set_device(self, text: str, state: DeviceState, why: str = "") -> None:
        """Say what computes.

        Args:
            text: `CPU · bf16`.
            state: `good`, or `warn` where something faster was expected.
            why: One sentence for the tooltip.
        """
        if (text, state, why) == (self.text(), self._state, self.toolTip()):
            return
        self._state = state
        self.setText(text)
        self.setToolTip(why)
        self.setAccessibleName(f"Device: {text}")
        self.setAccessibleDescription(why)
        self._recolour(self._theme.tokens)

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        self.setIcon(icon("dot", {"unknown": tokens.muted, "good": tokens.good, "warn": tokens.warn}[self._state]))
