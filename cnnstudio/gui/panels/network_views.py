"""The network as a graph, as a table of its layers, and in feature maps, with totals and the chosen layer in sight."""

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedWidget, QWidget

from cnnstudio.gui.layer_words import FIGURES, changes, layer_figures, layer_state, same_layer, totals
from cnnstudio.gui.panels.consequence_panel import ConsequencePanel
from cnnstudio.gui.panels.graph_panel import GraphPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.layer_strip import LayerStrip
from cnnstudio.gui.widgets.layer_table import LayerTable
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.models.registry import cards

if TYPE_CHECKING:
    from cnnstudio.models.summary import LayerRow, Summary

LOADING: Final = "PyTorch is loading; the network appears here in a moment."
IMPOSSIBLE: Final = "There is no such network; it appears when the switches fit together."
UNCHANGED: Final = "Shapes, parameters, FLOPs, receptive field and memory stay as they were."
VIEWS: Final = {"graph": "Graph", "layers": "Layers", "maps": "Feature maps"}
_SHARES: Final = dict(zip(FIGURES, (4, 7, 4, 3, 4, 3), strict=True))


class NetworkViews(Card):
    """The card named after the architecture: one of several views, and the inspector of the chosen layer.

    Signals:
        layer_chosen: Name of the layer that the user has chosen.
    """

    layer_chosen = Signal(str)

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("network_views", "Network", parent=parent)
        self._titles = {card.name: card.title for card in cards()}
        self._summary: Summary | None = None
        self._before: Summary | None = None
        self._layer = ""
        self._change = ElidedLabel("", "changed")
        self._change.setObjectName("network_views.change")
        self._pills = PillRow("network_views.view", "View", VIEWS)
        self._graph = GraphPanel(session, theme)
        self._table = LayerTable()
        self._table.set_tokens(theme.tokens)
        self._maps = ConsequencePanel(session, theme)
        self._strip = LayerStrip("layer", "The chosen layer", _SHARES)
        self._empty = QLabel()
        self._empty.setObjectName("network_views.empty")
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._stack = QStackedWidget()
        self._views: dict[str, QWidget] = {"graph": self._graph, "layers": self._table, "maps": self._maps}
        self._rule = QFrame()
        self._rule.setProperty("role", "rule")
        self._lay_out()
        theme.changed.connect(self._table.set_tokens)
        self._pills.chosen.connect(self.show_view)
        for view in (self._graph, self._table):
            view.layer_chosen.connect(self._choose)
        session.changed.connect(self._show)
        self._show(session.state)

    @property
    def layer(self) -> str:
        """Name of the chosen layer; empty if there is none."""
        return self._layer if self._row(self._layer) else ""

    def select_layer(self, name: str) -> None:
        """Choose a layer in all views, without a signal; an unknown name is ignored."""
        row = self._row(name)
        if row is None:
            return
        self._layer = name
        self._graph.select_layer(name)
        self._table.select(name)
        self._maps.select_layer(name)
        before = same_layer(self._before, row)
        was = None if before is None else layer_figures(before)
        self._strip.show_layer(name, layer_state(row), layer_figures(row), was)

    @Slot(str)
    def show_view(self, view: str) -> None:
        """Show the network in one of the `VIEWS`."""
        self._pills.set_value(view)
        self._present()

    def _lay_out(self) -> None:
        for page in (self._empty, *self._views.values()):
            self._stack.addWidget(page)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._pills)
        row.addStretch()
        row.addWidget(self._graph.tools)
        self.body.addWidget(self._change)
        self.body.addLayout(row)
        self.body.addWidget(self._stack, 1)
        self.body.addWidget(self._rule)
        self.body.addWidget(self._strip)

    def _present(self) -> None:
        """Show the view that is chosen, or why there is none."""
        view = self._pills.value()
        there = self._summary is not None
        self._stack.setCurrentWidget(self._views[view] if there else self._empty)
        self._graph.tools.setVisible(there and view == "graph")
        for part in (self._strip, self._rule):
            part.setVisible(there)
        self._change.setVisible(there and bool(self._change.text()))

    @Slot(str)
    def _choose(self, name: str) -> None:
        self.select_layer(name)
        self.layer_chosen.emit(name)

    def _row(self, name: str) -> "LayerRow | None":
        rows = self._summary.rows if self._summary else ()
        return next((row for row in rows if row.name == name), None)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        arch = state.config.model.arch
        self.set_title(self._titles.get(arch, arch))
        summary = state.summary
        if summary is not None and (summary is not self._summary or state.summary_before is not self._before):
            self._summary, self._before = summary, state.summary_before
            self.set_subtitle(totals(summary))
            self._change.setText("" if self._before is None else changes(self._before, summary) or UNCHANGED)
            self._table.show_layers(summary.rows)
            self.select_layer(self._layer if self._row(self._layer) else summary.rows[0].name)
        elif summary is None:
            self._summary = None
            self.set_subtitle("")
            self._empty.setText(IMPOSSIBLE if state.model_problem else LOADING)
        self._present()
