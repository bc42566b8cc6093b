"""What the run that goes on can take, while it goes on: the settings beside it are those of the next run."""

from typing import Final

from PySide6.QtCore import QSignalBlocker, QTimer, Slot
from PySide6.QtWidgets import QLabel, QPushButton, QSpinBox, QWidget

from cnnstudio.core.changes import DROPOUT, EPOCHS, LR, STAGES
from cnnstudio.gui.seen import Seen
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunView, SessionState
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.field import Field, NumberField, SpinField
from cnnstudio.gui.widgets.rate_field import RateField

_SETTLED_MS: Final = 500  # after the last turn of a field, so that its arrows make one change of many
_MORE: Final = 5  # epochs
_NARROW: Final = 104
_MOST_DROPPED: Final = 0.95
_TIPS: Final = {
    LR: "The highest learning rate of the schedule of this run; the schedule keeps its shape.",
    DROPOUT: "Probability that Dropout2d drops a whole map in this run.",
    EPOCHS: "How many epochs this run is to have; the rest of its schedule is stretched over them.",
    STAGES: "One more stage learns from the next epoch on.",
}


class ChangePanel(Card):
    """Changes of the run of this window, taken after its present step; there is no such card without such a run."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("train.change", "Change this run", "from the next step on", parent)
        self._session = session
        self._asked: dict[str, float] = {}  # and not answered yet
        self._seen = Seen()
        self._answers = 0  # warnings and changes that the run had told when something was asked
        self._lr = RateField("train.change.lr", "Learning rate of this run")
        self._dropout = NumberField(
            "train.change.dropout2d", "Dropout of this run", low=0, high=_MOST_DROPPED, step=0.05
        )
        self._epochs = SpinField("train.change.epochs", "Epochs of this run", low=1, high=100_000)
        self._half = self._button("train.change.half", "× ½", "Halve the learning rate")
        self._double = self._button("train.change.double", "× 2", "Double the learning rate")
        self._more = self._button("train.change.more", f"+ {_MORE}", f"{_MORE} epochs more")
        self._unfreeze = self._button("train.change.unfreeze", "", "Unfreeze one more stage")
        self._coming = QLabel()
        self._coming.setObjectName("train.change.coming")
        self._coming.setProperty("role", "caption")
        self._coming.setWordWrap(True)
        self._lay_out()
        self._connect()
        session.changed.connect(self._show)
        self._show(session.state)

    def _button(self, name: str, text: str, label: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setAccessibleName(label)
        button.setToolTip(label)
        return button

    def _lay_out(self) -> None:
        rows = (
            ("Learning rate", LR, self._lr),
            ("Dropout p", DROPOUT, self._dropout),
            ("Epochs", EPOCHS, self._epochs),
        )
        fields = {}
        for label, key, control in rows:
            control.setMinimumWidth(_NARROW)
            control.setToolTip(_TIPS[key])
            fields[key] = Field(label, control)
            fields[key].set_compact(28, spacing=8)
            self.body.addWidget(fields[key])
        for key, button in ((LR, self._half), (LR, self._double), (EPOCHS, self._more)):
            button.setProperty("role", "text")
            fields[key].add_before(button)
        self._unfreeze.setToolTip(_TIPS[STAGES])
        self.body.addWidget(self._unfreeze)
        self.body.addWidget(self._coming)
        self.body.setSpacing(4)

    def _connect(self) -> None:
        self._timers = {LR: self._settling(LR, self._lr), DROPOUT: self._settling(DROPOUT, self._dropout)}
        self._timers[EPOCHS] = self._settling(EPOCHS, self._epochs)
        self._half.clicked.connect(lambda: self._ask(LR, self._wanted(LR) / 2))
        self._double.clicked.connect(lambda: self._ask(LR, min(self._lr.maximum(), 2 * self._wanted(LR))))
        self._more.clicked.connect(lambda: self._ask(EPOCHS, int(self._wanted(EPOCHS)) + _MORE))
        # One at a time; the button stays enabled until the answer, or the focus would go on to a number.
        self._unfreeze.clicked.connect(lambda: self._ask(STAGES, int(_present(self._session.state.run, STAGES)) + 1))

    def _settling(self, key: str, field: QSpinBox | NumberField) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(_SETTLED_MS)
        timer.timeout.connect(lambda: self._ask(key, field.value()))
        field.valueChanged.connect(lambda _value: timer.start())
        return timer

    def _wanted(self, key: str) -> float:
        """Return a setting as it is to be: as it was asked for, or else as it is."""
        return self._asked.get(key, _present(self._session.state.run, key))

    def _ask(self, key: str, value: float) -> None:
        if key in self._timers:
            self._timers[key].stop()
        run = self._session.state.run
        if value == self._wanted(key) or not _takes(run):
            return
        self._asked[key] = value
        self._answers = len(run.notes)
        self._session.run.change(key, value)
        self._refresh(self._session.state.run)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        run = state.run
        phase = run.step.phase if run.step else ""
        if self._seen.anew(run.status, run.started, run.changes, run.notes, phase, len(_coming(run))):
            self._refresh(run)

    def _refresh(self, run: RunView) -> None:
        takes = _takes(run)
        self.setVisible(run.ours and run.started is not None)
        self.setEnabled(takes)
        if not takes or len(run.notes) > self._answers:  # it may have refused something
            self._asked.clear()
        self._answers = len(run.notes)
        if run.config is None:
            return
        self._asked = {key: value for key, value in self._asked.items() if _present(run, key) != value}
        for key, field in ((LR, self._lr), (DROPOUT, self._dropout), (EPOCHS, self._epochs)):
            if not self._timers[key].isActive() and not (field.hasFocus() and field.lineEdit().isModified()):
                blocker = QSignalBlocker(field)
                field.setValue(self._wanted(key))  # type: ignore[arg-type]  # that of epochs is whole
                blocker.unblock()
        stage = next_stage(run)
        self._unfreeze.setVisible(bool(stage))
        self._unfreeze.setText(f"Unfreeze one more stage ({stage})")
        said = _coming(run)
        self._coming.setText(said[-1].partition(":")[0] if said else "")
        self._coming.setVisible(bool(said))


def _coming(run: RunView) -> list[str]:
    """Return what is told of the stages that learn from a later epoch on."""
    return [each.text for each in run.changes if each.key == STAGES and run.step and each.epoch > run.step.epoch]


def next_stage(run: RunView) -> str:
    """Return the name of the stage that could learn next; empty where all learn, or will without a request."""
    if run.started is None or run.learning is None:
        return ""
    frozen = run.started.stages[: -run.learning]
    return frozen[-1] if frozen else ""


def _takes(run: RunView) -> bool:
    return run.ours and run.status != "stopping" and run.started is not None


def _present(run: RunView, key: str) -> float:
    if key == EPOCHS:
        return run.planned
    section, name = key.split(".")
    value = getattr(getattr(run.config, section), name)
    return value if isinstance(value, int | float) else 0.0  # an automatic rate, which runs tell as a number
