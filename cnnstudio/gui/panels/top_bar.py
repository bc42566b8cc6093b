"""The bar over every page: what is open, start and stop, device, theme."""

from typing import Final, Literal

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QMenu, QPushButton, QWidget

from cnnstudio.gui.icons import icon
from cnnstudio.gui.theme import MODES, Mode, Theme, Tokens
from cnnstudio.gui.widgets.device_chip import DeviceChip, DeviceState
from cnnstudio.gui.widgets.elided_label import ElidedLabel

RunState = Literal["idle", "running", "paused", "stopping", "following"]

_MAIN: Final[dict[RunState, tuple[str, str]]] = {
    "idle": ("Start", "play"),
    "running": ("Pause", "pause"),
    "paused": ("Resume", "play"),
    "stopping": ("Stopping…", "stop"),
    "following": ("Following…", "play"),
}
_MODE_WORDS: Final[dict[Mode, str]] = {"system": "As the system", "light": "Light", "dark": "Dark"}


class TopBar(QFrame):
    """Shows the state it is told and reports what the user wants; it changes nothing itself.

    Signals:
        start_requested: Begin a run.
        pause_requested: Hold the run.
        resume_requested: Let the paused run go on.
        stop_requested: End the run and keep its best weights, or follow it no longer.
        device_clicked: Explain the device.
        theme_chosen: `system`, `light` or `dark`.
    """

    start_requested = Signal()
    pause_requested = Signal()
    resume_requested = Signal()
    stop_requested = Signal()
    device_clicked = Signal()
    theme_chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("top_bar")
        self.setAccessibleName("Run")
        self.setProperty("role", "top_bar")
        self._theme = theme
        self._state: RunState = "idle"
        self._refusal = ""
        self._subtitle = ElidedLabel("", "muted")
        self._subtitle.setObjectName("top_bar.subtitle")
        self._main = _button("run.start", "primary")
        self._stop = _button("run.stop", "")
        self._device = DeviceChip("top_bar.device", theme)
        self._look = _button("top_bar.theme", "quiet")
        self._look.setAccessibleName("Theme")
        self._look.setToolTip("Light or dark")
        self._modes = self._theme_menu()
        self._lay_out()
        self._main.clicked.connect(self._main_clicked)
        self._stop.clicked.connect(self.stop_requested)
        self._device.clicked.connect(self.device_clicked)
        theme.changed.connect(self._recolour)
        self._reserve_width()

    def state(self) -> RunState:
        """Return the state that is shown."""
        return self._state

    def set_state(self, state: RunState) -> None:
        """Show whether a run is idle, running, paused or stopping, or followed while another process trains it."""
        if state != self._state:
            self._state = state
            self._show()

    def set_subtitle(self, text: str) -> None:
        """Say what is open: `garden-birds · resnet18 · run 7`."""
        self._subtitle.setText(text)

    def set_start_refusal(self, sentence: str) -> None:
        """Say why a run cannot start now; an empty sentence enables Start."""
        if sentence != self._refusal:
            self._refusal = sentence
            self._show()

    def set_device(self, text: str, state: DeviceState, why: str = "") -> None:
        """Say what computes, and why."""
        self._device.set_device(text, state, why)

    def _theme_menu(self) -> dict[Mode, QAction]:
        menu = QMenu(self._look)
        menu.setObjectName("top_bar.theme_menu")
        group = QActionGroup(menu)
        actions: dict[Mode, QAction] = {}
        for mode in MODES:
            action = menu.addAction(_MODE_WORDS[mode])
            action.setObjectName(f"theme.{mode}")
            action.setCheckable(True)
            action.setChecked(mode == self._theme.mode)
            action.triggered.connect(lambda _checked=False, mode=mode: self.theme_chosen.emit(mode))
            group.addAction(action)
            actions[mode] = action
        self._look.setMenu(menu)
        menu.aboutToShow.connect(self._mark_mode)
        return actions

    def _lay_out(self) -> None:
        name = QLabel("CNN Studio")
        name.setProperty("role", "title")
        left, centre, right = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        left.addWidget(name)
        left.addWidget(self._subtitle, 1)
        centre.addWidget(self._main)
        centre.addWidget(self._stop)
        right.addStretch(1)
        right.addWidget(self._device)
        right.addWidget(self._look)
        layout = QGridLayout(self)
        layout.setContentsMargins(16, 9, 12, 9)
        for column, part in enumerate((left, centre, right)):
            part.setSpacing(8)
            layout.addLayout(part, 0, column)
            layout.setColumnStretch(column, column % 2 == 0)
        left.setSpacing(12)

    def changeEvent(self, event: QEvent) -> None:
        """Measure anew in another style."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._reserve_width()

    def _reserve_width(self) -> None:
        """Make the main button as wide as its longest word needs, so that nothing moves when the state changes."""
        state, widths = self._state, []
        self._main.ensurePolished()
        for self._state in _MAIN:
            self._show()
            widths.append(self._main.sizeHint().width())
        self._state = state
        self._show()
        self._main.setMinimumWidth(max(widths))

    def _show(self) -> None:
        text, _ = _MAIN[self._state]
        following = self._state == "following"
        refusal = self._refusal if self._state == "idle" or following else ""
        self._main.setText(text)
        self._main.setAccessibleName(text)
        self._main.setAccessibleDescription(refusal)
        self._main.setToolTip(refusal)
        self._main.setEnabled(self._state not in {"stopping", "following"} and not refusal)
        self._stop.setText("Stop following" if following else "Stop")
        self._stop.setAccessibleName(self._stop.text())
        self._stop.setEnabled(self._state in {"running", "paused", "following"})
        does = "The other process goes on" if following else "End after this batch and keep the best weights"
        self._stop.setToolTip(does if self._stop.isEnabled() else "")
        self._recolour(self._theme.tokens)

    @Slot()
    def _main_clicked(self) -> None:
        match self._state:
            case "idle":
                self.start_requested.emit()
            case "running":
                self.pause_requested.emit()
            case "paused":
                self.resume_requested.emit()
            case "stopping" | "following":
                pass

    @Slot()
    def _mark_mode(self) -> None:
        self._modes[self._theme.mode].setChecked(True)

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        _, name = _MAIN[self._state]
        self._main.setIcon(icon(name, tokens.on_accent if self._main.isEnabled() else tokens.muted))
        self._stop.setIcon(icon("stop", tokens.text if self._stop.isEnabled() else tokens.muted))
        self._look.setIcon(icon("theme", tokens.text))


def _button(object_name: str, role: str) -> QPushButton:
    button = QPushButton()
    button.setObjectName(object_name)
    button.setProperty("role", role)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
