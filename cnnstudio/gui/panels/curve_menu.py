"""What can be done with the point of a curve: use or save the weights of then, see the batch, go there."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from cnnstudio.gui.history_view import epoch_words
from cnnstudio.gui.panels.step_points import StepPoint
from cnnstudio.gui.session import Session

_FILTER = "Weights (*.safetensors)"


class CurveMenu(QMenu):
    """A context menu for a position of the curves; it goes when it is closed."""

    def __init__(
        self,
        session: Session,
        at: float,
        point: StepPoint | None,
        show_batch: Callable[[int], None],
        saving: Sequence[QAction],
        parent: QWidget,
    ) -> None:
        """Make the menu.

        Args:
            session: The session, whose run the curves are of.
            at: The position in epochs.
            point: The step that was reported nearest to it.
            show_batch: Shows the batch of a step.
            saving: Actions that save the curves.
            parent: The panel of the curves.
        """
        super().__init__(parent)
        self.setObjectName("train.curves.menu")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session = session
        view, done = session.state.history, session.state.run.epochs
        wanted = min(int(max(0.0, at) + 0.5), done[-1].epoch if done else 0)
        epoch, run = view.nearest(wanted), view.run
        if epoch is None or run is None:
            self._offer("weights", "Use the weights of an epoch (none are kept)", None)
        else:
            name = epoch_words(epoch)
            instead = f" (epoch {wanted} is not kept)" if epoch != wanted else ""
            self._offer("weights", f"Use the weights of {name}{instead}", lambda: session.use_epoch(epoch))
            self._offer("save_weights", f"Save the weights of {name} …", lambda: self._save(run, epoch))
        if point is None or run is None:
            self._offer("batch", "Show the batch of a step (none is done yet)", None)
        else:
            self._offer("batch", f"Show the batch of step {point.step:,}", lambda: show_batch(point.step))
        if epoch is not None:
            self._offer("moment", f"Show this moment: {epoch_words(epoch)}", lambda: session.history.choose(epoch))
        self.addSeparator()
        self.addMenu("Save the curves").addActions(list(saving))

    def _offer(self, name: str, text: str, act: Callable[[], None] | None) -> None:
        action = self.addAction(text)
        action.setObjectName(f"train.curves.menu.{name}")
        action.setEnabled(act is not None)
        if act is not None:
            action.triggered.connect(lambda _checked=False: act())

    def _save(self, run: Path, epoch: int) -> None:
        """Ask where to, and write; the dialog asks before a file is replaced, and what it did not name stays."""
        suggested = f"{run.name}-epoch-{epoch}.safetensors"
        name, _ = QFileDialog.getSaveFileName(self.parentWidget(), "Save the weights", suggested, _FILTER)
        if not name:
            return
        path = Path(name) if Path(name).suffix else Path(f"{name}.safetensors")
        if str(path) != name and path.exists():
            self._session.say("warn", f"There is a file of that name already, and nothing is overwritten: {path}.")
        else:
            self._session.moments.save_weights(run, epoch, path)
