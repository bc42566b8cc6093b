"""The network at a glance: its stages, frozen or learning, and one layer in figures."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnnstudio.core.config import Config
from cnnstudio.gui.layer_words import layer_figures, layer_state
from cnnstudio.gui.seen import Seen
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.transfer import boundary_refusal, stage_items, with_boundary, with_multiplier
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.key_values import KeyValues
from cnnstudio.gui.widgets.stage_column import StageColumn
from cnnstudio.gui.words import in_short
from cnnstudio.models.registry import cards

if TYPE_CHECKING:
    from cnnstudio.models.summary import LayerRow, Summary

LOADING = "PyTorch is loading."
NONE = "No network to show."
THIS = "This run, as it learns now"
OTHER = "This run; the next one has another network"
NEXT = "The next run"


class NetworkPanel(Card):
    """The card "Network": the column of stages, and under it either the inspector of the chosen layer or nothing.

    Signals:
        layer_chosen: Name of the layer that the user has chosen, by way of its stage.
    """

    layer_chosen = Signal(str)

    def __init__(
        self, session: Session, theme: Theme, parent: QWidget | None = None, *, editable: bool = False
    ) -> None:
        """Make the card.

        Args:
            session: Whose network is shown.
            theme: Gives the colours.
            parent: The widget that it lies in.
            editable: Whether boundary and learning rates can be moved; then there is no inspector.
        """
        super().__init__("network", "Stages" if editable else "Network", parent=parent)
        self._session = session
        self._titles = {card.name: card.title for card in cards()}
        self._editable = editable
        self._summary: Summary | None = None
        self._seen = Seen()
        self._shown: tuple[object, ...] = ()
        self._layer = ""
        self._total = ElidedLabel("", "muted")
        self._total.setObjectName("network.total")
        self.add_to_header(self._total)
        self._whose = QLabel()
        self._whose.setObjectName("network.whose")
        self._whose.setProperty("role", "caption")
        self._stages = StageColumn()
        self._stages.set_tokens(theme.tokens)
        self._inspector = _Inspector()
        self._empty = QLabel()
        self._empty.setObjectName("network.empty")
        self._empty.setProperty("role", "muted")
        self.body.addWidget(self._whose)
        self.body.addWidget(self._empty)
        self.body.addWidget(self._stages, 1)
        self.body.addWidget(self._inspector)
        self.body.addStretch()
        theme.changed.connect(self._stages.set_tokens)
        self._stages.stage_chosen.connect(self._choose_stage)
        self._stages.boundary_moved.connect(self._move_boundary)
        self._stages.multiplier_changed.connect(self._set_multiplier)
        self._stages.multiplier_reset.connect(lambda stage: self._set_multiplier(stage, None))
        session.changed.connect(self._show)
        self._show(session.state)

    def layer(self) -> str:
        """Return the name of the chosen layer, empty if there is none."""
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

    @Slot(int)
    def _move_boundary(self, learning: int) -> None:
        config = self._session.state.config
        self._session.use_config(with_boundary(config, learning, len(self._stages.stages)))

    @Slot(str, float)
    def _set_multiplier(self, stage: str, multiplier: float | None) -> None:
        self._session.use_config(with_multiplier(self._session.state.config, stage, multiplier))

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        run = None if self._editable else state.run
        of_run = (run.active, run.started, run.changes, state.run_summary) if run else ()
        if not self._seen.anew(state.summary, state.model_problem, state.config, *of_run):
            return
        summary, config, whose = (state.summary, state.config, "") if self._editable else _network(state)
        shown = (summary, state.model_problem, config.model.arch, config.transfer, whose)
        if shown == self._shown:
            return
        self._shown = shown
        self._whose.setText(whose)
        self._whose.setVisible(bool(whose))
        title = self._titles.get(config.model.arch, config.model.arch)
        if summary is None:
            self._total.setText(title)
            self._empty.setText(NONE if state.model_problem else LOADING)
        else:
            self._total.setText(f"{title} · {in_short(summary.parameters)}")
            self._show_stages(summary, config)
        self._summary = summary
        self._stages.setVisible(summary is not None)
        self._inspector.setVisible(summary is not None and not self._editable)
        self._empty.setVisible(summary is None)

    def _show_stages(self, summary: "Summary", config: Config) -> None:
        self._stages.show_stages(stage_items(summary, config))
        if self._editable:
            why = boundary_refusal(config)
            self._stages.set_boundary_enabled(not why, why)
            self._stages.set_multipliers_enabled(True)
        if summary is not self._summary:
            self._summary = summary
            self._stages.setMaximumHeight(self._stages.sizeHint().height())
            self._stages.updateGeometry()
            self.select_layer(self._layer if self._row(self._layer) else summary.rows[0].name)


def _network(state: SessionState) -> tuple["Summary | None", Config, str]:
    """Return the layers to show, the configuration that they are of, and whose they are where a run is shown.

    These are the layers of the run while it goes on. Once it has ended they are the next run's, unless that has others:
    curves and pictures beside them are of the run still.
    """
    run, summary = state.run, state.run_summary
    if run.config is not None and summary is not None:
        if run.active:
            return summary, run.config, THIS
        if _layers(summary) != _layers(state.summary):
            return summary, run.config, OTHER
    return state.summary, state.config, NEXT if run.started is not None else ""


def _layers(summary: "Summary | None") -> list[tuple[str, str]]:
    return [(row.name, row.type) for row in summary.rows] if summary else []


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
        self._type.setText(layer_state(row))
        for key, text in layer_figures(row).items():
            self._values.set(key, text)
