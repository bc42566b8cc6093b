"""The filters of one convolution while they learn."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from cnnstudio.core.control import STRONGEST_INPUT
from cnnstudio.core.errors import InputError
from cnnstudio.core.pictures import Filters, Picture
from cnnstudio.gui.filter_layers import convolution_for, convolutions, stages
from cnnstudio.gui.filter_words import change_words, size_words
from cnnstudio.gui.panels.filter_options import FilterOptions
from cnnstudio.gui.panels.filters_export import FORMATS, save_filters
from cnnstudio.gui.panels.live_card import LiveCard, save_button
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.filter_view import FilterView
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.gui.words import in_sentences

_HINT: Final = "The filters of your network appear here once training starts: what each looks for, and how it changes"
_ELSEWHERE: Final = "Filters can be seen where the run trains"
_COMING: Final = "The filters appear in a moment"


class FiltersPanel(LiveCard):
    """Colour tiles, kernels or a mixing matrix; stages are pills, every convolution is in the list beside them."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.filters_card", "Filters", parent=parent)
        self._session, self._theme = session, theme
        self._layer = self._why = ""
        self._picture: Filters | None = None
        self._seen = False
        self._offered: tuple[str, ...] = ()  # layers of the run whose convolutions can be chosen
        self._firsts: dict[str, str] = {}  # the convolution that stands for the stage of each
        self._view = FilterView()
        self._view.setObjectName("train.filters")
        self._stages = PillRow("train.filters.stage", "Stage", {})
        self._layers = ComboField("train.filters.layer", "Convolution", {})
        self._options = FilterOptions()
        self._save = save_button("train.filters.save", "Save the filters as PNG, or their figures as CSV")
        self._lay_out()
        theme.changed.connect(self._view.set_tokens)
        self._view.set_tokens(theme.tokens)
        self._stages.chosen.connect(self._choose)
        self._layers.chosen.connect(self._choose)
        self._options.changed.connect(self._draw)
        self._options.input_chosen.connect(self._look)
        self._save.clicked.connect(self._ask)
        session.run.began.connect(self._begin)
        session.changed.connect(self._show)
        self._begin()
        self._show(session.state)

    def watch(self, *, seen: bool) -> None:
        """Say whether anybody can see the filters; without that none are copied."""
        self._seen = seen
        self._look()

    def choose_layer(self, layer: str) -> None:
        """Show a convolution, or the one that stands for a block or another layer, while they can be seen."""
        state = self._session.state
        name, why = convolution_for(layer, self._names(), state.seen_summary)
        if state.can_look and name:
            self._show_layer(name, why)

    def take(self, picture: Picture) -> None:
        """Draw the filters of a layer, if they are still those that are wanted."""
        if not isinstance(picture, Filters) or picture.layer != self._layer:
            return
        inputs = picture.shape[1]
        if picture.kind == "kernels" and picture.map_in != min(self._options.map_in(), inputs - 1):
            return
        self._options.fit(picture)
        self._picture = picture
        self._draw()

    def save(self, path: Path) -> None:
        """Write the filters that are shown, as PNG or CSV by the ending of the path; what went wrong is said."""
        try:
            change = " · change since the start" if self._view.shown_as.change else ""
            save_filters(path, self._view, f"Filters of {self.subtitle()}{change}", self._theme.tokens)
        except InputError as error:
            self._session.say("error", in_sentences(error))
        else:
            self._session.say("info", f"The filters are saved: {path}")

    def _lay_out(self) -> None:
        self.add_to_header(self._save)
        self._layers.setMaximumWidth(200)
        self._layers.setSizeAdjustPolicy(ComboField.SizeAdjustPolicy.AdjustToContents)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._stages, 1)
        row.addWidget(self._layers)
        self.body.addLayout(row)
        self.body.addWidget(self._options)
        self.body.addWidget(self._view, 1)

    @Slot()
    def _begin(self) -> None:
        self._offered, self._firsts = (), {}
        self._layers.set_options({})  # another network has other layers
        self._clear()

    def _clear(self) -> None:
        self._picture = None
        self._options.offer_inputs(0)
        self._save.setEnabled(False)
        self.set_subtitle("")
        state = self._session.state
        elsewhere = state.run.status == "following" and not state.can_look
        self._view.clear(_ELSEWHERE if elsewhere else _COMING if self._names() else _HINT)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        run = state.run
        elsewhere = run.status == "following" and not state.can_look
        layers = run.started.layers if run.started and not elsewhere else ()
        for part in (self._stages, self._layers):
            part.setVisible(bool(layers))
            part.setEnabled(state.can_look)
        self._options.setVisible(bool(layers))
        self._options.set_running(running=state.can_look)
        if elsewhere and self._picture is None:
            self._view.clear(_ELSEWHERE)
        if layers and layers != self._offered:
            self._offered = layers
            names = convolutions(layers, state.seen_summary)
            self._layers.set_options({name: name for name in names})
            self._offer_stages()
            if names:
                self._show_layer(self._layer if self._layer in names else names[0])
        elif layers and not self._firsts:  # the network was described only after the run had begun
            self._offer_stages()

    def _offer_stages(self) -> None:
        of = stages(self._names(), self._session.state.seen_summary)
        first: dict[str, str] = {}
        for name, stage in of.items():
            first.setdefault(stage, name)
        self._firsts = {name: first[stage] for name, stage in of.items()}
        self._stages.set_options({name: stage for stage, name in first.items()})
        self._mark()

    def _mark(self) -> None:
        if self._layer in self._firsts:
            self._stages.set_value(self._firsts[self._layer])

    def _names(self) -> tuple[str, ...]:
        return tuple(str(self._layers.itemData(row)) for row in range(self._layers.count()))

    @Slot(str)
    def _choose(self, layer: str) -> None:
        self._show_layer(layer)
        self.layer_chosen.emit(layer)

    def _show_layer(self, layer: str, why: str = "") -> None:
        another = layer != self._layer
        self._layer, self._why = layer, why
        self._layers.set_value(layer)
        self._mark()
        if another or self._picture is None:
            self._clear()
        else:
            self._draw()
        self._look()

    @Slot()
    def _look(self) -> None:
        wanted = self._layer if self._seen and self._names() else ""
        watch = self._session.state.watch
        map_in = self._options.map_in() if wanted else STRONGEST_INPUT
        self._session.watch(replace(watch, filters=wanted, map_in=map_in))

    @Slot()
    def _draw(self) -> None:
        picture = self._picture
        if picture is None:
            return
        style = self._options.wishes()
        why = f" · {self._why}" if self._why else ""
        self.set_subtitle(f"{picture.layer} · {size_words(picture)} · step {picture.step:,}{why}")
        if style.change and not picture.start.size:
            self._view.clear(f"{change_words(picture)} It can only be seen as it is now.")
        else:
            self._view.show_filters(picture, style)
        self._save.setEnabled(self._view.picture is not None)

    @Slot()
    def _ask(self) -> None:
        name = f"{self._session.state.config.model.arch}-{self._layer}.png"
        path, _ = QFileDialog.getSaveFileName(self, "Save the filters", name, ";;".join(FORMATS.values()))
        if path:
            self.save(Path(path) if Path(path).suffix.lower() in {".png", ".csv"} else Path(f"{path}.png"))
