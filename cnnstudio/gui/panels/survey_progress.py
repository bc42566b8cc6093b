"""How far the look at a folder is."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QPushButton, QWidget

from cnnstudio.gui.state import Work
from cnnstudio.gui.widgets.card import Card


class SurveyProgress(Card):
    """What is done now, in words and as a bar, and a button that gives it up.

    Signals:
        cancelled: The user does not want to wait.
    """

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("data.progress", "", parent=parent)
        cancel = QPushButton("Cancel")
        cancel.setObjectName("data.progress.cancel")
        cancel.setAccessibleName("Stop looking at the folder")
        cancel.clicked.connect(self.cancelled)
        self.add_to_header(cancel)
        self._bar = QProgressBar()
        self._bar.setObjectName("data.progress.bar")
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self.body.addWidget(self._bar)

    def show_work(self, work: Work) -> None:
        """Show what is done and how far it is."""
        self.set_title(f"{work.text} …")
        self.set_subtitle("" if work.done is None else f"{100 * work.done:.0f} %")
        self._bar.setValue(round(1000 * (work.done or 0.0)))
        self._bar.setAccessibleName(work.text)
