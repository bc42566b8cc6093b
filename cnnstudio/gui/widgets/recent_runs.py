"""Earlier runs, each a row that opens it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from cnnstudio.core.errors import InputError
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.steady_label import tabular
from cnnstudio.gui.words import percent
from cnnstudio.models import registry
from cnnstudio.runtime.runs import PastRun


class RecentRuns(Card):
    """The latest runs; hidden while there are none.

    Signals:
        chosen: The folder (`pathlib.Path`) of the run that the user wants.
        resume_requested: The folder of the run that is to go on.
    """

    chosen = Signal(object)
    resume_requested = Signal(object)

    def __init__(self, object_name: str, title: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(object_name, title, parent=parent)
        self._theme = theme
        self._runs: tuple[PastRun, ...] = ()
        self._rows: list[_RunRow] = []
        self.body.setSpacing(0)
        self.hide()

    def set_runs(self, runs: Sequence[PastRun]) -> None:
        """Show other runs, in their order."""
        if tuple(runs) == self._runs:
            return
        self._runs = tuple(runs)
        for row in self._rows:
            self.body.removeWidget(row)
            row.setParent(None)
            row.deleteLater()
        self._rows = [_RunRow(f"{self.objectName()}.{run.path.name}", run, self._theme) for run in runs]
        for row in self._rows:
            row.clicked.connect(lambda _=False, path=row.run.path: self.chosen.emit(path))
            row.resume.clicked.connect(lambda _=False, path=row.run.path: self.resume_requested.emit(path))
            self.body.addWidget(row)
        self._align()
        self.setVisible(bool(runs))

    def changeEvent(self, event: QEvent) -> None:
        """Measure anew in another style."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._align()

    def _align(self) -> None:
        if any(run.next_epoch is not None for run in self._runs):
            _align([row.resume for row in self._rows])


class _RunRow(QAbstractButton):
    """Name, architecture, accuracy and time of a run, in columns, and a button that lets it go on where it can."""

    def __init__(self, object_name: str, run: PastRun, theme: Theme) -> None:
        super().__init__()
        self.run = run
        self._theme = theme
        accuracy = "" if run.best_val_accuracy is None else percent(run.best_val_accuracy)
        when = "training elsewhere" if run.written else moment(run.modified, datetime.now(UTC).astimezone())
        columns = (run.path.name, arch_title(run.config.model.arch), accuracy, when)
        self.setObjectName(object_name)
        self.setAccessibleName(", ".join(filter(None, columns)))
        self.setToolTip(str(run.path))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 7, 8, 7)
        layout.setSpacing(16)
        name, arch = ElidedLabel(columns[0]), ElidedLabel(columns[1], "muted")
        layout.addWidget(name, 5)
        layout.addWidget(arch, 3)
        for text, role, sample in ((columns[2], "", "100.0 %"), (columns[3], "muted", "30 September 2025")):
            label = QLabel(text)
            label.setProperty("role", role)
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            label.setFont(tabular(label.font()))
            label.setFixedWidth(label.fontMetrics().horizontalAdvance(sample))
            layout.addWidget(label)
        self.resume = QPushButton(f"Resume at epoch {run.next_epoch or ''}".rstrip())
        self.resume.setObjectName(f"{object_name}.resume")
        self.resume.setAccessibleName(f"Resume {run.path.name} at epoch {run.next_epoch}")
        self.resume.setProperty("role", "link")
        self.resume.setVisible(run.next_epoch is not None)
        layout.insertWidget(2, self.resume)
        for label in self.findChildren(QLabel):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ground under the pointer and the focus ring."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.accent), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
        if self.isDown() or self.underMouse():
            painter.setBrush(QColor(tokens.tint if self.isDown() else tokens.hover))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)


def _align(buttons: Sequence[QPushButton]) -> None:
    """Give all buttons of a column the same room, those that are hidden too."""
    for button in buttons:
        button.ensurePolished()
        policy = button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        button.setSizePolicy(policy)
    width = max(button.sizeHint().width() for button in buttons)
    for button in buttons:
        button.setFixedWidth(width)


def arch_title(arch: str) -> str:
    """Return the name that people use; a run of another version may have an architecture that is unknown here."""
    try:
        return registry.card(arch).title
    except InputError:
        return arch


def moment(seconds: float, now: datetime) -> str:
    """Say when something was, in as few words as it takes.

    Args:
        seconds: Since 1970.
        now: In the time zone in which it is said.
    """
    then = datetime.fromtimestamp(seconds, now.tzinfo)
    days = (now.date() - then.date()).days
    if days <= 1:
        return f"{'yesterday' if days == 1 else 'today'}, {then:%H:%M}"
    return f"{then.day} {then:%B}" + ("" if then.year == now.year else f" {then.year}")
