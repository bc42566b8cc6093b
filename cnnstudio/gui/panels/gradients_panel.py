"""Gradients, updates and dead channels of the run, layer by layer."""

import csv
import io
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QLabel, QWidget

from cnnstudio.core.events import Pulse
from cnnstudio.gui.panels.live_card import LiveCard, save_button, write_file
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.pulse_table import FAST, SLOW, PulseTable, rows_of
from cnnstudio.gui.words import counted

if TYPE_CHECKING:
    from cnnstudio.models.summary import Summary

_HINT: Final = "How strongly each layer learns appears here after the first steps of a run"


class GradientsPanel(LiveCard):
    """The latest pulse of the run as a table; drawn only where somebody can see it."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.gradients_card", "Gradients", parent=parent)
        self._session = session
        self._pulse: Pulse | None = None
        self._drawn: Pulse | None = None
        self._words = QLabel()
        self._words.setObjectName("train.gradients.words")
        self._words.setProperty("role", "muted")
        self._words.setWordWrap(True)
        self._save = save_button("train.gradients.save", "Save the figures as CSV")
        self._hint = QLabel(_HINT)
        self._hint.setObjectName("train.gradients.hint")
        self._hint.setProperty("role", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._table = PulseTable(session.turns.later)
        self.add_to_header(self._save)
        self.body.addWidget(self._words)
        self.body.addWidget(self._table, 1)
        self.body.addWidget(self._hint, 1)
        self._save.clicked.connect(self._ask)
        theme.changed.connect(self._table.set_tokens)
        self._table.set_tokens(theme.tokens)
        session.run.began.connect(self._refresh)
        session.changed.connect(self._take)
        self._take(session.state)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what came while nobody could see it."""
        super().showEvent(event)
        self._refresh()

    def save(self, path: Path) -> None:
        """Write the figures of the latest pulse as CSV, a row a layer."""
        assert self._pulse is not None
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("step", "layer", "gradient_norm", "weight_norm", "update_to_weight", "dead"))
        for each in self._pulse.layers:
            dead = "" if each.dead is None else each.dead
            writer.writerow((self._pulse.step, each.path, each.gradient, each.weight, each.update, dead))
        write_file(self._session, path, text.getvalue().encode(), "The figures are")

    @Slot(object)
    def _take(self, state: SessionState) -> None:
        if state.run.pulse is not self._pulse or self._pulse is None:
            self._pulse = state.run.pulse
            if self.isVisible():
                self._refresh()
        self._save.setEnabled(self._pulse is not None)

    @Slot()
    def _refresh(self) -> None:
        pulse = self._pulse = self._session.state.run.pulse
        if pulse is self._drawn and pulse is not None:
            return
        self._drawn = pulse
        self._hint.setVisible(pulse is None)
        for part in (self._words, self._table):
            part.setVisible(pulse is not None)
        self._table.show_rows([] if pulse is None else rows_of(pulse, _stages(self._session.state.seen_summary)))
        self.set_subtitle("" if pulse is None else f"step {pulse.step:,} · {_learning(pulse)}")
        if pulse is not None:
            self._words.setText(_sentence(pulse))
            self._table.setAccessibleDescription(self._words.text())

    @Slot()
    def _ask(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the figures", "gradients.csv", "CSV table (*.csv)")
        if path:
            self.save(Path(path) if Path(path).suffix else Path(f"{path}.csv"))


def _sentence(pulse: Pulse) -> str:
    middle = median(each.update for each in pulse.layers)
    judgement = "slow" if middle < SLOW else "fast" if middle > FAST else "healthy"
    return (
        f"A step changes the weights of a layer by {middle:.1e} of themselves (median): {judgement}. "
        "About 1e-3 is usual, and 1e-4 to 1e-2 is healthy."
    )


def _learning(pulse: Pulse) -> str:
    count = len(pulse.layers)
    return f"{counted(count, 'layer')} that {'learns' if count == 1 else 'learn'}"


def _stages(summary: "Summary | None") -> dict[str, str]:
    return {row.name: row.stage for row in summary.rows} if summary else {}
