"""The choice of the layer whose feature maps are shown: stages as pills, every layer in a list."""

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.pill_row import PillRow

if TYPE_CHECKING:
    from cnnstudio.models.summary import LayerRow, Summary

_MOST_ROWS: Final = 6
_LIST: Final = 184  # pixels
_MAPS: Final = 3  # axes of an output that is maps


class MapLayers(QWidget):
    """Offers the layers of a run.

    The list holds convolutions and what stages hand on; any other layer with maps joins it where it is asked for.

    Attributes:
        layer: Name of the one that is chosen; empty before a run.

    Signals:
        chosen: Name of the layer that the user has chosen.
    """

    chosen = Signal(str)

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layer = ""
        self._offered: tuple[str, ...] = ()
        self._outputs: dict[str, str] = {}  # the end of its stage, for each layer
        self._ends: dict[str, str] = {}  # the end of each stage
        self._rows: tuple[LayerRow, ...] = ()
        self._stages = PillRow(f"{object_name}.stage", "Stage", {})
        self._layers = ComboField(f"{object_name}.layer", "Layer", {})
        self._layers.setFixedWidth(_LIST)
        self._column = ElidedLabel("What each stage hands on; a layer that is chosen here joins them", "muted")
        self._column.setObjectName(f"{object_name}.column")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._stages, 1)
        row.addWidget(self._column, 1)
        row.addWidget(self._layers)
        self.show_column(False)
        self._stages.chosen.connect(self._report)
        self._layers.chosen.connect(self._report)

    def clear(self) -> None:
        """Offer nothing: another network has other layers."""
        self._layers.set_options({})
        self._offered = ()

    def offer(self, layers: tuple[str, ...], summary: "Summary | None") -> bool:
        """Offer the layers of a run; return whether they are others than before, and so one is chosen anew."""
        if layers == self._offered and self._outputs:
            return False
        anew = layers != self._offered
        self._offered = layers
        stages = _stages_of(layers, summary)
        self._rows = summary.rows if summary and stages else ()
        self._ends = {stage: layer for layer, stage in stages.items()}
        self._outputs = {layer: self._ends[stage] for layer, stage in stages.items()}
        self._stages.set_options({layer: stage for stage, layer in self._ends.items()})
        if anew:
            self._layers.set_options({layer: layer for layer in layers})
            self.layer = self.layer if self.layer in layers else next(iter([*self._outputs.values(), *layers]))
        self.choose(self.layer)
        return anew

    def has(self, layer: str) -> bool:
        """Whether a layer has maps, as far as is known."""
        return layer in self._offered or any(row.name == layer for row in self._mapped())

    def choose(self, layer: str) -> None:
        """Choose a layer that has maps, without a signal."""
        self.layer = layer
        if self._layers.findData(layer) < 0:
            self._layers.set_options({each: each for each in self.in_order({*self._offered, layer})})
        self._layers.set_value(layer)
        stage = self._stage_end(layer)
        if stage:
            self._stages.set_value(stage)

    def show_column(self, whole: bool) -> None:
        """Say that all stages are shown, and offer none of them alone."""
        self._stages.setVisible(not whole)
        self._column.setVisible(whole)

    def column(self) -> tuple[str, ...]:
        """Return what the stages hand on, and the chosen layer: a column through the depth of the network."""
        ends = tuple(self._ends.values())
        if not ends:
            step = -(-len(self._offered) // _MOST_ROWS)
            ends = self._offered[step - 1 :: step]
        return self.in_order({*ends, self.layer})

    def title_of(self, layer: str) -> str:
        """Return the stage where a layer is the end of one, else its name."""
        return next((stage for stage, end in self._ends.items() if end == layer), layer)

    def in_order(self, layers: set[str]) -> tuple[str, ...]:
        """Return layers as they follow each other in the network."""

        def place(layer: str) -> tuple[int, int]:
            inside = [at for at, row in enumerate(self._rows) if f"{row.name}.".startswith(f"{layer}.")]
            return max(inside, default=-1), self._offered.index(layer) if layer in self._offered else -1

        return tuple(sorted(layers, key=place))

    def _mapped(self) -> "list[LayerRow]":
        return [row for row in self._rows if len(row.output_shape) == _MAPS and not row.auxiliary]

    def _stage_end(self, layer: str) -> str:
        """Return the end of the stage that a layer lies in; empty if that is not known."""
        if layer in self._outputs:
            return self._outputs[layer]
        return self._ends.get(next((row.stage for row in self._rows if row.name == layer), ""), "")

    @Slot(str)
    def _report(self, layer: str) -> None:
        self.choose(layer)
        self.chosen.emit(layer)


def _stages_of(layers: tuple[str, ...], summary: "Summary | None") -> dict[str, str]:
    """Return the stage of each layer; none if the summary is of another network, or not there yet."""
    rows = summary.rows if summary else ()
    stages = {
        layer: next((row.stage for row in rows if f"{row.name}.".startswith(f"{layer}.")), "") for layer in layers
    }
    return stages if all(stages.values()) else {}
