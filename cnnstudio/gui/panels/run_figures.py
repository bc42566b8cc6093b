"""The figures of the run: how good, how fast, how long still."""

import math

import psutil
from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunView, SessionState
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.key_values import KeyValues
from cnnstudio.gui.words import duration, percent

_NOTHING = "–"


class RunFigures(Card):
    """A card of figures that follows the run."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("train.figures", "This run", parent=parent)
        self._session = session
        self._values = KeyValues("train.figures.values", "Figures of this run")
        self.body.addWidget(self._values)
        self.body.addStretch(1)
        self._process = psutil.Process()
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._refresh_memory)
        self._timer.start()
        session.changed.connect(self._show)
        self._show(session.state)
        self._refresh_memory()

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        run = state.run
        last, best = (run.epochs[-1] if run.epochs else None), run.best
        self._values.set("Val accuracy", _accuracy(run))
        self._values.set("Best", f"{percent(best.val_accuracy)} at epoch {best.epoch}" if best else _NOTHING)
        self._values.set("Since best", _since(last.epoch - best.epoch) if last and best else _NOTHING)
        self._values.set("Training loss", f"{run.step.loss:.3f}" if run.step else _NOTHING)
        self._values.set("Speed", f"{run.step.images_per_second:,.0f} images/s" if run.step else _NOTHING)
        self._values.set("Learning rate", f"{run.step.lr:.1e}" if run.step else _NOTHING)
        self._values.set("Weights", _weights(run), run.started.weights if run.started else "")
        left = run.seconds_left
        self._values.set("Time left", duration(left) if left is not None else _NOTHING)

    @Slot()
    def _refresh_memory(self) -> None:
        self._values.set("Memory", f"{self._process.memory_info().rss / 1e9:.1f} GB")


def _accuracy(run: RunView) -> str:
    if not run.epochs or run.started is None:
        return _NOTHING
    share = run.epochs[-1].val_accuracy
    margin = _wilson(share, run.started.val_images)
    return f"{percent(share)} ± {100 * margin:.1f}"


def _weights(run: RunView) -> str:
    if run.started is None:
        return _NOTHING
    loaded, skipped = run.started.weights_loaded, len(run.started.weights_skipped)
    return f"{loaded:,} of {loaded + skipped:,} tensors" if loaded else "random"


def _wilson(share: float, images: int) -> float:
    """Return half of the 95 % interval of a share of `images` (Wilson, 1927), which is not empty at 0 and 100 %."""
    z = 1.96
    return z / (1 + z * z / images) * math.sqrt(share * (1 - share) / images + z * z / (4 * images * images))


def _since(epochs: int) -> str:
    return "this epoch" if epochs == 0 else f"{epochs} epoch{'s' if epochs > 1 else ''}"
