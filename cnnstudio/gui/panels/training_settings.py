"""How the next run trains: epochs, learning rate, optimizer, schedule, precision, determinism."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QWidget

from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.field import ComboField, Field, SpinField
from cnnstudio.gui.widgets.switch import Switch

_RATES = ("auto", "0.1", "0.03", "0.01", "0.003", "0.001", "0.0003", "0.0001")


class TrainingSettings(Card):
    """The settings under `train` and `compute`; a run that goes on keeps its own."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.settings", "Training", parent=parent)
        self._epochs = SpinField("train.epochs", "Epochs", low=1, high=100_000)
        self._lr = ComboField("train.lr", "Learning rate", {rate: rate for rate in _RATES})
        self._optimizer = ComboField("train.optimizer", "Optimizer", {"adamw": "AdamW", "sgd": "SGD"})
        self._schedule = ComboField("train.schedule", "Schedule", {"onecycle": "one-cycle", "constant": "constant"})
        self._precision = ComboField(
            "compute.precision",
            "Precision",
            {"auto": "auto", "float32": "float32", "bfloat16": "bfloat16", "float16": "float16"},
        )
        self._deterministic = Switch("compute.deterministic", "Deterministic", theme)
        self._note = QLabel()
        self._note.setObjectName("train.settings.note")
        self._note.setProperty("role", "caption")
        self._lay_out()
        self._epochs.valueChanged.connect(lambda value: session.set_value("train.epochs", value))
        self._lr.chosen.connect(lambda key: session.set_value("train.lr", key if key == "auto" else float(key)))
        self._optimizer.chosen.connect(lambda key: session.set_value("train.optimizer", key))
        self._schedule.chosen.connect(lambda key: session.set_value("train.schedule", key))
        self._precision.chosen.connect(lambda key: session.set_value("compute.precision", key))
        self._deterministic.toggled.connect(lambda on: session.set_value("compute.deterministic", on))
        session.changed.connect(self._show)
        self._show(session.state)

    def _lay_out(self) -> None:
        tips = {
            self._epochs: "How often every training image is seen.",
            self._lr: "The highest learning rate of the schedule; auto goes by optimizer and transfer mode.",
            self._optimizer: "AdamW adapts the step of each weight; SGD goes with Nesterov momentum.",
            self._schedule: "One-cycle warms up and cools down; constant does neither.",
            self._precision: "Arithmetic of convolutions; the weights stay float32.",
            self._deterministic: "Deterministic cuDNN and algorithms: the same weights again, but slower.",
        }
        labels = ("Epochs", "Learning rate", "Optimizer", "Schedule", "Precision", "Deterministic")
        for label, (control, tip) in zip(labels, tips.items(), strict=True):
            control.setToolTip(tip)
            self.body.addWidget(Field(label, control))
        self.body.addWidget(self._note)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        train, compute = state.config.train, state.config.compute
        self._epochs.setValue(train.epochs)
        self._deterministic.setChecked(compute.deterministic)
        rate = "auto" if train.lr == "auto" else f"{train.lr:g}"
        if self._lr.findData(rate) < 0:
            self._lr.addItem(rate, rate)
        self._lr.set_value(rate)
        self._optimizer.set_value(train.optimizer)
        self._schedule.set_value(train.schedule)
        self._precision.set_value(compute.precision)
        self._note.setText("Applies from the next run" if state.run.active else "")
        self._note.setVisible(state.run.active)
