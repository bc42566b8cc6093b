"""How the images of the next run are read, divided and varied."""

from typing import Final

from PySide6.QtCore import QSignalBlocker, Slot

from cnnstudio.core.errors import InputError
from cnnstudio.gui.seen import Seen
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.field import ComboField, Field, SpinField
from cnnstudio.gui.widgets.switch import Switch
from cnnstudio.gui.words import counted
from cnnstudio.models import registry

_SIDES: Final = (64, 96, 128, 160, 224, 299)
_LEAST, _MOST = 5, 50  # percent for validation; what a file asks for beyond them is kept


class DataSettings(Card):
    """The settings under `data`, each with its consequence in words."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__("data.settings", "Settings")
        self._size = ComboField("data.image_size", "Image size", {})
        self._share = SpinField("data.val_fraction", "Validation share in percent", low=_LEAST, high=_MOST, step=5)
        self._batch = SpinField("data.batch_size", "Batch size", low=1, high=4096, step=8)
        self._augment = Switch("data.augment", "Augmentation", theme)
        self._share.setSuffix(" %")
        for spin in (self._share, self._batch):
            spin.lineEdit().setAcceptDrops(False)  # a folder that is dropped here is meant for the page
        self._size.setToolTip("Every image is scaled to a square of this side.")
        self._share.setToolTip("Images that are kept from learning and judge each epoch, of every class alike.")
        self._batch.setToolTip("Images in one step of the optimizer.")
        self._augment.setToolTip("Training images are shifted and mirrored at random, so that each epoch differs.")
        self._fields = {
            "size": Field("Image size", self._size, "scaled to a square"),
            "share": Field("Validation share", self._share),
            "batch": Field("Batch size", self._batch),
            "augment": Field("Augmentation", self._augment, "shift and mirror"),
        }
        for field in self._fields.values():
            self.body.addWidget(field)
        self._size.chosen.connect(lambda key: session.set_value("data.image_size", key if key == "auto" else int(key)))
        self._share.valueChanged.connect(lambda value: session.set_value("data.val_fraction", value / 100))
        self._batch.valueChanged.connect(lambda value: session.set_value("data.batch_size", value))
        self._augment.toggled.connect(lambda on: session.set_value("data.augment", on))
        self._seen = Seen()
        session.changed.connect(self._show)
        self._show(session.state)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        if not self._seen.anew(state.config, state.survey, state.notice):  # which may be why a control is to go back
            return
        data = state.config.data
        percent = round(100 * data.val_fraction)
        with QSignalBlocker(self._share), QSignalBlocker(self._batch), QSignalBlocker(self._augment):
            self._share.setRange(min(_LEAST, percent), max(_MOST, percent))
            self._share.setValue(percent)
            self._batch.setValue(data.batch_size)
            self._augment.setChecked(data.augment)
        self._offer_sizes(state.config.model.arch, data.image_size)
        self._explain(state)

    def _offer_sizes(self, arch: str, chosen: int | str) -> None:
        try:
            own = f"auto: {registry.card(arch).image_size} px"
        except InputError:
            own = "auto"
        sides = sorted({*_SIDES, chosen} if isinstance(chosen, int) else _SIDES)
        options = {"auto": own} | {str(side): f"{side} px" for side in sides}
        if options != {self._size.itemData(row): self._size.itemText(row) for row in range(self._size.count())}:
            self._size.set_options(options)
        self._size.set_value(str(chosen))

    def _explain(self, state: SessionState) -> None:
        found = state.survey
        if found is None:
            return
        own = any(image.part == "val" for image in found.catalog.images)
        self._share.setEnabled(not own)
        judged = counted(len(found.split.val), "image")
        self._fields["share"].set_note(f"{judged}, from the folder's own split" if own else judged)
        full, rest = divmod(len(found.split.train), state.config.data.batch_size)
        steps = full + (rest > 1 or full == 0)  # a last batch of one is left out
        self._fields["batch"].set_note(f"{counted(steps, 'step')} an epoch")
