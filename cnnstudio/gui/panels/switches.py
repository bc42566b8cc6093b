"""The switches of the network and of transfer."""

from functools import partial
from typing import Final

from PySide6.QtCore import QSignalBlocker, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QWidget

from cnnstudio.core.config import Config
from cnnstudio.gui.companions import SWITCH_TITLES, TRANSFER_TITLES
from cnnstudio.gui.panels.switch_words import (
    HEAD_TITLES,
    PADDINGS,
    explanations,
    refusals,
    starts_pretrained,
    weights_note,
)
from cnnstudio.gui.panels.weights_panel import WeightsPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.field import ComboField, Field, NumberField, SpinField
from cnnstudio.gui.widgets.switch import Switch
from cnnstudio.models import registry
from cnnstudio.models.registry import ArchCard, cards

_MOST_DROPOUT: Final = 0.9
_ROW: Final = 26
_NUMBER: Final = 132  # pixels; beside it there is room for the longest title
_SIZES: Final = ("model.depth", "model.width", "model.kernel")


class SwitchesPanel(Card):
    """The card "Switches"; what the architecture refuses is disabled, and says why."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("switches", "Switches", parent=parent)
        self._session = session
        self._shown: tuple[Config, int, bool, tuple[str, str]] | None = None
        self._cards = {card.name: card for card in cards()}
        self._fields: dict[str, Field] = {}
        self._padding = ComboField("model.padding", "Padding", {name: name for name in PADDINGS})
        self._dropout = NumberField("model.dropout2d", "Dropout2d", low=0, high=_MOST_DROPOUT, step=0.05)
        self._batchnorm = Switch("model.batchnorm", "BatchNorm2d", theme)
        self._head = ComboField("model.head", "Head", HEAD_TITLES)
        self._aux = NumberField("model.aux", "Auxiliary loss", low=0, high=1, step=0.1)
        self._depth = SpinField("model.depth", "Stages", low=1, high=6)
        self._width = SpinField("model.width", "First maps", low=4, high=256, step=4)
        self._kernel = ComboField("model.kernel", "Kernel", {str(side): f"{side}×{side}" for side in (3, 5, 7)})
        self._pretrained = Switch("model.pretrained", "Pretrained", theme)
        self._transfer = ComboField("transfer.mode", "Transfer", TRANSFER_TITLES)
        self._train_last = SpinField("transfer.train_last", "Train last", low=1, high=1000)
        self._lr_decay = NumberField("transfer.lr_decay", SWITCH_TITLES["transfer.lr_decay"], low=0.1, high=1, step=0.1)
        self._later = QLabel("Applies from the next run")
        self._later.setObjectName("switches.later")
        self._later.setProperty("role", "caption")
        self._lay_out()
        self._connect()
        session.changed.connect(self._show)
        self._show(session.state)

    def _lay_out(self) -> None:
        numbers = (self._dropout, self._aux, self._depth, self._width, self._train_last, self._lr_decay)
        architecture = (self._padding, self._dropout, self._batchnorm, self._head, self._aux)
        sizes = (self._depth, self._width, self._kernel)
        transfer = (self._pretrained, self._transfer, self._train_last, self._lr_decay)
        for control in (*architecture, *sizes, *transfer):
            key = control.objectName()
            title = "Pretrained" if key == "model.pretrained" else SWITCH_TITLES[key]
            self._fields[key] = Field(title, control)
            self._fields[key].set_compact(_ROW, spacing=6)
            self.body.addWidget(self._fields[key])
            if control is self._pretrained:
                self.body.addWidget(WeightsPanel(self._session))
        for number in numbers:
            number.setMinimumWidth(_NUMBER)
        self.body.addWidget(self._later)
        self.body.setSpacing(4)

    def showEvent(self, event: QShowEvent) -> None:
        """Measure in the style in which it is shown."""
        super().showEvent(event)
        for choice in (self._padding, self._head, self._kernel):
            choice.setMinimumWidth(self._transfer.sizeHint().width())

    def _connect(self) -> None:
        change = self._session.set_value
        for choice in (self._padding, self._head, self._transfer):
            choice.chosen.connect(partial(change, choice.objectName()))
        for number in (self._dropout, self._aux, self._depth, self._width, self._train_last, self._lr_decay):
            number.valueChanged.connect(partial(change, number.objectName()))
        for switch in (self._batchnorm, self._pretrained):
            switch.toggled.connect(partial(change, switch.objectName()))
        self._kernel.chosen.connect(lambda side: change("model.kernel", int(side)))

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        config = state.config
        card = self._cards.get(config.model.arch)
        stages = len(state.summary.stages) if state.summary else 0
        shown = (config, stages, state.run.active, (state.weights.place, state.weights.name))
        if card is None or self._shown == shown:
            return  # a run changes the state many times a second, and somebody may be typing here
        self._shown = shown
        blockers = [QSignalBlocker(field.control) for field in self._fields.values()]
        self._show_values(config, card, stages)
        for blocker in blockers:
            blocker.unblock()
        self._fields["model.pretrained"].set_note(weights_note(config, state.weights))
        self._fields["model.pretrained"].setVisible(state.weights.place != "none")  # which is said below
        self._show_notes(config, card, stages)
        self._later.setVisible(state.run.active)

    def _show_values(self, config: Config, card: ArchCard, stages: int) -> None:
        model = registry.resolved(config.model)
        self._padding.set_value(model.padding)
        self._dropout.setMaximum(max(_MOST_DROPOUT, model.dropout2d))
        self._dropout.setValue(model.dropout2d)
        self._batchnorm.setChecked(bool(model.batchnorm))
        self._head.set_options({key: HEAD_TITLES[key] for key in dict.fromkeys((*card.heads, model.head))})
        self._head.set_value(model.head)
        self._aux.setValue(model.aux if card.auxiliary else 0)
        self._depth.setValue(model.depth)
        self._width.setValue(model.width)
        self._kernel.set_value(str(model.kernel))
        self._pretrained.setChecked(starts_pretrained(config, card))
        self._transfer.set_value(config.transfer.mode)
        self._train_last.setMaximum(max(stages or 1000, config.transfer.train_last))
        self._train_last.setValue(config.transfer.train_last)
        self._lr_decay.setValue(config.transfer.lr_decay_resolved)

    def _show_notes(self, config: Config, card: ArchCard, stages: int) -> None:
        self._train_last.setSuffix(f" of {stages} stages" if stages else "")
        self._fields["transfer.train_last"].setVisible(config.transfer.freezes)
        self._fields["transfer.lr_decay"].setVisible(config.transfer.mode in {"finetune", "freeze_then_finetune"})
        refused, words = refusals(config, card), explanations(config)
        for key in _SIZES:
            self._fields[key].setVisible(key not in refused)
        for key, field in self._fields.items():
            for widget in (field, field.control):
                widget.setToolTip(refused.get(key) or words[key])
            field.control.setAccessibleDescription(refused.get(key) or words[key])
            field.control.setEnabled(key not in refused)
