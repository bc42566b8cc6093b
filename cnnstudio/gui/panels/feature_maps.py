"""The feature maps of one layer for one image, and the choice of both."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from cnnstudio.core.pictures import FeatureMaps, Picture
from cnnstudio.gui.panels.image_chooser import ImageChooser, dropped_image
from cnnstudio.gui.panels.live_card import LiveCard
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.map_wall import HINT, MapWall
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.gui.words import percent

if TYPE_CHECKING:
    from cnnstudio.models.summary import Summary


_ELSEWHERE: Final = "Feature maps can be seen where the run trains"


class FeatureMapsPanel(LiveCard):
    """Maps stream in while a run goes on; stages are pills, every layer is in the list beside them."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.maps_card", "Feature maps", parent=parent)
        self._session = session
        self._layer = ""
        self._seen = False
        self._outputs: dict[str, str] = {}
        self._wall = MapWall()
        self._wall.setObjectName("train.maps")
        self._stages = PillRow("train.maps.stage", "Stage", {})
        self._layers = ComboField("train.maps.layer", "Layer", {})
        self._image = ImageChooser("train.maps.image", session, self)
        self._answer = QLabel()
        self._answer.setObjectName("train.maps.answer")
        self._answer.setProperty("role", "muted")
        self._lay_out()
        self.setAcceptDrops(True)
        theme.changed.connect(self._wall.set_tokens)
        self._wall.set_tokens(theme.tokens)
        self._stages.chosen.connect(self._choose)
        self._layers.chosen.connect(self._choose)
        session.run_began.connect(self._begin)
        session.changed.connect(self._show)
        self._show(session.state)

    def watch(self, *, seen: bool) -> None:
        """Say whether anybody can see the maps; without that none are computed."""
        self._seen = seen
        self._look_at(self._layer if seen else "")

    def choose_layer(self, layer: str) -> None:
        """Show the maps of a layer, if it has any and a run goes on to compute them."""
        if self._session.state.run.ours and self._layers.findData(layer) >= 0:
            self._choose(layer)

    def take(self, picture: Picture) -> None:
        """Draw the maps of a layer, if it is still the one that is wanted."""
        if not isinstance(picture, FeatureMaps) or picture.layer != self._layer:
            return
        maps = picture
        channels, height, width = maps.shape
        self.set_subtitle(f"{maps.layer} · {channels} × {height} × {width}")
        self._wall.show_maps(maps.tiles, maps.layer)
        started = self._session.state.run.started
        if started is not None:
            best = int(maps.probabilities.argmax())
            self._answer.setText(f"{started.classes[best]} {percent(float(maps.probabilities[best]))}")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take an image file."""
        if dropped_image(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Make the dropped image the preview image."""
        path = dropped_image(event)
        if path is not None:
            event.acceptProposedAction()
            self._image.use(path)

    def _lay_out(self) -> None:
        self.add_to_header(self._answer)
        self.add_to_header(self._image)
        self._layers.setMaximumWidth(200)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._stages, 1)
        row.addWidget(self._layers)
        self.body.addLayout(row)
        self.body.addWidget(self._wall, 1)

    @Slot()
    def _begin(self) -> None:
        self._layers.set_options({})  # another network has other layers
        self._look_at("")
        self._wall.clear()
        self._answer.setText("")
        self.set_subtitle("")

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        started = state.run.started
        elsewhere = state.run.status == "following"
        layers = started.layers if started and not elsewhere else ()
        self._wall.set_hint(_ELSEWHERE if elsewhere else HINT)
        for chooser in (self._stages, self._layers):
            chooser.setVisible(bool(layers))
            chooser.setEnabled(state.run.ours)
        if not layers:
            return
        if self._layers_offered() != layers:
            self._layers.set_options({layer: layer for layer in layers})
            self._offer_stages(_stages_of(layers, state.summary))
            self._choose(self._layer if self._layer in layers else next(iter([*self._outputs.values(), *layers])))
        elif not self._outputs:  # the network was described only after the run had begun
            self._offer_stages(_stages_of(layers, state.summary))
            self._mark_stage()

    def _offer_stages(self, stages: dict[str, str]) -> None:
        last = {stage: layer for layer, stage in stages.items()}
        self._outputs = {layer: last[stage] for layer, stage in stages.items()}
        self._stages.set_options({layer: stage for stage, layer in last.items()})

    def _mark_stage(self) -> None:
        if self._layer in self._outputs:
            self._stages.set_value(self._outputs[self._layer])

    def _look_at(self, layer: str) -> None:
        self._session.watch(replace(self._session.state.watch, layer=layer))

    def _layers_offered(self) -> tuple[str, ...]:
        return tuple(str(self._layers.itemData(row)) for row in range(self._layers.count()))

    @Slot(str)
    def _choose(self, layer: str) -> None:
        self._layer = layer
        self._layers.set_value(layer)
        self._mark_stage()
        if self._seen:
            self._look_at(layer)
        self.layer_chosen.emit(layer)


def _stages_of(layers: tuple[str, ...], summary: "Summary | None") -> dict[str, str]:
    """Return the stage of each layer; none if the summary is of another network, or not there yet."""
    rows = summary.rows if summary else ()
    stages = {
        layer: next((row.stage for row in rows if f"{row.name}.".startswith(f"{layer}.")), "") for layer in layers
    }
    return stages if all(stages.values()) else {}
