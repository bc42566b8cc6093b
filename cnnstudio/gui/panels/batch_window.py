"""A window with the images of a training batch, as a run learnt from them in one of its steps."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from cnnstudio.gui.panels.step_points import StepPoints
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.batch_wall import BatchWall
from cnnstudio.gui.widgets.path_line import PathLine

if TYPE_CHECKING:
    from cnnstudio.engine.past_batch import PastBatch

_SIZE: Final = (1040, 640)
_LOOKING: Final = "Reading the images of the batch …"


class BatchWindow(QDialog):
    """Shows the batch of one step, and goes to the one before or after it."""

    def __init__(self, session: Session, theme: Theme, points: StepPoints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("train.batch")
        self.setWindowTitle("Training batch")
        self.resize(*_SIZE)
        self._session = session
        self._theme = theme
        self._points = points
        self._run: Path | None = None
        self._step = 0
        self._title = _words("train.batch.title", "title")
        self._loss = _words("train.batch.loss", "")
        self._note = _words("train.batch.note", "muted")
        self._said = _words("train.batch.said", "muted")
        self._wall = BatchWall("train.batch.images", "Images of the batch")
        self._path = PathLine("train.batch.path", "File of the chosen image")
        self._open = _button("train.batch.open", "Open the image")
        self._before = _button("train.batch.before", "Previous batch")
        self._after = _button("train.batch.after", "Next batch")
        self._pages = QStackedWidget()
        self._lay_out()
        self._wall.chosen.connect(self._path.set_path)
        self._wall.opened.connect(open_file)
        self._open.clicked.connect(lambda: open_file(self._path.path()))
        self._before.clicked.connect(lambda: self._look(self._step - 1))
        self._after.clicked.connect(lambda: self._look(self._step + 1))
        session.moments.batch_seen.connect(self._show)
        session.moments.batch_not_seen.connect(self._refuse)
        session.run.began.connect(self.close)

    def look(self, run: Path, step: int) -> None:
        """Show the batch of a step of a run."""
        self._run = run
        self._look(step)
        self.setFocus()  # until there are images, which take it
        self.show()
        self.raise_()

    def done(self, result: int) -> None:
        """Close, and look for no batch any longer."""
        self._session.moments.forget_batch()
        super().done(result)

    def _look(self, step: int) -> None:
        point = self._points.telling_of(step)
        if point is None or self._run is None:
            return
        self._step = step
        self._before.setEnabled(step > 1)
        self._after.setEnabled(step < self._points.last_step)
        self._title.setText(f"Step {step:,}")
        alone = point.since == point.step
        which = "" if alone else f", the mean of steps {point.since:,} to {point.step:,}"
        self._loss.setText(f"Training loss {point.loss:.3f}{which}")
        self._note.clear()
        self._say(_LOOKING)
        self._session.moments.ask_batch(self._run, step, whole=point.whole)

    @Slot(object)
    def _show(self, batch: "PastBatch") -> None:
        if (batch.run, batch.step) != (self._run, self._step):
            return
        self._title.setText(f"Step {batch.step:,}: batch {batch.number:,} of {batch.batches:,} in epoch {batch.epoch}")
        few = len(batch.images) < batch.size
        shown = f"The first {len(batch.images)} of {batch.size} images" if few else f"{batch.size} images"
        self._note.setText(f"{shown}. {batch.note}")
        self._wall.set_blank(self._theme.tokens.border)
        self._wall.show_images(batch.images)
        self._open.setEnabled(True)
        self._pages.setCurrentWidget(self._wall)
        if not self._before.hasFocus() and not self._after.hasFocus():
            self._wall.setFocus()

    @Slot(str)
    def _refuse(self, sentence: str) -> None:
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        self._said.setText(sentence)
        self._path.set_path("")
        self._open.setEnabled(False)
        self._pages.setCurrentWidget(self._said)

    def _lay_out(self) -> None:
        self._said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for page in (self._said, self._wall):
            self._pages.addWidget(page)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title, 1)
        head.addWidget(self._before)
        head.addWidget(self._after)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self._path, 1)
        foot.addWidget(self._open)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self._loss)
        layout.addWidget(self._note)
        layout.addWidget(self._pages, 1)
        layout.addLayout(foot)


def open_file(path: str) -> None:
    """Open a file with the program that the system has for it."""
    if path:
        QDesktopServices.openUrl(QUrl.fromLocalFile(path))


def _words(object_name: str, role: str) -> QLabel:
    label = QLabel()
    label.setObjectName(object_name)
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def _button(object_name: str, text: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(object_name)
    button.setAccessibleName(text)
    button.setAutoDefault(False)  # Return belongs to the wall
    return button
