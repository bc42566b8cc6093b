"""How the next run trains: epochs, learning rate, optimizer, schedule, regularisation, precision, determinism."""

from functools import partial
from typing import Final

from PySide6.QtCore import QSignalBlocker, Slot
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from cnnstudio.core.config import Config
from cnnstudio.gui.companions import value
from cnnstudio.gui.panels.rate_finder import RateFinder
from cnnstudio.gui.seen import Seen
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
_VIEWS: Final = ("auto", "1", "2", "4", "8")
_PRECISIONS: Final = {
    "auto": "auto",
    "float32": "float32",
    "bfloat16": "bfloat16",
    "bfloat16_dense": "bf16 dense",
    "bfloat16_products": "bf16 mul",
    "float16": "float16",
}
_MOST_SMOOTHING: Final = 0.3
_DECIMALS: Final = 2
_TIPS: Final = {
    "train.epochs": "How often every training image is seen.",
    "train.lr": "The highest learning rate of the schedule; auto goes by optimizer and transfer mode.",
    "train.lr.find": "Try rising learning rates on a copy of the network, and see which one suits it.",
    "train.optimizer": "AdamW adapts the step of each weight; SGD goes with Nesterov momentum.",
    "train.schedule": "One-cycle rises for a quarter of the steps and falls; cosine warms up briefly and falls to 0; "
    "constant stays.",
    "train.patience": "Early stopping: training ends after so many epochs without a better validation. "
    "Of two phases, the first gives way to the second.",
    "train.label_smoothing": "Share of the target that is spread over all classes, so that the network is never too "
    "sure; 0.1 is usual.",
    "train.mix": "Learns from pairs of images: mixup blends them, CutMix puts a box of one into the other; the labels "
    "count by their shares.",
    "train.progressive": "Images of half the side at first, which take a quarter of the time, growing to full size "
    "over two thirds of the epochs. For networks that learn as a whole.",
    "train.ema": "Decay of a moving average of the weights, which is validated and kept instead of the weights of one "
    "step; the larger the steadier.",
    "transfer.views": "How many shifted and mirrored views of each training image go through the frozen layers, each "
    "once. Auto is as many as there is time for; more take longer and may bring a little.",
    "compute.precision": "Arithmetic of convolutions; the weights stay float32. Auto tries what is fastest before runs "
    "that are long enough to gain by it. Depthwise convolutions can stay out of bf16, or products alone be in it.",
    "compute.deterministic": "Deterministic cuDNN and algorithms: the same weights again, but slower.",
    "compute.isolated": "Trains in a process of its own, which takes a few seconds and some memory: should it crash, "
    "the window lives on and offers to resume.",
}


