"""The network at a glance: its stages, frozen or learning, and one layer in figures."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.key_values import KeyValues
from cnnstudio.gui.widgets.stage_column import StageColumn, StageItem
from cnnstudio.gui.words import in_short
from cnnstudio.models.registry import cards

if TYPE_CHECKING:
    from cnnstudio.models.summary import LayerRow, StageRow, Summary

LOADING = "PyTorch is loading."
NONE = "No network to show."


class NetworkPanel(Card):
    """The card "Network": the column of stages, and the inspector of the selected layer.

    Signals:
        layer_chosen: Name of the layer that the user has chosen, by way of its stage.
    """

    layer_chosen = Signal(str)

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("network", "Network", parent=parent)
        self._titles = {card.name: card.title for card in cards()}
        self._summary: Summary | None = None
        self._layer = ""
        self._total = ElidedLabel("", "muted")
        self._total.setObjectName("network.total")
        self.add_to_header(self._total)
        self._stages = StageColumn()
        self._stages.set_tokens(theme.tokens)
        self._inspector = _Inspector()
        self._empty = QLabel()
        self._empty.setObjectName("network.empty")
        self._empty.setProperty("role", "muted")
        self.body.addWidget(self._empty)
        self.body.addWidget(self._stages, 1)
        self.body.addWidget(self._inspector)
        self.body.addStretch()
        theme.changed.connect(self._stages.set_tokens)
        self._stages.stage_chosen.connect(self._choose_stage)
        session.changed.connect(self._show)
        self._show(session.state)

    def layer(self) -> str:
        """Return the name of the layer in the inspector, empty if there is none."""
        return self._layer if self._summary else ""

    def select_layer(self, name: str) -> None:
        """Show a layer in the inspector and mark its stage, without a signal; an unknown name is ignored."""
        row = self._row(name)
        if row is None:
            return
        self._layer = name
        self._inspector.show_layer(row)
        self._stages.select(row.stage)

    def _row(self, name: str) -> "LayerRow | None":
        rows = self._summary.rows if self._summary else ()
        return next((row for row in rows if row.name == name), None)

    @Slot(str)
    def _choose_stage(self, stage: str) -> None:
        rows = self._summary.rows if self._summary else ()
        first = next((row for row in rows if row.stage == stage), None)
        if first is not None:
            self.select_layer(first.name)
            self.layer_chosen.emit(first.name)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        arch = state.config.model.arch
        title = self._titles.get(arch, arch)
        summary = state.summary
        if summary is None:
            self._total.setText(title)
            self._empty.setText(NONE if state.model_problem else LOADING)
        elif summary is not self._summary:
            self._total.setText(f"{title} · {in_short(summary.parameters)}")
            self._show_layers(summary)
        self._summary = summary
        for part in (self._stages, self._inspector):
            part.setVisible(summary is not None)
        self._empty.setVisible(summary is None)

    def _show_layers(self, summary: "Summary") -> None:
        self._summary = summary
        self._stages.show_stages([_item(stage) for stage in summary.stages])
        self._stages.setMaximumHeight(self._stages.sizeHint().height())
        self._stages.updateGeometry()
        self.select_layer(self._layer if self._row(self._layer) else summary.rows[0].name)


def _item(stage: "StageRow") -> StageItem:
    words = (stage.title,) if stage.name in stage.title.lower() else (stage.name, stage.title)
    shape = stage.output_shape
    side = f"{shape[-1]}²" if len(shape) == 3 else ""
    return StageItem(stage.name, " · ".join(words), side, stage.frozen)


class _Inspector(QWidget):
    """One layer in figures."""

    def __init__(self) -> None:
        super().__init__()
        self._name = ElidedLabel("", "section")
        self._name.setObjectName("network.layer")
        self._type = ElidedLabel("", "muted")
        self._type.setObjectName("network.layer_type")
        self._values = KeyValues("network.values", "The selected layer", spacing=4)
        header = QHBoxLayout()
        header.setSpacing(12)
        header.addWidget(self._name, 1)
        header.addWidget(self._type)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(header)
        layout.addWidget(self._values)

    def show_layer(self, row: "LayerRow") -> None:
        """Show the figures of a layer."""
        self._name.setText(row.name)
        self._type.setText(f"{row.type} · {row.note}" if row.note else row.type)
        values = {
            "Output": " × ".join(str(side) for side in row.output_shape),
            "Kernel" if "×" in row.detail else "Detail": row.detail or "–",
            "Parameters": f"{row.parameters:,}",
            "FLOPs": in_short(row.flops),
            "Receptive field": f"{row.receptive_field} px",
            "Frozen": "yes" if row.frozen else "no",
        }
        if self._values.keys() != tuple(values):
            self._values.clear()
        for key, text in values.items():
            self._values.set(key, text)
