"""Names on the left, values on the right."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.steady_label import SteadyLabel


class KeyValues(QWidget):
    """Rows of a muted name and a right-aligned value in figures of equal width; names give way where it is narrow."""

    def __init__(self, object_name: str, label: str, parent: QWidget | None = None, *, spacing: int = 8) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self._values: dict[str, SteadyLabel] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(spacing)
        self._grid.setColumnStretch(0, 1)

    def set(self, key: str, value: str, more: str = "") -> None:
        """Change a value; a new key is added as the last row.

        Args:
            key: The name.
            value: What is shown.
            more: What else there is to say: the value's tooltip, and for screen readers.
        """
        if key not in self._values:
            self._add(key)
        label = self._values[key]
        if (value, more) != (label.text(), label.toolTip()):
            label.setText(value)
            label.setAccessibleName(f"{key}: {value}")
            if more != label.toolTip():
                label.setToolTip(more)
                label.setAccessibleDescription(more)

    def value(self, key: str) -> str:
        """Return a value as it is shown.

        Raises:
            KeyError: There is no such row.
        """
        return self._values[key].text()

    def keys(self) -> tuple[str, ...]:
        """Return the names in their order."""
        return tuple(self._values)

    def clear(self) -> None:
        """Remove all rows."""
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.setParent(None)
                widget.deleteLater()
        self._values.clear()

    def _add(self, key: str) -> None:
        name = ElidedLabel(key, "muted")
        value = SteadyLabel()
        value.setObjectName(f"{self.objectName()}.{key.lower().replace(' ', '_')}")
        row = len(self._values)
        self._grid.addWidget(name, row, 0)
        self._grid.addWidget(value, row, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._values[key] = value
