"""The drawn network with the buttons that zoom, open its blocks and save it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from cnnstudio.core.errors import InputError
from cnnstudio.gui.icons import icon
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.network_graph import NetworkGraph
from cnnstudio.gui.words import in_sentences

if TYPE_CHECKING:
    from cnnstudio.models.summary import Summary

_FORMATS: Final = {"svg": "SVG drawing (*.svg)", "png": "PNG image (*.png)"}


class GraphPanel(QWidget):
    """The network as a graph; with other switches it is drawn anew, and what is open stays open.

    Attributes:
        tools: A row of buttons for whoever shows the panel to place.

    Signals:
        layer_chosen: Name of the layer that the user has chosen.
    """

    layer_chosen = Signal(str)

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("graph")
        self._session = session
        self._summary: Summary | None = None
        self._graph = NetworkGraph(theme)
        self.tools = QWidget(self)
        self._buttons = {
            "fit": _button("graph.fit", "Fit", "Show the whole network (0, or a double click beside it)"),
            "open": _button("graph.open", "Open all", "Show the layers of all blocks (Enter opens the chosen one)"),
            "close": _button("graph.close", "Close all", "Show each block as one"),
            "save": _button("graph.save", "Save …", "Save the drawing as SVG or PNG"),
        }
        self._zoom = {
            "in": _button("graph.zoom_in", "", "Zoom in (+, or the wheel)"),
            "out": _button("graph.zoom_out", "", "Zoom out (−, or the wheel)"),
        }
        self._lay_out()
        self._connect()
        theme.changed.connect(self._recolour)
        self._recolour(theme.tokens)
        session.changed.connect(self._show)
        self._show(session.state)

    def select_layer(self, name: str) -> None:
        """Ring a layer, without a signal."""
        self._graph.select(name)

    def save(self, path: Path) -> None:
        """Write the drawing, as SVG or PNG by the ending of the path; what went wrong becomes a notice.

        Args:
            path: The file; without one of the two endings it gets that of SVG.
        """
        try:
            if path.suffix.lower() == ".png":
                self._graph.save_png(path)
            else:
                path = path if path.suffix.lower() == ".svg" else path.with_name(path.name + ".svg")
                self._graph.save_svg(path)
        except InputError as error:
            self._session.say("error", in_sentences(error))
        else:
            self._session.say("info", f"The drawing is saved: {path}")

    def _lay_out(self) -> None:
        row = QHBoxLayout(self.tools)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for button in (*self._zoom.values(), *self._buttons.values()):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._graph, 1)

    def _connect(self) -> None:
        self._graph.layer_chosen.connect(self.layer_chosen)
        self._buttons["fit"].clicked.connect(self._graph.fit)
        self._buttons["open"].clicked.connect(self._graph.expand_all)
        self._buttons["close"].clicked.connect(self._graph.collapse_all)
        self._zoom["in"].clicked.connect(self._graph.zoom_in)
        self._zoom["out"].clicked.connect(self._graph.zoom_out)
        menu = QMenu(self)
        menu.setObjectName("graph.save.menu")
        for ending, words in (("svg", "As SVG …"), ("png", "As PNG …")):
            action = menu.addAction(words)
            action.setObjectName(f"graph.save.{ending}")
            action.triggered.connect(lambda _checked=False, ending=ending: self._ask(ending))
        self._buttons["save"].setMenu(menu)

    def _ask(self, ending: str) -> None:
        name = f"{self._session.state.config.model.arch}.{ending}"
        path, _ = QFileDialog.getSaveFileName(self, "Save the drawing", name, _FORMATS[ending])
        if path:
            self.save(Path(path) if Path(path).suffix else Path(f"{path}.{ending}"))

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        self._zoom["in"].setIcon(icon("zoom-in", tokens.muted))
        self._zoom["out"].setIcon(icon("zoom-out", tokens.muted))

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        summary = state.summary
        if summary is self._summary:
            return
        self._summary = summary
        if summary is not None:
            self._graph.show_network(summary.rows, image_size=summary.image_size)


def _button(object_name: str, text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(object_name)
    button.setProperty("role", "quiet")
    button.setToolTip(tip)
    button.setAccessibleName(text or tip.partition(" (")[0])
    return button
