"""What can be looked at while a run goes on, one view at a time: feature maps, gradients, the training doctor."""

from typing import Final

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from cnnstudio.core.events import Event
from cnnstudio.core.pictures import Picture
from cnnstudio.gui.history_work import is_looking
from cnnstudio.gui.panels.batchnorm_panel import BatchNormPanel
from cnnstudio.gui.panels.doctor_panel import DoctorPanel
from cnnstudio.gui.panels.dropout_panel import DropoutPanel
from cnnstudio.gui.panels.feature_maps import FeatureMapsPanel
from cnnstudio.gui.panels.filters_panel import FiltersPanel
from cnnstudio.gui.panels.gradients_panel import GradientsPanel
from cnnstudio.gui.panels.live_card import LiveCard
from cnnstudio.gui.panels.step_panel import StepPanel
from cnnstudio.gui.panels.time_slider import TimeSlider
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.island import Island
from cnnstudio.gui.widgets.pill_row import PillRow

_VIEWS: Final = {
    "maps": "Feature maps",
    "filters": "Filters",
    "dropout": "Dropout",
    "batchnorm": "BatchNorm",
    "gradients": "Gradients",
    "step": "Step",
    "doctor": "Doctor",
}


class LiveViews(QWidget):
    """Pills over a stack of cards; what is not seen is neither computed nor drawn.

    Signals:
        evidence_chosen: Name of a curve, and the part of it that shows a finding, in epochs.
        layer_chosen: Name of the layer that is shown from now on.
    """

    evidence_chosen = Signal(str, float, float)
    layer_chosen = Signal(str)

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("train.live")
        self._doctor = DoctorPanel(session, theme)
        self._pills = PillRow("train.views", "View", _VIEWS)
        self._cards: dict[str, LiveCard] = {
            "maps": FeatureMapsPanel(session, theme),
            "filters": FiltersPanel(session, theme),
            "dropout": DropoutPanel(session, theme),
            "batchnorm": BatchNormPanel(session, theme),
            "gradients": GradientsPanel(session, theme),
            "step": StepPanel(session, theme),
            "doctor": self._doctor,
        }
        self._current = self._cards["maps"]
        self._stack = _Stack()
        self._islands = {name: Island(card) for name, card in self._cards.items()}
        for island in self._islands.values():
            self._stack.addWidget(island)
        for card in self._cards.values():
            card.layer_chosen.connect(self.layer_chosen)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._pills)
        layout.addWidget(TimeSlider(session, theme))
        layout.addWidget(self._stack, 1)
        self._pills.chosen.connect(self._present)
        self._doctor.counted.connect(self._badge)
        self._doctor.evidence_chosen.connect(self._point)
        session.run.streamed.connect(self._take)
        session.history.pictured.connect(self._take_past)
        self._session = session
        session.run.stepped.connect(self._show_step)

    def choose_layer(self, layer: str) -> None:
        """Show a layer in the view that is seen, if it has something of it to show."""
        self._current.choose_layer(layer)

    def showEvent(self, event: QShowEvent) -> None:
        """Watch again."""
        super().showEvent(event)
        self._current.watch(seen=True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Watch no more; what nobody sees is not computed."""
        self._current.watch(seen=False)
        super().hideEvent(event)

    @Slot(str)
    def _present(self, view: str) -> None:
        self._current.watch(seen=False)
        self._current = self._cards[view]
        self._stack.setCurrentWidget(self._islands[view])
        self._current.watch(seen=self.isVisible())

    @Slot(object)
    def _take(self, events: list[Event]) -> None:
        state = self._session.state
        past = state.history.epoch is not None and is_looking(state.watch)
        for event in events:
            if isinstance(event, Picture) and not past:
                self._current.take(event)

    @Slot(object)
    def _take_past(self, picture: Picture) -> None:
        self._current.take(picture)

    @Slot(int)
    def _badge(self, findings: int) -> None:
        self._pills.set_text("doctor", f"Doctor · {findings}" if findings else _VIEWS["doctor"])

    @Slot()
    def _show_step(self) -> None:
        if self._current is not self._cards["step"]:
            self._pills.set_value("step")
            self._present("step")

    @Slot(str, float, float)
    def _point(self, curve: str, begin: float, end: float) -> None:
        if curve == "pulse":  # figures of layers are in the view beside
            self._pills.set_value("gradients")
            self._present("gradients")
        else:
            self.evidence_chosen.emit(curve, begin, end)


class _Stack(QStackedWidget):
    """Likes to be as high as it needs to be: a view that would like more must not push the pills up."""

    def sizeHint(self) -> QSize:
        """Return what its views need."""
        return self.minimumSizeHint()
