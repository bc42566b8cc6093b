"""The bar under every page: what happens now, and how fast."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QWidget

from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.steady_label import SteadyLabel

_STEPS = 1000


class StatusBar(QFrame):
    """The phase in words with a thin progress bar on the left, figures on the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status_bar")
        self.setAccessibleName("Status")
        self.setProperty("role", "status_bar")
        self._phase = ElidedLabel("", "caption")
        self._phase.setObjectName("status_bar.phase")
        self._progress = QProgressBar()
        self._progress.setObjectName("status_bar.progress")
        self._progress.setAccessibleName("Progress")
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(160)
        self._progress.hide()
        self._figures = SteadyLabel()
        self._figures.setObjectName("status_bar.figures")
        self._figures.setProperty("role", "caption")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 4)
        layout.setSpacing(12)
        layout.addWidget(self._phase)
        layout.addWidget(self._progress)
        layout.addStretch(1)
        layout.addWidget(self._figures)

    def phase(self) -> str:
        """Return the words on the left."""
        return self._phase.text()

    def figures(self) -> str:
        """Return the words on the right."""
        return self._figures.text()

    def say(self, text: str) -> None:
        """Say what is so, without progress: `Ready`."""
        self._phase.setText(text)
        self._progress.hide()

    def say_progress(self, text: str, done: float | None) -> None:
        """Say what happens now.

        Args:
            text: `Reading 1,741 images`.
            done: How much of it is done, from 0 to 1; None where that is not known.
        """
        self._phase.setText(text)
        self._progress.setRange(0, 0 if done is None else _STEPS)
        if done is not None:
            self._progress.setValue(round(done * _STEPS))
        self._progress.show()

    def set_figures(self, *figures: str) -> None:
        """Show figures on the right, such as speed, memory and time left; empty ones are left out."""
        self._figures.setText(" · ".join(figure for figure in figures if figure))
