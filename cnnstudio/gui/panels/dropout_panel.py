"""What a dropout layer removed in one step of the training, and what dropout of the other kind would have removed."""

import csv
import io
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnnstudio.core.changes import DROPOUT
from cnnstudio.core.control import ANY_DROPOUT
from cnnstudio.core.pictures import DropoutMasks, Picture
from cnnstudio.gui.panels.dropout_words import AFTER, BEFORE, ELSEWHERE, WAITING, WAS_OFF, option, sentence
from cnnstudio.gui.panels.live_card import LiveCard, quiet_button, save_button, write_file
from cnnstudio.gui.pictures import to_image
from cnnstudio.gui.saved_file import png
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import Notice, RunView, SessionState
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.field import ComboField, NumberField
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.gui.widgets.removal_pair import RemovalPair

_IMAGE: Final = 40  # pixels of the side of the image


class DropoutPanel(LiveCard):
    """Masks stream in while a run goes on; one step can be held to talk about it."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.dropout_card", "Dropout", parent=parent)
        self._session = session
        self._chosen = ""  # the layer that the user has chosen; empty for the run's own choice
        self._seen = False
        self._masks: DropoutMasks | None = None
        self._stages = PillRow("train.dropout.stage", "Stage", {})
        self._layers = ComboField("train.dropout.layer", "Dropout layer", {})
        self._p = NumberField("train.dropout.p", "p of Dropout2d, from the next batch on", low=0, high=0.9, step=0.05)
        self._p_told: tuple[float | None, Notice | None] = (None, None)
        self._hold = quiet_button("train.dropout.hold", "Hold this step", "Keep this step; the run goes on")
        self._hold.setCheckable(True)
        self._save = save_button("train.dropout.save", "Save the masks as PNG, or their figures as CSV")
        self._words = QLabel()
        self._words.setObjectName("train.dropout.words")
        self._words.setWordWrap(True)
        self._image = QLabel()
        self._image.setObjectName("train.dropout.image")
        self._image.setFixedSize(_IMAGE, _IMAGE)
        self._hint = QLabel()
        self._hint.setObjectName("train.dropout.hint")
        self._hint.setProperty("role", "muted")
        self._hint.setWordWrap(True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pair = RemovalPair("train.dropout.maps")
        self._lay_out()
        self._stages.chosen.connect(self._choose)
        self._layers.chosen.connect(self._choose)
        self._p.valueChanged.connect(lambda p: session.run.change(DROPOUT, p))
        self._hold.toggled.connect(self._holds)
        self._save.clicked.connect(self._ask)
        theme.changed.connect(self._set_tokens)
        self._set_tokens(theme.tokens)
        session.run.began.connect(self._begin)
        session.changed.connect(self._show)
        self._begin()

    def watch(self, *, seen: bool) -> None:
        """Say whether anybody can see the masks; without that none are looked at."""
        self._seen = seen
        self._look()

    def choose_layer(self, layer: str) -> None:
        """Show a dropout layer, or that behind a convolution, if a run goes on to drop something."""
        masks = self._masks
        if masks is None or not self._session.state.run.ours:
            return
        names = zip(masks.layers, masks.places, strict=True)
        found = next((path for path, place in names if layer in {path, place.removeprefix("behind ")}), "")
        if found:
            self._choose(found)

    def take(self, picture: Picture) -> None:
        """Draw what was removed in a step, unless another one is held."""
        if not isinstance(picture, DropoutMasks) or self._hold.isChecked():
            return
        if self._chosen and picture.layer != self._chosen:
            if self._chosen in picture.layers:
                return  # is late
            self._chosen = ""  # another network
        self._masks = picture
        self._offer(picture)
        self._draw(picture)
        self._show(self._session.state)

    def save(self, path: Path) -> None:
        """Write the picture as PNG, or the figures as CSV, a row a channel."""
        masks = self._masks
        assert masks is not None
        table = path.suffix.lower() == ".csv"
        words = f"{self.subtitle()}. {self._words.text()}"
        content = _table(masks) if table else png(self._pair.picture(words))
        write_file(self._session, path, content, "The step is")

    def _lay_out(self) -> None:
        self.add_to_header(self._hold)
        self.add_to_header(self._save)
        self._layers.setMaximumWidth(300)
        choice = QHBoxLayout()
        choice.setSpacing(8)
        choice.addWidget(self._stages, 1)
        choice.addStretch()  # for where there is nothing to choose yet
        choice.addWidget(self._layers)
        self._p_label = QLabel("p")
        self._p_label.setBuddy(self._p)
        self._p.setToolTip(self._p.accessibleName())
        self._p.setMinimumWidth(80)
        choice.addWidget(self._p_label)
        choice.addWidget(self._p)
        told = QHBoxLayout()
        told.setSpacing(8)
        told.addWidget(self._image)
        told.addWidget(self._words, 1)
        self._told = QWidget()
        column = QVBoxLayout(self._told)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(told)
        column.addWidget(self._pair, 1)
        self.body.addLayout(choice)
        self.body.addWidget(self._told, 1)
        self.body.addWidget(self._hint, 1)

    @Slot()
    def _begin(self) -> None:
        self._masks = None
        self._chosen = ""
        self._offered: dict[str, str] = {}
        self._hold.setChecked(False)
        self._layers.set_options({})
        self._stages.set_options({})
        self.set_subtitle("")
        self._show(self._session.state)
        self._look()

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        masks, ours = self._masks, state.run.ours
        drawn = masks is not None and len(masks.tiles) > 0
        for chooser in (self._stages, self._layers):
            chooser.setVisible(masks is not None and bool(masks.layers))
            chooser.setEnabled(ours)
        self._show_p(state)
        self._told.setVisible(drawn)
        self._hint.setVisible(not drawn)
        self._save.setEnabled(drawn)
        self._hold.setEnabled(drawn and ours)
        if not drawn:
            self._hint.setText(_instead(masks, state.run))

    def _show_p(self, state: SessionState) -> None:
        """Show what the run drops with; only where that is news, as the user may be typing."""
        config = state.run.config if state.run.ours else None
        for part in (self._p, self._p_label):
            part.setVisible(config is not None)
        told = config.model.dropout2d if config else None, state.notice
        if told != self._p_told and told[0] is not None:
            self._p.blockSignals(True)
            self._p.setMaximum(max(0.9, told[0]))
            self._p.setValue(told[0])
            self._p.blockSignals(False)
        self._p_told = told

    def _offer(self, masks: DropoutMasks) -> None:
        offered = {path: option(masks, at) for at, path in enumerate(masks.layers)}
        if offered != self._offered:
            self._layers.set_options(offered)
            self._offered = offered
        last = dict(zip(masks.stages, masks.layers, strict=True))
        self._stages.set_options({layer: stage for stage, layer in last.items()})
        if masks.layer:
            self._layers.set_value(masks.layer)
            self._stages.set_value(last[masks.stages[masks.layers.index(masks.layer)]])

    def _draw(self, masks: DropoutMasks) -> None:
        channels, height, width = masks.shape
        size = f"{height * width:,} values" if masks.vector else f"{channels} × {height} × {width}"
        image = Path(masks.image)
        name = f"{image.parent.name} / {image.name}" + (", mixed with another" if masks.mixed else "")
        where = f"{masks.layer} · {size} · " if len(masks.tiles) else ""
        self.set_subtitle(f"{where}step {masks.step:,} · {name}")
        if not len(masks.tiles):
            return
        self._words.setText(sentence(masks))
        self._pair.setAccessibleDescription(self._words.text())
        self._session.turns.later(partial(self._draw_pair, masks))
        self._image.setVisible(bool(masks.pixels.size))
        if masks.pixels.size:
            side = round(_IMAGE * self.devicePixelRatioF())
            ratio, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            shown = QPixmap.fromImage(to_image(masks.pixels).scaled(QSize(side, side), ratio, smooth))
            shown.setDevicePixelRatio(self.devicePixelRatioF())
            self._image.setPixmap(shown)
            self._image.setToolTip(f"{name}, as the step saw it")
            self._image.setAccessibleName(self._image.toolTip())

    def _draw_pair(self, masks: DropoutMasks) -> None:
        if masks is self._masks:
            self._pair.show_masks(masks)

    def _look(self) -> None:
        wanted = (self._chosen or ANY_DROPOUT) if self._seen and not self._hold.isChecked() else ""
        self._session.watch(replace(self._session.state.watch, dropout=wanted))

    @Slot(str)
    def _choose(self, layer: str) -> None:
        self._chosen = layer
        self._hold.setChecked(False)  # of that step, nothing is known of another layer
        self._layers.set_value(layer)
        self._look()
        self.layer_chosen.emit(layer)

    @Slot(bool)
    def _holds(self, held: bool) -> None:
        self._hold.setText("Go on" if held else "Hold this step")
        self._look()

    @Slot(object)
    def _set_tokens(self, tokens: Tokens) -> None:
        self._pair.set_tokens(tokens)

    @Slot()
    def _ask(self) -> None:
        kinds = "PNG image (*.png);;CSV table (*.csv)"
        path, kind = QFileDialog.getSaveFileName(self, "Save the step", "dropout.png", kinds)
        if path:
            self.save(Path(path) if Path(path).suffix else Path(f"{path}.{'csv' if 'csv' in kind else 'png'}"))


def _instead(masks: DropoutMasks | None, run: RunView) -> str:
    """Return what is said where no masks are drawn."""
    if masks is not None:
        return sentence(masks) if masks.layers or run.ours else WAS_OFF
    if run.status == "following":
        return ELSEWHERE
    if run.started is None:
        return BEFORE
    return WAITING if run.ours else AFTER


def _table(masks: DropoutMasks) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step", "layer", "p", "channel", "dropout2d", "mean_before", "mean_after", "values_removed"))
    for channel, (removed, zero) in enumerate(zip(masks.channels, masks.zero, strict=True)):
        state = "zero before" if zero else "removed" if removed else "stays"
        means = (f"{each[channel]:.6g}" for each in (masks.mean_before, masks.mean_after))
        fate = "" if masks.vector else state
        writer.writerow((masks.step, masks.layer, masks.p, channel, fate, *means, int(masks.values[channel].sum())))
    return text.getvalue().encode()
