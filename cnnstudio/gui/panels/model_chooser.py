"""Which trained network is asked."""

from pathlib import Path
from typing import Final

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy

from cnnstudio.gui.history_view import epoch_words
from cnnstudio.gui.seen import Seen
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.recent_runs import arch_title
from cnnstudio.gui.words import counted, percent

_NAMED: Final = 12


class ModelChooser(Card):
    """The runs that have a model, the one that is asked, and what is known of it."""

    def __init__(self, session: Session) -> None:
        super().__init__("test.model_card", "Model")
        self._session = session
        self._seen = Seen()
        self._runs = ComboField("test.run", "Run whose model is asked", {})
        self._runs.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._runs.setMinimumContentsLength(8)  # a long name must not widen the page
        self._facts = _words("test.model", "")
        self._classes = _words("test.classes", "muted")
        self._best = QPushButton()
        self._best.setObjectName("test.model.best")
        for widget in (self._runs, self._facts, self._best, self._classes):
            self.body.addWidget(widget)
        self._runs.chosen.connect(self._choose)
        self._best.clicked.connect(lambda: session.use_epoch(None))

    def show_state(self, state: SessionState) -> None:
        """Show the runs and the one that is asked."""
        run, folder = state.run, state.model_folder
        told = (run.started, run.active, run.has_model, run.best)
        if self._seen.anew(folder, state.model_epoch, state.recent, *told) and folder is not None:
            self._present(state, folder)

    def _present(self, state: SessionState, folder: Path) -> None:
        started = state.run.started
        learning = Path(started.run) if started is not None and state.run.active else None
        runs = {str(path): path.name + (" · still learning" if path == learning else "") for path in _runs(state)}
        if runs != {self._runs.itemData(row): self._runs.itemText(row) for row in range(self._runs.count())}:
            self._runs.set_options(runs)
        self._runs.set_value(str(folder))
        self._runs.setToolTip(str(folder))
        self._facts.setText(facts(state))
        self._facts.setToolTip("The share of validation images that it classifies right.")
        asked, (_, best, _) = state.model_epoch, _known(state)
        other = None if asked is None or asked.epoch == best else asked.epoch
        self.set_subtitle("" if other is None else f"{epoch_words(other)}, not the best")
        self._best.setText(f"Back to the best weights, epoch {best}")
        self._best.setAccessibleName(self._best.text())
        self._best.setVisible(other is not None and best is not None)
        classes = _classes(state)
        self._classes.setText(_listed(classes))
        self._classes.setToolTip(", ".join(classes))
        self._classes.setVisible(bool(classes))

    @Slot(str)
    def _choose(self, key: str) -> None:
        self._session.open_run(Path(key))
        state = self._session.state
        if state.model_folder is not None:
            self._present(state, state.model_folder)  # puts the choice back where the run could not be opened


def facts(state: SessionState) -> str:
    """Say what is known of the model: `ResNet-18 · best epoch 7 · 94.2 %`."""
    (arch, epoch, accuracy), asked, folder = _known(state), state.model_epoch, state.model_folder
    parts = [arch_title(arch)] if arch else []
    if asked is not None and folder is not None:
        parts.append(f"{epoch_words(asked.epoch)} of {folder.name}")
        if asked.val_accuracy is not None:
            parts.append(f"validation accuracy {percent(asked.val_accuracy)}")
    elif epoch is not None and accuracy is not None:
        parts += [f"best epoch {epoch}", percent(accuracy)]
    return " · ".join(parts)


def _known(state: SessionState) -> tuple[str, int | None, float | None]:
    """Return architecture, best epoch and its validation accuracy of the run that is asked, as far as known."""
    folder, started = state.model_folder, state.run.started
    if started is not None and Path(started.run) == folder:
        best = state.run.best
        return started.config.model.arch, best.epoch if best else None, best.val_accuracy if best else None
    past = next((run for run in state.recent if run.path == folder), None)
    return (past.config.model.arch, past.best_epoch, past.best_val_accuracy) if past else ("", None, None)


def _runs(state: SessionState) -> tuple[Path, ...]:
    """Return the run that is under way, if it has a model, then the earlier ones, the newest first."""
    started = state.run.started
    found = [Path(started.run)] if started is not None and state.run.has_model else []
    found += [run.path for run in state.recent]
    if state.model_folder is not None:
        found.append(state.model_folder)
    return tuple(dict.fromkeys(found))


def _classes(state: SessionState) -> tuple[str, ...]:
    started = state.run.started
    if started is not None and Path(started.run) == state.model_folder:
        return started.classes
    return next((run.classes for run in state.recent if run.path == state.model_folder), ())


def _listed(classes: tuple[str, ...]) -> str:
    rest = f" and {len(classes) - _NAMED} more" if len(classes) > _NAMED else ""
    return f"It knows {counted(len(classes), 'class', 'classes')}: {', '.join(classes[:_NAMED])}{rest}."


def _words(object_name: str, role: str) -> QLabel:
    label = QLabel()
    label.setObjectName(object_name)
    label.setProperty("role", role)
    label.setWordWrap(True)
    return label
