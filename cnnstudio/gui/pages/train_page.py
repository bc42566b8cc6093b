"""The Train page: curves, figures and feature maps while a run goes on."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from cnnstudio.core.events import EpochEnded, Event, FeatureMaps, StepEnded
from cnnstudio.gui.panels.feature_maps import FeatureMapsPanel
from cnnstudio.gui.panels.network_panel import NetworkPanel
from cnnstudio.gui.panels.preflight_panel import PreflightPanel
from cnnstudio.gui.panels.run_figures import RunFigures
from cnnstudio.gui.panels.training_settings import TrainingSettings
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.curve_plot import CurvePlot

_COLUMN = 316
_FIGURES = 256


class TrainPage(QWidget):
    """Assembles the views of a run; it asks for feature maps only while it can be seen."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("train_page")
        self._session = session
        self._curves = CurvePlot()
        self._curves.setObjectName("train.curves")
        self._maps = FeatureMapsPanel(session, theme)
        self._network = NetworkPanel(session, theme)
        self._lay_out(PreflightPanel(session, theme), RunFigures(session), TrainingSettings(session, theme))
        theme.changed.connect(self._curves.set_tokens)
        self._curves.set_tokens(theme.tokens)
        self._network.layer_chosen.connect(self._maps.choose_layer)
        self._maps.layer_chosen.connect(self._network.select_layer)
        session.run_began.connect(self._begin)
        session.streamed.connect(self._take)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what came while the page was hidden, and watch again."""
        super().showEvent(event)
        self._curves.refresh()
        self._maps.watch(seen=True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask for no more maps; what nobody sees is not computed."""
        self._maps.watch(seen=False)
        super().hideEvent(event)

    def _lay_out(self, preflight: QWidget, figures: QWidget, settings: QWidget) -> None:
        curves = Card("train.curves_card", "Loss and accuracy")
        curves.add_to_header(self._curves.legend)
        curves.body.addWidget(self._curves)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(curves, 1)
        figures.setFixedWidth(_FIGURES)
        top.addWidget(figures)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(preflight)
        left.addLayout(top, 4)
        left.addWidget(self._maps, 5)
        column = QWidget()
        stack = QVBoxLayout(column)
        stack.setContentsMargins(0, 0, 0, 0)
        stack.setSpacing(8)
        stack.addWidget(settings)
        stack.addWidget(self._network, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setFixedWidth(_COLUMN)
        scroll.setWidget(column)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addLayout(left, 1)
        layout.addWidget(scroll)

    @Slot()
    def _begin(self) -> None:
        self._curves.clear()
        self._curves.set_epochs(self._session.state.config.train.epochs)

    @Slot(object)
    def _take(self, events: list[Event]) -> None:
        steps = [event for event in events if isinstance(event, StepEnded)]
        if steps:
            self._curves.add_steps(
                [step.epoch for step in steps], [step.loss for step in steps], [step.accuracy for step in steps]
            )
        for event in events:
            if isinstance(event, EpochEnded):
                self._curves.add_epoch(
                    event.epoch,
                    train_loss=event.train_loss,
                    val_loss=event.val_loss,
                    train_accuracy=event.train_accuracy,
                    val_accuracy=event.val_accuracy,
                    best=event.best,
                )
            elif isinstance(event, FeatureMaps):
                self._maps.show_maps(event)
        if self.isVisible():
            self._curves.refresh()
