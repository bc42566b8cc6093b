"""One layer in figures, side by side in a strip."""

from collections.abc import Mapping

from PySide6.QtWidgets import QGridLayout, QWidget

from cnnstudio.gui.widgets.elided_label import ElidedLabel, Role
from cnnstudio.gui.widgets.steady_label import tabular

_NAME_SHARE = 7


class LayerStrip(QWidget):
    """Name and type of a layer, and its figures below their names; what has changed says what it was."""

    def __init__(self, object_name: str, label: str, figures: Mapping[str, int], parent: QWidget | None = None) -> None:
        """Make an empty strip.

        Args:
            object_name: Of the strip; its parts have names below it.
            label: The accessible name.
            figures: Names of the figures, and how much of the width each takes.
            parent: The widget that it lies in.
        """
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(1)
        self._name = self._label("name", "section", 0, 0)
        self._type = self._label("type", "caption", 1, 0)
        self._grid.setColumnStretch(0, _NAME_SHARE)
        self._values: dict[str, ElidedLabel] = {}
        self._before: dict[str, ElidedLabel] = {}
        for column, (figure, share) in enumerate(figures.items(), start=1):
            key = figure.lower().replace(" ", "_")
            self._label(f"{key}.title", "caption", 0, column).setText(figure)
            self._values[figure] = self._label(key, "", 1, column)
            self._before[figure] = self._label(f"{key}.before", "changed", 2, column)
            self._grid.setColumnStretch(column, share)

    def show_layer(
        self, name: str, kind: str, figures: Mapping[str, str], before: Mapping[str, str] | None = None
    ) -> None:
        """Show a layer.

        Args:
            name: Its path.
            kind: What it is.
            figures: Texts by the names that the strip was made with.
            before: What they were before the latest change, if that is known.
        """
        self._name.setText(name)
        self._type.setText(kind)
        for figure, label in self._values.items():
            text = figures[figure]
            was = text if before is None else before[figure]
            label.setText(text)
            self._before[figure].setText("" if was == text else f"was {was}")
            label.setAccessibleName(f"{figure}: {text}" + ("" if was == text else f", was {was}"))

    def figure(self, name: str) -> str:
        """Return the text of a figure.

        Raises:
            KeyError: There is none of that name.
        """
        return self._values[name].text()

    def before(self, name: str) -> str:
        """Return what the strip says that a figure was; empty if it has not changed.

        Raises:
            KeyError: There is none of that name.
        """
        return self._before[name].text()

    def _label(self, key: str, role: Role, row: int, column: int) -> ElidedLabel:
        label = ElidedLabel("", role)
        label.setObjectName(f"{self.objectName()}.{key}")
        label.setFont(tabular(label.font()))
        self._grid.addWidget(label, row, column)
        return label
