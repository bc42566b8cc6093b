"""How the next run trains: epochs, learning rate, optimizer, schedule, regularisation, precision, determinism."""

from functools import partial
from typing import Final

from PySide6.QtCore import QSignalBlocker, Slot
from PySide6.QtWidgets import QLabel, QWidget

from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.field import ComboField, Field, NumberField, SpinField
from cnnstudio.gui.widgets.switch import Switch

_RATES: Final = ("auto", "0.1", "0.03", "0.01", "0.003", "0.001", "0.0003", "0.0001")
_SCHEDULES: Final = {"onecycle": "one-cycle", "cosine": "cosine", "constant": "constant"}
_MIXES: Final = {"none": "none", "mixup": "mixup", "cutmix": "CutMix"}
_DECAYS: Final = {"0": "off", "0.9": "0.9", "0.99": "0.99", "0.999": "0.999", "0.9999": "0.9999"}
_PRECISIONS: Final = ("auto", "float32", "bfloat16", "float16")
_MOST_SMOOTHING: Final = 0.3
_DECIMALS: Final = 2
_TIPS: Final = {
    "train.epochs": "How often every training image is seen.",
    "train.lr": "The highest learning rate of the schedule; auto goes by optimizer and transfer mode.",
    "train.optimizer": "AdamW adapts the step of each weight; SGD goes with Nesterov momentum.",
    "train.schedule": "One-cycle rises for a quarter of the steps and falls; cosine warms up briefly and falls to 0; "
    "constant stays.",
    "train.patience": "Early stopping: training ends after so many epochs without a better validation. "
    "Of two phases, the first gives way to the second.",
    "train.label_smoothing": "Share of the target that is spread over all classes, so that the network is never too "
    "sure; 0.1 is usual.",
    "train.mix": "Learns from pairs of images: mixup blends them, CutMix puts a box of one into the other; the labels "
    "count by their shares.",
    "train.ema": "Decay of a moving average of the weights, which is validated and kept instead of the weights of one "
    "step; the larger the steadier.",
    "compute.precision": "Arithmetic of convolutions; the weights stay float32.",
    "compute.deterministic": "Deterministic cuDNN and algorithms: the same weights again, but slower.",
}


class TrainingSettings(Card):
    """The settings under `train` and `compute`; a run that goes on keeps its own."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.settings", "Training", parent=parent)
        self._epochs = SpinField("train.epochs", "Epochs", low=1, high=100_000)
        self._lr = ComboField("train.lr", "Learning rate", {rate: rate for rate in _RATES})
        self._optimizer = ComboField("train.optimizer", "Optimizer", {"adamw": "AdamW", "sgd": "SGD"})
        self._schedule = ComboField("train.schedule", "Schedule", _SCHEDULES)
        self._patience = SpinField("train.patience", "Patience", low=0, high=100_000)
        self._patience.setSpecialValueText("off")
        self._smoothing = NumberField(
            "train.label_smoothing", "Label smoothing", low=0, high=_MOST_SMOOTHING, step=0.05, decimals=_DECIMALS
        )
        self._mix = ComboField("train.mix", "Mixed images", _MIXES)
        self._ema = ComboField("train.ema", "Weight average", _DECAYS)
        self._precision = ComboField("compute.precision", "Precision", {each: each for each in _PRECISIONS})
        self._deterministic = Switch("compute.deterministic", "Deterministic", theme)
        self._note = QLabel()
        self._note.setObjectName("train.settings.note")
        self._note.setProperty("role", "caption")
        self._lay_out()
        self._connect(session)
        session.changed.connect(self._show)
        self._show(session.state)

    def _lay_out(self) -> None:
        train = (self._epochs, self._lr, self._optimizer, self._schedule, self._patience)
        more = (self._smoothing, self._mix, self._ema, self._precision, self._deterministic)
        for control in (*train, *more):
            control.setToolTip(_TIPS[control.objectName()])
            self.body.addWidget(Field(control.accessibleName(), control))
        self.body.addWidget(self._note)
        self.body.setSpacing(3)  # ten rows, and the network below them, at 800 pixels

    def _connect(self, session: Session) -> None:
        for number in (self._epochs, self._patience, self._smoothing):
            number.valueChanged.connect(partial(session.set_value, number.objectName()))
        for choice in (self._optimizer, self._schedule, self._mix, self._precision):
            choice.chosen.connect(partial(session.set_value, choice.objectName()))
        self._lr.chosen.connect(lambda key: session.set_value("train.lr", key if key == "auto" else float(key)))
        self._ema.chosen.connect(lambda key: session.set_value("train.ema", float(key)))
        self._deterministic.toggled.connect(partial(session.set_value, "compute.deterministic"))

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        train, compute = state.config.train, state.config.compute
        self._epochs.setValue(train.epochs)
        self._patience.setValue(train.patience)
        _show_number(self._smoothing, train.label_smoothing, most=_MOST_SMOOTHING)
        self._deterministic.setChecked(compute.deterministic)
        _show_choice(self._lr, "auto" if train.lr == "auto" else f"{train.lr:g}")
        _show_choice(self._ema, f"{train.ema:g}")
        self._mix.set_value(train.mix)
        self._optimizer.set_value(train.optimizer)
        self._schedule.set_value(train.schedule)
        self._precision.set_value(compute.precision)
        self._note.setText("Applies from the next run" if state.run.active else "")
        self._note.setVisible(state.run.active)


def _show_choice(field: ComboField, number: str) -> None:
    """Show a number, which a file may give although it is not on offer."""
    if field.findData(number) < 0:
        field.addItem(number, number)
    field.set_value(number)


def _show_number(field: NumberField, value: float, *, most: float) -> None:
    """Show a number, which a file may give finer or larger than the field offers; that alone changes nothing."""
    blocker = QSignalBlocker(field)
    field.setMaximum(max(most, value))
    field.setValue(value)
    blocker.unblock()