class TrainingSettings(Card):
    """The settings under `train` and `compute`, and the views of what is frozen; a run that goes on keeps its own."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.settings", "Training", parent=parent)
        self._config = session.state.config
        self._seen = Seen()
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
        self._progressive = Switch("train.progressive", "Small images first", theme)
        self._ema = ComboField("train.ema", "Weight average", _DECAYS)
        self._views = ComboField("transfer.views", "Views when frozen", {views: views for views in _VIEWS})
        self._precision = ComboField("compute.precision", "Precision", _PRECISIONS)
        self._deterministic = Switch("compute.deterministic", "Deterministic", theme)
        self._isolated = Switch("compute.isolated", "Isolated process", theme)
        self._find = QPushButton("Find …")
        self._find.setObjectName("train.lr.find")
        self._find.setAccessibleName("Find a learning rate")
        self._find.setProperty("role", "text")
        regularising = (self._patience, self._smoothing, self._mix, self._progressive, self._ema)
        self._rare = (*regularising, self._views, self._isolated)
        self._more = QPushButton()
        self._more.setObjectName("train.settings.more")
        self._more.setCheckable(True)
        self._more.setProperty("role", "text")
        self._open = QPushButton()
        self._open.setObjectName("train.settings.open")
        self._open.setCheckable(True)
        self._open.setProperty("role", "text")
        self._running = False
        self._lay_out()
        self._connect(session)
        self._open.toggled.connect(self._unfold)
        self._find.clicked.connect(lambda: self._find_rate(session, theme))
        session.changed.connect(self._show)
        self._show(session.state)

    def _lay_out(self) -> None:
        usual = (self._epochs, self._lr, self._optimizer, self._schedule, self._precision, self._deterministic)
        self._rows = {
            control.objectName(): Field(control.accessibleName(), control) for control in (*usual, *self._rare)
        }
        self.add_to_header(self._open)
        self._inside = QWidget()
        rows = QVBoxLayout(self._inside)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(3)  # these rows, and the network below them, at 800 pixels
        self.body.addWidget(self._inside)
        for control in (*usual, *self._rare):
            control.setToolTip(_TIPS[control.objectName()])
            if control is self._rare[0]:
                rows.addWidget(self._more)
            rows.addWidget(self._rows[control.objectName()])
        self._rows["train.lr"].add_before(self._find)
        self._rows["train.lr"].set_compact(28, spacing=6)
        self._more.toggled.connect(self._show_rare)
        self._show_rare(False)

    def _connect(self, session: Session) -> None:
        for number in (self._epochs, self._patience, self._smoothing):
            number.valueChanged.connect(partial(session.set_value, number.objectName()))
        for choice in (self._optimizer, self._schedule, self._mix, self._precision):
            choice.chosen.connect(partial(session.set_value, choice.objectName()))
        self._lr.chosen.connect(lambda key: session.set_value("train.lr", key if key == "auto" else float(key)))
        self._views.chosen.connect(lambda key: session.set_value("transfer.views", key if key == "auto" else int(key)))
        self._ema.chosen.connect(lambda key: session.set_value("train.ema", float(key)))
        for switch in (self._progressive, self._deterministic, self._isolated):
            switch.toggled.connect(partial(session.set_value, switch.objectName()))

    def _find_rate(self, session: Session, theme: Theme) -> None:
        finder = RateFinder(session, theme, self.window())
        finder.finished.connect(finder.deleteLater)
        finder.open()

    def _follow(self, *, running: bool) -> None:
        """Fold the card away while a run goes on, which these settings do not concern; it can be opened."""
        if running != self._running:
            self._running = running
            self._open.setChecked(False)
        self._unfold(self._open.isChecked())
        self.set_title("Next run" if running else "Training")
        self.set_subtitle("not for the present one" if running else "")

    @Slot(bool)
    def _unfold(self, wanted: bool) -> None:
        self._open.setVisible(self._running)
        self._open.setText("Hide" if wanted else "Show")
        self._open.setAccessibleName(f"{self._open.text()} the settings of the next run")
        self._inside.setVisible(wanted or not self._running)

    @Slot(bool)
    def _show_rare(self, shown: bool) -> None:
        for control in self._rare:
            self._rows[control.objectName()].setVisible(shown)
        self._name_more()

    def _name_more(self) -> None:
        """Say how many of the settings that are out of sight are not as they are at first."""
        changed = sum(
            value(self._config, each.objectName()) != value(Config(), each.objectName()) for each in self._rare
        )
        told = f" ({changed} changed)" if changed and not self._more.isChecked() else ""
        self._more.setText("Fewer settings" if self._more.isChecked() else f"More settings{told}")
        self._more.setAccessibleName(self._more.text())

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        # A notice may be why a control is to go back.
        if not self._seen.anew(state.config, state.run.active, state.start_refusal, state.notice):
            return
        self._config = state.config
        self._name_more()
        train, compute = state.config.train, state.config.compute
        self._epochs.setValue(train.epochs)
        self._patience.setValue(train.patience)
        _show_number(self._smoothing, train.label_smoothing, most=_MOST_SMOOTHING)
        self._progressive.setChecked(train.progressive)
        self._deterministic.setChecked(compute.deterministic)
        self._isolated.setChecked(compute.isolated)
        _show_choice(self._lr, "auto" if train.lr == "auto" else f"{train.lr:g}")
        _show_choice(self._ema, f"{train.ema:g}")
        _show_choice(self._views, str(state.config.transfer.views))
        self._mix.set_value(train.mix)
        self._optimizer.set_value(train.optimizer)
        self._schedule.set_value(train.schedule)
        self._precision.set_value(compute.precision)
        refusal = "Not while a run is under way." if state.run.active else state.start_refusal
        self._find.setEnabled(not refusal)
        self._find.setToolTip(refusal or _TIPS["train.lr.find"])
        self._follow(running=state.run.active)


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
