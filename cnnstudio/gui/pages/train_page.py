"""The Train page: curves, figures and feature maps while a run goes on."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from cnnstudio.gui.panels.change_panel import ChangePanel
from cnnstudio.gui.panels.curves_panel import CurvesPanel
from cnnstudio.gui.panels.live_views import LiveViews
from cnnstudio.gui.panels.network_panel import NetworkPanel
from cnnstudio.gui.panels.preflight_panel import PreflightPanel
from cnnstudio.gui.panels.run_figures import RunFigures
from cnnstudio.gui.panels.training_settings import TrainingSettings
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.island import Island

_COLUMN = 316
_FIGURES = 256


class TrainPage(QWidget):
    """Assembles the views of a run."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("train_page")
        self._curves = CurvesPanel(session, theme)
        self._live = LiveViews(session, theme)
        self._network = NetworkPanel(session, theme)
        self._change = ChangePanel(session)
        self._lay_out(PreflightPanel(session, theme), RunFigures(session), TrainingSettings(session, theme))
        self._network.layer_chosen.connect(self._live.choose_layer)
        self._live.layer_chosen.connect(self._network.select_layer)
        self._live.evidence_chosen.connect(self._curves.show_evidence)

    def _lay_out(self, preflight: QWidget, figures: QWidget, settings: QWidget) -> None:
        top = QHBoxLayout()
        top.setSpacing(8)
        beside = Island(figures)
        beside.setFixedWidth(_FIGURES)
        top.addWidget(Island(self._curves), 1)
        top.addWidget(beside)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(preflight)
        left.addLayout(top, 4)
        left.addWidget(self._live, 5)
        column = QWidget()
        stack = QVBoxLayout(column)
        stack.setContentsMargins(0, 0, 0, 0)
        stack.setSpacing(8)
        stack.addWidget(self._change)
        stack.addWidget(settings)
        stack.addWidget(self._network, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows what is focused in it
        scroll.setFixedWidth(_COLUMN)
        scroll.setWidget(column)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addLayout(left, 1)
        layout.addWidget(scroll)
