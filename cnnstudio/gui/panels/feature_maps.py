"""The feature maps of the network that learns: one layer, one layer for several images, or several layers."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QStackedWidget, QWidget

from cnnstudio.core.errors import InputError
from cnnstudio.core.pictures import FeatureMaps, FeatureRows, Picture
from cnnstudio.gui.panels.image_chooser import ImageChooser, dropped_images, validation_images
from cnnstudio.gui.panels.live_card import LiveCard, save_button
from cnnstudio.gui.panels.map_layers import MapLayers
from cnnstudio.gui.panels.map_view import MapViewButton
from cnnstudio.gui.pictures import to_image
from cnnstudio.gui.seen import Seen
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.map_rows import MapRows
from cnnstudio.gui.widgets.map_scale import Figures, MapStyle
from cnnstudio.gui.widgets.map_sheet import save_sheet
from cnnstudio.gui.widgets.map_wall import HINT, MapWall
from cnnstudio.gui.widgets.map_words import range_words
from cnnstudio.gui.words import counted, in_sentences, percent

_ELSEWHERE: Final = "Feature maps can be seen where the run trains"
_COMING: Final = "The feature maps appear in a moment"
_MOST_IMAGES: Final = 12


class FeatureMapsPanel(LiveCard):
    """Maps stream in while a run goes on, of the layer and the images that are chosen, or of all stages."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.maps_card", "Feature maps", parent=parent)
        self._session = session
        self._tokens = theme.tokens
        self._seen = False
        self._dropped: tuple[Path, ...] = ()
        self._note = ""
        self._wall = MapWall()
        self._wall.setObjectName("train.maps")
        self._rows = MapRows("train.maps.rows")
        self._stack = QStackedWidget()
        self._layers = MapLayers("train.maps")
        self._image = ImageChooser("train.maps.image", session, self)
        self._image_place = QWidget()
        self._survey = session.state.survey
        self._shown = Seen()
        self._view = MapViewButton("train.maps.view")
        self._save = save_button("train.maps.save", "Save the feature maps as PNG")
        self._answer = QLabel()
        self._lay_out()
        self.setAcceptDrops(True)
        theme.changed.connect(self._recolour)
        self._recolour(theme.tokens)
        self._layers.chosen.connect(self._choose)
        self._view.mode_chosen.connect(self._present)
        self._view.style_chosen.connect(self._restyle)
        self._save.clicked.connect(self._ask)
        session.run.began.connect(self._begin)
        session.changed.connect(self._show)
        self._show(session.state)

    def watch(self, *, seen: bool) -> None:
        """Say whether anybody can see the maps; without that none are computed."""
        self._seen = seen
        self._look()

    def choose_layer(self, layer: str) -> None:
        """Show the maps of a layer, if it has any and a run goes on to compute them."""
        if self._session.state.can_look and self._layers.has(layer):
            self._layers.choose(layer)
            self._choose(layer)

    def take(self, picture: Picture) -> None:
        """Draw maps, if they are still those that are wanted."""
        if isinstance(picture, FeatureMaps) and self._view.mode == "one" and picture.layer == self._layers.layer:
            self._draw_wall(picture)
        wanted = isinstance(picture, FeatureRows) and tuple(dict.fromkeys(picture.layers)) == self._wanted_layers()
        if isinstance(picture, FeatureRows) and wanted and self._view.mode != "one":
            self._draw_rows(picture)

    def save(self, path: Path) -> None:
        """Write what is drawn as PNG."""
        shown = self._wall if self._stack.currentWidget() is self._wall else self._rows
        try:
            save_sheet(shown.sheet(), path, title=self.title(), note=self._note, tokens=self._tokens, font=self.font())
        except InputError as error:
            self._session.say("error", in_sentences(error))
        else:
            self._session.say("info", f"The feature maps are saved: {path}")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take image files."""
        if dropped_images(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Make a dropped image the preview image; where several are shown, or dropped, add them to those."""
        paths = dropped_images(event)
        if not paths:
            return
        event.acceptProposedAction()
        if self._view.mode != "images" and len(paths) == 1:
            self._image.use(paths[0])
            return
        self._dropped = tuple(dict.fromkeys((*paths, *self._dropped)))[:_MOST_IMAGES]
        self._view.set_mode("images")
        self._present("images")

    def _lay_out(self) -> None:
        self._answer.setObjectName("train.maps.answer")
        self._answer.setProperty("role", "muted")
        place = QHBoxLayout(self._image_place)  # the chooser itself comes and goes with the folder
        place.setContentsMargins(0, 0, 0, 0)
        place.addWidget(self._image)
        for widget in (self._answer, self._image_place, self._view, self._save):
            self.add_to_header(widget)
        self._stack.addWidget(self._wall)
        self._stack.addWidget(self._rows)
        self.body.addWidget(self._layers)
        self.body.addWidget(self._stack, 1)

    def _draw_wall(self, maps: FeatureMaps) -> None:
        channels, height, width = maps.shape
        figures = Figures(maps.ranges, maps.activity)
        self._wall.show_maps(maps.tiles, maps.layer, figures=figures, image=to_image(maps.pixels))
        self._stack.setCurrentWidget(self._wall)
        self._answer.setText(self._answer_of(maps))
        words = f"{maps.layer} · {channels} × {height} × {width}"
        self._told(words, f"{words} · {Path(maps.image).name} · {self._answer.text()} · step {maps.step:,}")

    def _draw_rows(self, picture: FeatureRows) -> None:
        alike = self._view.mode == "images"
        maps = picture.rows()
        titles = {str(path): words.partition(" / ")[0] for path, words in validation_images(self._session.state)}
        if alike:
            names = [titles.get(row.image, Path(row.image).name) for row in maps]
            heads = [(name, self._answer_of(row, share_first=True)) for name, row in zip(names, maps, strict=True)]
            words = f"{picture.layers[0]} · {counted(len(maps), 'image')}"
        else:
            heads = [(self._layers.title_of(row.layer), _shape_words(row)) for row in maps]
            words = f"{counted(len(maps), 'layer')} · {Path(picture.images[0]).name}"
        self._rows.show_rows(maps, heads, alike=alike)
        self._stack.setCurrentWidget(self._rows)
        self._answer.setText(self._answer_of(maps[0]))
        missing = [Path(path).name for path in self._wanted_images() if path not in picture.images]
        unread = f" · cannot be read: {', '.join(missing)}" if missing else ""
        self._told(f"{words}{unread}", f"{words} · step {picture.step:,}")

    def _told(self, words: str, note: str) -> None:
        self.set_subtitle(words)
        self._note = note
        self._save.setEnabled(True)

    def _answer_of(self, maps: FeatureMaps, *, share_first: bool = False) -> str:
        """Return the likeliest class and its probability; that first where there may be no room for both."""
        started = self._session.state.run.started
        best = int(maps.probabilities.argmax())
        parts = [started.classes[best] if started else "", percent(float(maps.probabilities[best]))]
        return " ".join(reversed(parts) if share_first else parts).strip()

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._wall.set_tokens(tokens)
        self._rows.set_tokens(tokens)

    @Slot(object)
    def _restyle(self, style: MapStyle) -> None:
        self._wall.set_style(style)
        self._rows.set_style(style)

    @Slot(str)
    def _present(self, mode: str) -> None:
        for part in (self._answer, self._image_place):
            part.setVisible(mode != "images")
        self._layers.show_column(mode == "stages")
        self._look()

    @Slot()
    def _ask(self) -> None:
        name = f"{'-'.join(self._wanted_layers())[:60]}.png"
        path, _ = QFileDialog.getSaveFileName(self, "Save the feature maps", name, "PNG image (*.png)")
        if path:
            self.save(Path(path) if Path(path).suffix else Path(f"{path}.png"))

    @Slot()
    def _begin(self) -> None:
        self._layers.clear()
        self._look(nothing=True)
        self._wall.clear()
        self._stack.setCurrentWidget(self._wall)
        self._answer.setText("")
        self._save.setEnabled(False)
        self.set_subtitle("")

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        run = state.run
        if not self._shown.anew(run.started, run.status, state.can_look, state.seen_summary, state.survey):
            return
        started = run.started
        elsewhere = run.status == "following" and not state.can_look
        layers = started.layers if started and not elsewhere else ()
        self._wall.set_hint(_ELSEWHERE if elsewhere else _COMING if layers else HINT)
        self._layers.setVisible(bool(layers))
        self._layers.setEnabled(state.can_look)
        self._view.set_modes_enabled(state.can_look)
        self._view.setVisible(bool(layers))
        if layers and self._layers.offer(layers, state.seen_summary):
            self._choose(self._layers.layer)
        if state.survey is not self._survey:  # another folder has other classes
            self._survey = state.survey
            self._dropped = ()
            self._look()

    @Slot(str)
    def _choose(self, layer: str) -> None:
        self._look()
        self.layer_chosen.emit(layer)

    def _wanted_layers(self) -> tuple[str, ...]:
        return self._layers.column() if self._view.mode == "stages" else (self._layers.layer,)

    def _wanted_images(self) -> tuple[str, ...]:
        if self._view.mode != "images":
            return ()
        of_classes = (path for path, _ in validation_images(self._session.state))
        return tuple(map(str, dict.fromkeys((*self._dropped, *of_classes))))[:_MOST_IMAGES]

    def _look(self, *, nothing: bool = False) -> None:
        """Let the run compute what is wanted, and only if somebody can see it."""
        before = self._session.state.watch
        now = replace(before, layer="", layers=(), images=())
        if self._seen and self._layers.layer and not nothing:
            if self._view.mode == "one":
                now = replace(now, layer=self._layers.layer)
            else:
                now = replace(now, layers=self._wanted_layers(), images=self._wanted_images())
        self._session.watch(now)


def _shape_words(maps: FeatureMaps) -> str:
    channels, height, width = maps.shape
    ends = Figures(maps.ranges, maps.activity)
    return f"{channels} × {height} × {width} · {range_words(ends.overall())}"
