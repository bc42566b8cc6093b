"""The curves of a run: loss and accuracy, learning rate, gradients and speed, with those of earlier runs behind."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QPoint, Slot
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QStackedWidget

from cnnstudio.core.changes import EPOCHS, PAUSED
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Changed, EpochEnded, Event, RunStarted, StepEnded
from cnnstudio.gui.panels.batch_window import BatchWindow
from cnnstudio.gui.panels.curve_menu import CurveMenu
from cnnstudio.gui.panels.step_points import StepPoints
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.curve_export import FORMATS, save_curves
from cnnstudio.gui.widgets.curve_marks import CurveMark
from cnnstudio.gui.widgets.curve_plot import CurvePlot
from cnnstudio.gui.widgets.loss_plot import LossPlot
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.gui.widgets.trace_plots import TRACES, TracePlot
from cnnstudio.gui.words import in_sentences
from cnnstudio.runtime.runs import Curves, PastRun

_VIEWS: Final = {"loss": "Loss", "lr": "Rate", "gradient_norm": "Gradients", "images_per_second": "Speed"}
_MOST_RUNS: Final = 12  # offered for comparison


class CurvesPanel(Card):
    """All curves of the run; events are drawn once a tick, and only where somebody can see them.

    Attributes:
        loss: The plot of losses and accuracies.
        traces: The other plots by the names of their figures.
    """

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__("train.curves_card", "Curves")
        self._session = session
        self._ghost: Path | None = None
        self.loss = LossPlot()
        self.loss.setObjectName("train.curves")
        self.traces = {name: TracePlot(name) for name in TRACES}
        self._plots: dict[str, CurvePlot] = {"loss": self.loss, **self.traces}
        self._stack = QStackedWidget()
        self._views = PillRow("train.curves.view", "Curves", _VIEWS)
        self._log = QPushButton("Log")
        self._more = QPushButton("More")
        self._compare = QMenu("Behind", self)
        self._points = StepPoints()
        self._batch = BatchWindow(session, theme, self._points, self)
        self._lay_out()
        self._views.chosen.connect(self._present)
        self._log.toggled.connect(self._set_log)
        session.run.began.connect(self._begin)
        session.run.streamed.connect(self._take)
        session.run.drawing.connect(self._draw)
        session.changed.connect(self._offer_runs)
        session.changed.connect(self._mark_moment)
        for plot in self._plots.values():
            plot.moment.chosen.connect(session.history.choose_near)
            plot.pick.asked.connect(self._offer_menu)
        theme.changed.connect(self._recolour)
        self._recolour(theme.tokens)
        self._offer_runs(session.state)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what came while nobody could see it."""
        super().showEvent(event)
        self._refresh()

    def compare_with(self, run: Path | None) -> None:
        """Draw the curves of an earlier run behind, or none."""
        self._ghost = run
        if run is None:
            self._show_ghost(None, {})
        else:
            self._session.questions.read_curves(run, partial(self._show_ghost, run))
        self._offer_runs(self._session.state)

    @Slot(str, float, float)
    def show_evidence(self, curve: str, begin: float, end: float) -> None:
        """Show the plot of a curve and mark a part of it, in epochs; the part of another plot is marked no longer."""
        view = curve if curve in self.traces else "loss"
        for plot in self._plots.values():
            plot.mark_part(None)
        self._plots[view].mark_part((begin, end))
        self._views.set_value(view)
        self._present(view)

    def save(self, path: Path) -> None:
        """Write the curves: the numbers of all of them as CSV, what is seen as PNG or SVG, by the ending."""
        try:
            save_curves(path, self._plots[self._views.value()], tuple(self._plots.values()))
        except InputError as error:
            self._session.say("error", in_sentences(error))
        else:
            self._session.say("info", f"The curves are saved: {path}")

    def _lay_out(self) -> None:
        for plot in self._plots.values():
            plot.legend.setParent(None)
            self._stack.addWidget(plot)
        self._legends = QStackedWidget()
        for plot in self._plots.values():
            self._legends.addWidget(plot.legend)
        self._log.setObjectName("train.curves.log")
        self._log.setCheckable(True)
        self._log.setToolTip("Let the left axis count powers of ten")
        self._compare.setObjectName("train.curves.compare")
        self._compare.setToolTip("Draw the curves of an earlier run behind these")
        menu = QMenu(self)
        menu.setObjectName("train.curves.more.menu")
        menu.addMenu(self._compare)
        menu.addSeparator()
        self._saving: list[QAction] = []
        for ending, words in FORMATS.items():
            action = menu.addAction(f"Save as {words.partition(' ')[0]} …")
            action.setObjectName(f"train.curves.save.{ending}")
            action.triggered.connect(lambda _checked=False, ending=ending: self._ask(ending))
            self._saving.append(action)
        self._more.setObjectName("train.curves.more")
        self._more.setToolTip("Curves of an earlier run behind these; save numbers or picture")
        self._more.setMenu(menu)
        self.add_to_header(self._views)
        for button in (self._log, self._more):
            button.setProperty("role", "quiet")
            button.setAccessibleName(button.text())
            self.add_to_header(button)
        self.body.addWidget(self._legends)
        self.body.addWidget(self._stack, 1)

    @Slot(str)
    def _present(self, view: str) -> None:
        self._stack.setCurrentWidget(self._plots[view])
        self._legends.setCurrentWidget(self._plots[view].legend)
        self._refresh()

    @Slot(bool)
    def _set_log(self, on: bool) -> None:
        for plot in self._plots.values():
            plot.set_log(on)

    @Slot(object)
    def _recolour(self, tokens: object) -> None:
        for plot in self._plots.values():
            plot.set_tokens(tokens)  # type: ignore[arg-type]

    @Slot(float, QPoint)
    def _offer_menu(self, at: float, place: QPoint) -> None:
        point = self._points.nearest(at)
        CurveMenu(self._session, at, point, self._show_batch, self._saving, self).popup(place)

    def _show_batch(self, step: int) -> None:
        run = self._session.state.history.run
        if run is not None:
            self._batch.look(run, step)

    @Slot()
    def _begin(self) -> None:
        self._points.clear()
        for plot in self._plots.values():
            plot.clear()
            plot.set_epochs(self._session.state.config.train.epochs)

    @Slot(object)
    def _mark_moment(self, state: SessionState) -> None:
        for plot in self._plots.values():
            if plot.moment.epoch != state.history.chosen:
                plot.mark_moment(state.history.chosen)

    @Slot(object)
    def _take(self, events: Sequence[Event]) -> None:
        begins = [at for at, event in enumerate(events) if isinstance(event, RunStarted) and not event.resumed_step]
        if begins:  # perhaps anew, with images that can all be read: what was told before does not count
            self._begin()
            events = events[begins[-1] :]
        for event in events:
            if isinstance(event, RunStarted):
                for plot in self._plots.values():
                    plot.set_epochs(event.config.train.epochs)  # an earlier run may have other settings than the next
        steps = [event for event in events if isinstance(event, StepEnded)]
        if steps:
            self._add_steps(steps)
        for event in events:
            if isinstance(event, Changed):
                self._mark(event)
            elif isinstance(event, EpochEnded):
                self.loss.add_epoch(
                    event.epoch,
                    train_loss=event.train_loss,
                    val_loss=event.val_loss,
                    train_accuracy=event.train_accuracy,
                    val_accuracy=event.val_accuracy,
                    best=event.best,
                )

    @Slot()
    def _draw(self) -> None:
        if self.isVisible():
            self._refresh()

    def _mark(self, event: Changed) -> None:
        for plot in self._plots.values():
            if event.key == EPOCHS:
                plot.lengthen(int(event.new))
            if event.key != PAUSED or event.new:  # it goes on where it was paused
                plot.mark_change(CurveMark(event.epoch, event.key, event.new, event.label))

    def _add_steps(self, steps: Sequence[StepEnded]) -> None:
        self._points.extend(steps)
        epochs = [step.epoch for step in steps]
        self.loss.add_steps(epochs, [step.loss for step in steps], [step.accuracy for step in steps])
        for head in steps[-1].aux_losses:
            told = [step for step in steps if head in step.aux_losses]
            self.loss.add_aux(head, [step.epoch for step in told], [step.aux_losses[head] for step in told])
        for name, trace in self.traces.items():
            known = [(step.epoch, float(value)) for step in steps if (value := getattr(step, name)) is not None]
            trace.extend(name, [at for at, _ in known], [value for _, value in known])
        for step in steps:
            for plot in self._plots.values():
                plot.mark_phase(step.phase, int(step.epoch - 1e-9))

    def _show_ghost(self, run: Path | None, curves: Curves) -> None:
        if run != self._ghost:
            return  # another one was chosen meanwhile
        for plot in self._plots.values():
            for series in plot.series:
                plot.show_ghost(series.name, *curves.get(series.name, ((), ())))
        self.set_subtitle("" if self._ghost is None else f"behind: {self._ghost.name}")

    def _refresh(self) -> None:
        self._plots[self._views.value()].refresh()

    def _ask(self, ending: str) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the curves", f"curves.{ending}", FORMATS[ending])
        if path:
            self.save(Path(path) if Path(path).suffix else Path(f"{path}.{ending}"))

    @Slot(object)
    def _offer_runs(self, state: SessionState) -> None:
        runs = [run for run in state.recent if not _is_shown(run, state)][:_MOST_RUNS]
        self._compare.setEnabled(bool(runs))
        offered = [None, *(run.path for run in runs)]
        if [action.data() for action in self._compare.actions()] == offered:
            for action in self._compare.actions():
                action.setChecked(action.data() == self._ghost)
            return
        self._compare.clear()
        for run in (None, *runs):
            action = self._compare.addAction("Nothing" if run is None else _words(run))
            action.setCheckable(True)
            action.setData(None if run is None else run.path)
            action.setChecked(action.data() == self._ghost)
            action.triggered.connect(lambda _checked=False, action=action: self.compare_with(action.data()))


def _is_shown(run: PastRun, state: SessionState) -> bool:
    started = state.run.started
    return started is not None and Path(started.run) == run.path


def _words(run: PastRun) -> str:
    return run.path.name
