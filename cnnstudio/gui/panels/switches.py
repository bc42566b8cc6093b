"""The switches of the network and of transfer, each with a sentence on what it does."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from PySide6.QtCore import QSignalBlocker, Slot
from PySide6.QtWidgets import QLabel, QWidget

from cnnstudio.core.config import Config
from cnnstudio.gui.companions import SWITCH_TITLES, TRANSFER_TITLES, value
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.field import ComboField, Field, NumberField, SpinField
from cnnstudio.gui.widgets.switch import Switch
from cnnstudio.models.registry import ArchCard, cards

PADDINGS: Final = {
    "same": "Zeros around each map keep the output as large as the input.",
    "valid": "No padding: maps shrink and pixels at the edges count less.",
    "reflect": "The image mirrored at its edge fills the border, so that no artificial edge appears.",
    "replicate": "The outermost pixels are repeated outwards.",
    "circular": "The border is filled from the opposite edge, as if the image were a tile.",
}
TRANSFERS: Final = {
    "scratch": "All weights start at random and learn.",
    "freeze": "Only the last stages learn, the others keep their pretrained weights: fast, and good with few images.",
    "finetune": "All stages start from pretrained weights and learn.",
    "freeze_then_finetune": "The last stages learn first, then all: so the new head does not upset what is known.",
}
DROPOUT2D: Final = (
    "Drops whole feature maps while training; "
    "neighbouring pixels of a map are too alike for element-wise dropout to help."
)
BATCHNORM: Final = "γ (weight) and β (bias) rescale each normalised map; the convolution before it needs no bias."
PRETRAINED: Final = (
    "Starts from weights that other images have taught; the last layer is new, one output for each class."
)
TRAIN_LAST: Final = (
    "How many stages, counted from the head, learn; the others keep their weights and their BatchNorm statistics."
)
_MOST_DROPOUT = 0.9
_FREEZING = frozenset({"freeze", "freeze_then_finetune"})


class SwitchesPanel(Card):
    """The card "Switches"; what the architecture refuses is disabled, and says why."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("switches", "Switches", parent=parent)
        self._session = session
        self._shown: tuple[Config, int, bool] | None = None
        self._cards = {card.name: card for card in cards()}
        self._fields: dict[str, Field] = {}
        self._reasons: dict[str, QLabel] = {}
        self._padding = ComboField("model.padding", "Padding", {name: name for name in PADDINGS})
        self._dropout = NumberField("model.dropout2d", "Dropout2d", low=0, high=_MOST_DROPOUT, step=0.05)
        self._batchnorm = Switch("model.batchnorm", "BatchNorm2d", theme)
        self._pretrained = Switch("model.pretrained", "Pretrained", theme)
        self._transfer = ComboField("transfer.mode", "Transfer", TRANSFER_TITLES)
        self._train_last = SpinField("transfer.train_last", "Train last", low=1, high=1000)
        for control in (
            self._padding,
            self._dropout,
            self._batchnorm,
            self._pretrained,
            self._transfer,
            self._train_last,
        ):
            self._add(control)
        self._later = QLabel("Applies from the next run")
        self._later.setObjectName("switches.later")
        self._later.setProperty("role", "caption")
        self.body.addWidget(self._later)
        self.body.setSpacing(6)
        for wide in (self._padding, self._dropout, self._train_last):
            wide.setMinimumWidth(self._transfer.sizeHint().width())
        self._padding.chosen.connect(partial(session.set_value, "model.padding"))
        self._dropout.valueChanged.connect(partial(session.set_value, "model.dropout2d"))
        self._batchnorm.toggled.connect(partial(session.set_value, "model.batchnorm"))
        self._pretrained.toggled.connect(partial(session.set_value, "model.pretrained"))
        self._transfer.chosen.connect(partial(session.set_value, "transfer.mode"))
        self._train_last.valueChanged.connect(partial(session.set_value, "transfer.train_last"))
        session.changed.connect(self._show)
        self._show(session.state)

    def _add(self, control: QWidget) -> None:
        key = control.objectName()
        self._fields[key] = Field(SWITCH_TITLES[key], control)
        reason = QLabel()
        reason.setObjectName(f"{key}.reason")
        reason.setProperty("role", "caption")
        reason.setWordWrap(True)
        reason.hide()
        self._reasons[key] = reason
        self.body.addWidget(self._fields[key])
        self.body.addWidget(reason)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        config = state.config
        card = self._cards.get(config.model.arch)
        stages = len(state.summary.stages) if state.summary else 0
        if self._shown == (config, stages, state.run.active):
            return  # a run changes the state many times a second, and somebody may be typing here
        self._shown = (config, stages, state.run.active)
        freezing = config.transfer.mode in _FREEZING
        blockers = [QSignalBlocker(field.control) for field in self._fields.values()]
        self._padding.set_value(config.model.padding)
        self._dropout.setMaximum(max(_MOST_DROPOUT, config.model.dropout2d))
        self._dropout.setValue(config.model.dropout2d)
        self._transfer.set_value(config.transfer.mode)
        self._train_last.setMaximum(max(stages or 1000, config.transfer.train_last))
        self._train_last.setValue(config.transfer.train_last)
        self._batchnorm.setChecked(config.model.batchnorm)
        self._pretrained.setChecked(_used(config, card))
        for blocker in blockers:
            blocker.unblock()
        self._fields["transfer.train_last"].setVisible(freezing)
        self._train_last.setSuffix(f" of {stages} stages" if stages else "")
        self._fields["model.pretrained"].set_note(_weights_note(config, card))
        explanations = {
            "model.padding": PADDINGS[config.model.padding],
            "model.dropout2d": DROPOUT2D,
            "model.batchnorm": BATCHNORM,
            "model.pretrained": PRETRAINED,
            "transfer.mode": TRANSFERS[config.transfer.mode],
            "transfer.train_last": TRAIN_LAST,
        }
        self._explain(explanations, _refusals(config, card), card.refuses if card else {})
        self._later.setVisible(state.run.active)

    def _explain(
        self, explanations: Mapping[str, str], refusals: Mapping[str, str], refused: Mapping[str, str]
    ) -> None:
        for key, field in self._fields.items():
            refusal = refusals.get(key, "")
            words = refusal or explanations[key]
            field.setToolTip(words)
            field.control.setToolTip(words)
            field.control.setAccessibleDescription(words)
            field.control.setEnabled(not refusal)
            reason = refused.get(key, "") if refusal else ""
            self._reasons[key].setText(f"{reason[:1].upper()}{reason[1:]}.")
            self._reasons[key].setVisible(bool(reason))


