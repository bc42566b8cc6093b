"""All layers of the network, with the totals in view."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QStackedWidget, QWidget

from cnnstudio.core.config import Config
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.layer_table import LayerTable
from cnnstudio.gui.words import in_short

if TYPE_CHECKING:
    from cnnstudio.models.summary import Summary

LOADING = "PyTorch is loading; the layers appear here in a moment."
IMPOSSIBLE = "There is no such network; the layers appear when the switches fit together."
UNCHANGED = "Parameters and FLOPs stay as they were."


class LayersPanel(Card):
    """The card "Layers".

    Signals:
        layer_chosen: Name of the layer that the user has chosen.
    """

    layer_chosen = Signal(str)

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("layers", "Layers", parent=parent)
        self._summary: Summary | None = None
        self._known: tuple[Config, Summary] | None = None
        self._change = ElidedLabel("", "muted")
        self._change.setObjectName("layers.change")
        self._change.hide()
        self._table = LayerTable()
        self._table.set_tokens(theme.tokens)
        theme.changed.connect(self._table.set_tokens)
        self._empty = QLabel()
        self._empty.setObjectName("layers.empty")
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._table)
        self.body.addWidget(self._change)
        self.body.addWidget(self._stack, 1)
        self._table.layer_chosen.connect(self.layer_chosen)
        session.changed.connect(self._show)
        self._show(session.state)

    def select_layer(self, name: str) -> None:
        """Mark a layer and scroll to it, without a signal."""
        self._table.select(name)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        summary = state.summary
        self._change.setVisible(summary is not None and bool(self._change.text()))
        if summary is None:
            self.set_subtitle("")
            self._empty.setText(IMPOSSIBLE if state.model_problem else LOADING)
            self._stack.setCurrentWidget(self._empty)
        elif summary is not self._summary:
            self._tell_change(state.config, summary)
            self.set_subtitle(totals(summary))
            self._table.show_layers(summary.rows)
            self._stack.setCurrentWidget(self._table)
        self._summary = summary

    def _tell_change(self, config: Config, summary: "Summary") -> None:
        words = ""
        if self._known is not None:
            before, known = self._known
            switched = (before.model, before.transfer) != (config.model, config.transfer)
            words = changes(known, summary) or (UNCHANGED if switched else self._change.text())
        self._known = config, summary
        self._change.setText(words)
        self._change.setVisible(bool(words))


def totals(summary: "Summary") -> str:
    """Return the sums over all layers: `11.7 M parameters, 11.7 M learn · 3.63 GFLOPs · input 224 × 224, …`."""
    side, least = summary.image_size, summary.minimum_size
    return (
        f"{in_short(summary.parameters)} parameters, {in_short(summary.trainable)} learn · "
        f"{in_short(summary.flops)}FLOPs · input {side} × {side}, smallest {least} × {least}"
    )


def changes(before: "Summary", after: "Summary") -> str:
    """Return those sums that differ, as `FLOPs 3.63 G → 2.90 G`; empty if none does."""
    pairs = {
        "Parameters": (before.parameters, after.parameters),
        "Learning": (before.trainable, after.trainable),
        "FLOPs": (before.flops, after.flops),
        "Smallest input": (before.minimum_size, after.minimum_size),
    }
    if pairs["Learning"] == pairs["Parameters"]:
        del pairs["Learning"]
    return " · ".join(f"{name} {_arrow(*pair)}" for name, pair in pairs.items() if pair[0] != pair[1])


def _arrow(before: int, after: int) -> str:
    rounded = in_short(before), in_short(after)
    first, second = rounded if rounded[0] != rounded[1] else (f"{before:,}", f"{after:,}")
    return f"{first} → {second}"
