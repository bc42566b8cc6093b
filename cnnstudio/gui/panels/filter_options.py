"""What of a layer's filters is looked at, and how."""

from typing import Final

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from cnnstudio.core.control import MEAN_OF_INPUTS, STRONGEST_INPUT
from cnnstudio.core.pictures import Filters
from cnnstudio.gui.widgets.field import ComboField, SpinField
from cnnstudio.gui.widgets.filter_view import FilterStyle
from cnnstudio.gui.widgets.pill_row import PillRow

_SHOWN: Final = {"now": "Now", "change": "Change since start"}
_INPUTS: Final = {"strongest": "Strongest input", "mean": "Mean of inputs", "one": "One input"}
_ORDERS: Final = {"number": "By number", "change": "By change"}
_SCALES: Final = {"shared": "One scale", "own": "Own scales"}
_MANY: Final = 1_000_000


class FilterOptions(QWidget):
    """A row of choices.

    Signals:
        changed: Something is to be shown otherwise.
        input_chosen: The kernels of other inputs are wanted.
    """

    changed = Signal()
    input_chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("train.filters.options")
        self._shown = PillRow("train.filters.show", "Show", _SHOWN)
        self._inputs = ComboField("train.filters.inputs", "Kernels on which inputs", _INPUTS)
        self._input = SpinField("train.filters.input", "Input, counted from 0", low=0, high=_MANY)
        self._order = ComboField("train.filters.order", "Order of the filters", _ORDERS)
        self._scale = ComboField("train.filters.scale", "Scale of the colours", _SCALES)
        self._input.setMinimumWidth(72)
        self._inputs.setToolTip("A filter has a kernel for each input map: which of them is shown")
        self._order.setToolTip("By change: filters that have changed the most come first")
        self._scale.setToolTip("One scale for the layer, or each filter by its own largest value")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._shown, 1)
        for part in (self._inputs, self._input, self._order, self._scale):
            row.addWidget(part)
        self._colored = False
        self._scales = {True: "own", False: "shared"}  # of kernels in colour, and of others
        self.offer_inputs(0)
        self._shown.chosen.connect(self.changed)
        self._order.chosen.connect(self.changed)
        self._scale.chosen.connect(self._choose_scale)
        self._inputs.chosen.connect(self._choose_inputs)
        self._input.valueChanged.connect(self.input_chosen)

    def wishes(self) -> FilterStyle:
        """Return how filters are to be shown."""
        return FilterStyle(
            change=self._shown.value() == "change",
            own=self._scale.value() == "own",
            by_change=self._order.value() == "change",
        )

    def map_in(self) -> int:
        """Return which kernels are to be shown, as `Watch.map_in`."""
        named = {"strongest": STRONGEST_INPUT, "mean": MEAN_OF_INPUTS}
        return named.get(self._inputs.value(), self._input.value())

    def fit(self, picture: Filters) -> None:
        """Offer what can be chosen for the filters of a layer; kernels in colour have a scale of their own at first."""
        self._colored = picture.kind == "color"
        self._scale.set_value(self._scales[self._colored])
        self.offer_inputs(picture.shape[1] if picture.kind == "kernels" else 0)

    def offer_inputs(self, count: int) -> None:
        """Let one of `count` inputs be chosen; 0 where there is nothing to choose."""
        with QSignalBlocker(self._input):
            self._input.setMaximum(max(0, count - 1) if count else _MANY)
        self._inputs.setVisible(count > 0)
        self._input.setVisible(count > 0 and self._inputs.value() == "one")

    def set_running(self, *, running: bool) -> None:
        """Say whether anybody computes other kernels."""
        self._inputs.setEnabled(running)
        self._input.setEnabled(running)

    @Slot(str)
    def _choose_scale(self, scale: str) -> None:
        self._scales[self._colored] = scale
        self.changed.emit()

    @Slot()
    def _choose_inputs(self) -> None:
        self._input.setVisible(self._inputs.value() == "one")
        self.input_chosen.emit()
