"""One training step of the run, stage by stage: forward, loss, backward, update."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cnnstudio.core.control import ANY_TENSOR
from cnnstudio.core.pictures import STAGES, Picture, StepStage
from cnnstudio.gui.panels.live_card import LiveCard, save_button, write_file
from cnnstudio.gui.panels.step_words import sentences
from cnnstudio.gui.saved_file import png
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunView, SessionState
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.island import Island
from cnnstudio.gui.widgets.stage_chips import StageChips
from cnnstudio.gui.widgets.steady_words import SteadyWords
from cnnstudio.gui.widgets.step_table import StepTable
from cnnstudio.gui.widgets.tensor_picture import TensorPicture

_HERE: Final = "What a training step computes appears here"
_IDLE: Final = f"{_HERE}: start a run, pause it (Space), then press the “.” key to take one step"
_RUNNING: Final = f"{_HERE}: pause (Space), then press the “.” key to take one step"
_PAUSED: Final = "Press the “.” key to take one step: forward, loss, backward and update, one at a time"
_COMING: Final = "The run takes the stage …"
_ELSEWHERE: Final = "Single steps can be taken where the run trains"
_TABLE, _PICTURE = 584, 236  # pixels across in the smallest window; what there is more is shared 3 to 2
_RESTING: Final = frozenset({"pausing", "paused"})
_KINDS: Final = {"csv": "CSV table of the figures (*.csv)", "png": "PNG image of the tensor (*.png)"}


class StepPanel(LiveCard):
    """The tensors of the stage that was taken last as a table, one of them as a picture, and what has happened."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.step_card", "Step", parent=parent)
        self._session = session
        self._stage: StepStage | None = None
        self._wanted = ANY_TENSOR
        self._seen = self._coming = False
        self._chips = StageChips("train.step.stages")
        self._next = QPushButton()
        self._next.setObjectName("train.step.next")
        self._next.setProperty("role", "primary")
        self._next.setToolTip("Take the next stage of the step, and hold behind it (the . key)")
        self._words = SteadyWords("train.step.words")
        self._hint = QLabel(_IDLE)
        self._hint.setObjectName("train.step.hint")
        self._hint.setProperty("role", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._table = StepTable("train.step.tensors", session.turns.later)
        self._picture = TensorPicture("train.step.picture")
        self._save = save_button("train.step.save", "Save the tensor as PNG, or the figures of the stage as CSV")
        self._pages = QStackedWidget()
        self._pages.setObjectName("train.step.pages")
        self._lay_out()
        self._next.clicked.connect(session.run.step)
        self._save.clicked.connect(self._ask)
        self._table.tensor_chosen.connect(self._choose)
        session.run.stepped.connect(self._ask_for_stage)
        session.run.began.connect(self._begin)
        session.changed.connect(self._show)
        theme.changed.connect(self._set_tokens)
        self._set_tokens(theme.tokens)
        self._show(session.state)

    def watch(self, *, seen: bool) -> None:
        """Say whether anybody can see the tensors; without that none is drawn."""
        self._seen = seen
        self._look()

    def take(self, picture: Picture) -> None:
        """Show a stage that was taken, while the run holds."""
        if not isinstance(picture, StepStage) or self._session.state.run.status not in _RESTING:
            return
        self._stage, self._coming = picture, False
        for draw in (self._tell, self._table.show_stage, self._picture.show_tensor):
            self._session.turns.later(partial(self._draw, draw, picture))

    def _tell(self, stage: StepStage) -> None:
        self._words.set_text(sentences(stage))
        self.set_subtitle(f"step {stage.step:,} · {stage.tensor}")
        self._show(self._session.state)

    def _draw(self, draw: Callable[[StepStage], None], stage: StepStage) -> None:
        if stage is self._stage:
            draw(stage)

    def choose_layer(self, layer: str) -> None:
        """Show the tensor of a layer that was chosen elsewhere, if the stage has one."""
        if self._stage is not None and any(f"{name}.".startswith(f"{layer}.") for name in self._stage.names):
            self._wanted = layer
            self._look()

    def save(self, path: Path) -> None:
        """Write the figures of the stage as CSV, a row a tensor, or the picture of the tensor as PNG."""
        assert self._stage is not None
        drawn = path.suffix.lower() == ".png"
        content = png(self._picture.grab().toImage()) if drawn else _csv(self._stage).encode()
        write_file(self._session, path, content, "The stage is")

    def _lay_out(self) -> None:
        self.add_to_header(self._save)
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._chips)
        top.addStretch(1)
        button = Island(self._next)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        top.addWidget(button)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setObjectName("train.step.split")
        split.setChildrenCollapsible(False)
        split.setHandleWidth(12)
        split.addWidget(self._table)
        split.addWidget(self._picture)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([_TABLE, _PICTURE])
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._words)
        column.addWidget(split, 1)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(shown)
        self.body.addLayout(top)
        self.body.addWidget(self._pages, 1)

    @Slot()
    def _begin(self) -> None:
        self._wanted = ANY_TENSOR
        self._forget()
        self._look()

    def _forget(self) -> None:
        self._stage, self._coming = None, False
        self._table.clear()
        self._picture.show_tensor(None)
        self.set_subtitle("")

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        run = state.run
        rests = run.status in _RESTING
        if not rests and (self._stage is not None or self._coming):
            self._forget()
        stage = self._stage
        self._hint.setText(self._what_comes(run))
        self._pages.setCurrentIndex(0 if stage is None else 1)
        self._chips.set_current("" if stage is None else stage.stage)
        self._save.setEnabled(stage is not None)
        at = 0 if stage is None else (STAGES.index(stage.stage) + 1) % len(STAGES)
        self._next.setText("Computing …" if self._coming else f"Next: {STAGES[at].capitalize()} (.)")
        self._next.setAccessibleName(f"Take the next stage: {STAGES[at]}")
        self._next.setEnabled(rests and not self._coming)

    def _what_comes(self, run: RunView) -> str:
        if run.status == "following":
            return _ELSEWHERE
        if not run.ours:
            return _IDLE
        if self._coming:
            return _COMING
        return _PAUSED if run.status in _RESTING else _RUNNING

    @Slot()
    def _ask_for_stage(self) -> None:
        self._coming = True
        self._show(self._session.state)

    def _look(self) -> None:
        wanted = self._wanted if self._seen else ""
        self._session.watch(replace(self._session.state.watch, tensor=wanted))

    @Slot(str)
    def _choose(self, name: str) -> None:
        self._wanted = name
        self._look()
        layer = name.partition(":")[0].partition(" ")[0]
        self.layer_chosen.emit(layer.removesuffix(".weight").removesuffix(".bias"))

    @Slot(object)
    def _set_tokens(self, tokens: Tokens) -> None:
        for part in (self._chips, self._table, self._picture):
            part.set_tokens(tokens)

    @Slot()
    def _ask(self) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Save the stage", "step.csv", ";;".join(_KINDS.values()))
        if path:
            ending = "png" if kind == _KINDS["png"] else "csv"
            self.save(Path(path) if Path(path).suffix else Path(f"{path}.{ending}"))


def _csv(stage: StepStage) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step", "stage", "tensor", "what", "block", "shape", "min", "max", "mean", "zeros", "norm"))
    for at, name in enumerate(stage.names):
        what = " ".join(filter(None, (stage.titles[at], f"({stage.kinds[at]})")))
        shape = "x".join(map(str, stage.shapes[at]))
        figures = (f"{float(each):.7g}" for each in stage.figures[at])
        writer.writerow((stage.step, stage.stage, name, what, stage.blocks[at], shape, *figures))
    return text.getvalue()
