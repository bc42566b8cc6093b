"""What to do on the Test page before there is a model."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.recent_runs import RecentRuns

_SIDE = 48


class NoModel(QWidget):
    """Says that a network has to be trained first, and offers the earlier ones.

    Signals:
        run_chosen: The folder (`pathlib.Path`) of the earlier run that the user wants.
    """

    run_chosen = Signal(object)
    resume_requested = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._glyph = QLabel()
        self._title = QLabel()
        self._title.setObjectName("test.no_model")
        self._title.setProperty("role", "title")
        self._advice = QLabel()
        self._advice.setObjectName("test.no_model.advice")
        self._advice.setProperty("role", "muted")
        self._recent = RecentRuns("test.recent", "Earlier runs", theme)
        self._recent.chosen.connect(self.run_chosen)
        self._recent.resume_requested.connect(self.resume_requested)
        self._lay_out()
        self._recolour(theme.tokens)
        theme.changed.connect(self._recolour)

    def show_state(self, state: SessionState) -> None:
        """Say what to do now."""
        run = state.run
        if run.active:
            self._title.setText("The network is still in its first epoch")
            self._advice.setText("It can be asked as soon as that epoch is done, while it goes on learning.")
        else:
            more = ", or choose an earlier run" if state.recent else ""
            self._title.setText(f"Train a network first{more}")
            self._advice.setText(
                "Open a folder on the Data page and press Start. It can be asked after its first epoch."
            )
        self._recent.set_runs(state.recent)

    def _lay_out(self) -> None:
        frame = QFrame()
        frame.setProperty("role", "card")
        words = QVBoxLayout(frame)
        words.setContentsMargins(32, 32, 32, 32)
        words.setSpacing(8)
        words.addStretch(1)
        for label in (self._glyph, self._title, self._advice):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setWordWrap(label is not self._glyph)
            words.addWidget(label)
        words.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(frame, 1)
        layout.addWidget(self._recent)

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        self._glyph.setPixmap(pixmap("test", tokens.muted, _SIDE, self.devicePixelRatioF()))
