"""BatchNorm while it learns: γ and β, the batch against the running statistics, values before and after."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog, QLabel, QStackedWidget, QWidget

from cnnstudio.core.errors import InputError
from cnnstudio.core.pictures import BatchNormScope, Picture
from cnnstudio.gui.panels import batchnorm_words as words
from cnnstudio.gui.panels.batchnorm_view import BatchNormView
from cnnstudio.gui.panels.live_card import LiveCard, save_button
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.batchnorm_board import Plots
from cnnstudio.gui.widgets.batchnorm_export import FORMATS, save_scope
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.gui.words import in_sentences

_BATCHES: Final = {"batch": "Training batch", "alone": "One image"}


class BatchNormPanel(LiveCard):
    """One BatchNorm of the run, chosen from a list or by the convolution before it.

    Its plots are made when there is something to draw: eight of them take a while.
    """

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.batchnorm_card", "BatchNorm", parent=parent)
        self._session = session
        self._theme = theme
        self._layer = ""
        self._seen = False
        self._view: BatchNormView | None = None
        self._plots: Plots | None = None  # of the view; they are made before it
        self._coming: BatchNormScope | None = None  # waits for the view
        self._layers = ComboField("train.batchnorm.layer", "BatchNorm layer", {})
        self._layers.setMaximumWidth(200)
        self._batches = PillRow("train.batchnorm.batch", "Batch", _BATCHES, self)
        self._batches.hide()
        self._save = save_button("train.batchnorm.save", "Save the plots as PNG, or the figures as CSV")
        self._hint = QLabel(words.HINT)
        self._hint.setObjectName("train.batchnorm.hint")
        self._hint.setProperty("role", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._hint)
        self.add_to_header(self._layers)
        self.add_to_header(self._save)
        self.body.addWidget(self._pages, 1)
        self._layers.chosen.connect(self._use)
        self._batches.chosen.connect(self._look)
        self._save.clicked.connect(self._ask)
        session.run.began.connect(self._begin)
        session.changed.connect(self._show)
        self._show(session.state)

    def watch(self, *, seen: bool) -> None:
        """Say whether anybody can see the view; without that no batch goes through the network for it."""
        self._seen = seen
        self._look()

    def choose_layer(self, layer: str) -> None:
        """Show the BatchNorm of that name, behind the convolution of that name, or the last one of that part."""
        started = self._session.state.run.started
        if started is None or not self._session.state.can_look:
            return
        norms = list(started.norms.values())
        inside = [norm for norm in norms if norm.startswith(f"{layer}.")]
        found = layer if layer in norms else started.norms.get(layer, inside[-1] if inside else "")
        if found:
            self._use(found)

    def take(self, picture: Picture) -> None:
        """Draw the BatchNorm and the batch that are wanted."""
        alone = self._batches.value() == "alone"
        if not isinstance(picture, BatchNormScope) or (picture.layer, bool(picture.image)) != (self._layer, alone):
            return
        if self._view is not None:
            self._draw(self._view, picture)
        else:
            self._coming = picture
            self._make_plots()

    def _draw(self, view: BatchNormView, picture: BatchNormScope) -> None:
        view.show_scope(picture)
        self.set_subtitle(words.heading(picture))
        self._save.setEnabled(True)
        self._pages.setCurrentWidget(view)

    def save(self, path: Path) -> None:
        """Write the figures as CSV, or the plots as PNG, by the ending of the path; what went wrong is a notice."""
        assert self._view is not None
        assert self._view.scope is not None
        try:
            save_scope(path, self._view.scope, self._view.board, self._theme.tokens.card)
        except InputError as error:
            self._session.say("error", in_sentences(error))
        else:
            self._session.say("info", f"BatchNorm is saved: {path}")

    def _make_plots(self) -> None:
        """Make them one after the other, and then the view."""
        if self._plots is None:
            self._plots = Plots()
            for make in self._plots.makers:
                self._session.turns.later(make)
            self._session.turns.later(partial(self._make_view, self._plots))

    def _make_view(self, plots: Plots) -> None:
        view = self._view = BatchNormView(plots, self._batches, self._session.turns.later)
        self._batches.show()
        self._theme.changed.connect(view.set_tokens)
        view.set_tokens(self._theme.tokens)
        self._pages.addWidget(view)
        view.come_behind(self._save)
        if self._coming is not None and self._coming.layer == self._layer:
            self._draw(view, self._coming)

    @Slot()
    def _begin(self) -> None:
        self._layers.set_options({})  # another network has other layers
        self._look()
        self._clear()

    def _clear(self) -> None:
        if self._view is not None:
            self._view.clear()
        self._coming = None
        self._save.setEnabled(False)
        self.set_subtitle("")
        self._pages.setCurrentWidget(self._hint)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        started = state.run.started
        elsewhere = state.run.status == "following" and not state.can_look
        norms = tuple(started.norms.values()) if started and not elsewhere else ()
        if elsewhere:
            self._hint.setText(words.ELSEWHERE)
        elif started is None:
            self._hint.setText(words.HINT)
        else:
            self._hint.setText(words.UNSEEN if norms else words.absent(started.config.model))
        self._layers.setVisible(bool(norms))
        for chooser in (self._layers, self._batches):
            chooser.setEnabled(state.can_look)
        if norms and self._offered() != norms:
            self._layers.set_options({norm: norm for norm in norms})
            self._layer = self._layer if self._layer in norms else norms[0]
            self._layers.set_value(self._layer)
            self._look()

    def _offered(self) -> tuple[str, ...]:
        return tuple(str(self._layers.itemData(row)) for row in range(self._layers.count()))

    @Slot(str)
    def _use(self, layer: str) -> None:
        if layer != self._layer:
            self._clear()
        self._layer = layer
        self._layers.set_value(layer)
        self._look()
        self.layer_chosen.emit(layer)

    @Slot()
    def _look(self) -> None:
        layer = self._layer if self._seen and self._layers.count() else ""
        alone = bool(layer) and self._batches.value() == "alone"
        self._session.watch(replace(self._session.state.watch, batchnorm=layer, batchnorm_alone=alone))

    @Slot()
    def _ask(self) -> None:
        formats = ";;".join(FORMATS.values())
        path, chosen = QFileDialog.getSaveFileName(self, "Save BatchNorm", f"{self._layer}.png", formats)
        if path:
            ending = next((ending for ending, title in FORMATS.items() if title == chosen), "png")
            self.save(Path(path) if Path(path).suffix.lower()[1:] in FORMATS else Path(f"{path}.{ending}"))
