"""The Model page: choose an architecture, turn its switches, and see at once what that makes of the layers."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from cnnstudio.core.config import Config
from cnnstudio.gui.companions import with_architecture
from cnnstudio.gui.panels.network_panel import NetworkPanel
from cnnstudio.gui.panels.network_views import NetworkViews
from cnnstudio.gui.panels.preflight_panel import PreflightPanel
from cnnstudio.gui.panels.switches import SwitchesPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.architecture_gallery import ArchitectureGallery
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.models.registry import cards

_RIGHT_COLUMN = 316


class ModelPage(QScrollArea):
    """Architectures and the network on the left, its stages and switches on the right."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_page")
        self.setAccessibleName("Model")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._session = session
        self._cards = {card.name: card for card in cards()}
        self._chosen: Config | None = None
        self._companions = ""
        self._gallery = ArchitectureGallery("model.arch", "Architecture", cards(), theme)
        self._note = ElidedLabel("", "muted")
        self._note.setObjectName("model.note")
        self._preflight = PreflightPanel(session, theme)
        self._views = NetworkViews(session, theme)
        self._stages = NetworkPanel(session, theme, editable=True)
        self._lay_out(SwitchesPanel(session, theme))
        self._gallery.chosen.connect(self._choose)
        self._views.layer_chosen.connect(self._stages.select_layer)
        self._stages.layer_chosen.connect(self._views.select_layer)
        session.changed.connect(self._show)
        self._show(session.state)

    def _lay_out(self, switches: SwitchesPanel) -> None:
        page, right = QWidget(), QWidget()
        right.setFixedWidth(_RIGHT_COLUMN)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stages, 1)
        column.addWidget(switches)
        left = QVBoxLayout()
        left.addWidget(self._gallery)
        left.addWidget(self._note)
        left.addWidget(self._preflight)
        left.addWidget(self._views, 1)
        layout = _PageLayout(page)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(left, 1)
        layout.addWidget(right)
        for each in (column, left, layout):
            each.setSpacing(8)
        self.setWidget(page)

    @Slot(str)
    def _choose(self, name: str) -> None:
        self._chosen, self._companions = with_architecture(self._session.state.config, self._cards[name])
        self._session.use_config(self._chosen)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        arch = state.config.model.arch
        self._gallery.set_value(arch)
        companions = self._companions if state.config == self._chosen else ""
        self._note.setText(companions)
        self._note.setVisible(bool(companions))


class _PageLayout(QHBoxLayout):
    """Asks for the least height that will do; a scroll area gives wrapped text's whole preferred height otherwise."""

    def hasHeightForWidth(self) -> bool:
        """Return False."""
        return False