def _used(config: Config, card: ArchCard | None) -> bool:
    """Whether a run would start from pretrained weights."""
    return bool(card and card.pretrained) and config.model.pretrained and config.transfer.mode != "scratch"


def _weights_note(config: Config, card: ArchCard | None) -> str:
    if card is None or not card.pretrained:
        return "no weights"
    if config.transfer.mode == "scratch":
        return "not from scratch"
    return card.pretrained if config.model.pretrained else "random weights"


def _refusals(config: Config, card: ArchCard | None) -> dict[str, str]:
    """Return why a control cannot be used, by its key; a control that stands wrong can always be put right."""
    if card is None:
        return {}
    default = Config()
    refusals = {
        key: f"{card.title} keeps {SWITCH_TITLES[key]} as it is: {reason}."
        for key, reason in card.refuses.items()
        if key in SWITCH_TITLES and value(config, key) == value(default, key)
    }
    if not card.pretrained:
        refusals["model.pretrained"] = f"There are no pretrained weights for {card.title}."
        if config.transfer.mode == "scratch":
            refusals["transfer.mode"] = f"{card.title} learns from scratch: there are no pretrained weights to keep."
    elif config.transfer.mode == "scratch":
        refusals["model.pretrained"] = "From scratch starts at random: choose Freeze or Fine-tune to use the weights."
    return refusals
