"""The network as a drawing: blocks that open to their layers, skip connections, branches, what is frozen."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cnnstudio.core.errors import InputError
from cnnstudio.gui.graph.blocks import build_graph
from cnnstudio.gui.graph.layers import Layer
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.widgets.graph_canvas import GraphCanvas
from cnnstudio.gui.widgets.graph_export import Sheet
from cnnstudio.gui.widgets.graph_legend import GraphLegend, entries_of
from cnnstudio.gui.widgets.graph_style import GraphStyle

_STEP = 1.25


class NetworkGraph(QWidget):
    """The drawn network with its legend.

    A double click or Enter opens and closes a block, arrow keys follow the flow, the wheel and plus and minus zoom,
    dragging moves the picture, a double click beside it or 0 shows all.

    Signals:
        layer_chosen: Name of the layer that mouse or keys went to; a collapsed block stands for its first layer.
    """

    layer_chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("network_graph")
        self._style = GraphStyle(theme.tokens)
        self._canvas = GraphCanvas(self._style)
        self._legend = GraphLegend(self._style)
        self.setFocusProxy(self._canvas)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._canvas, 1)
        column.addWidget(self._legend)
        self._canvas.layer_chosen.connect(self.layer_chosen)
        theme.changed.connect(self.set_tokens)
        self.set_tokens(theme.tokens)

    def show_network(self, rows: Sequence[Layer], *, image_size: int = 0) -> None:
        """Draw a network; where its blocks have the names of those before, nothing opens, closes or moves.

        Args:
            rows: The layers in the order of computation; none leaves a hint.
            image_size: Side of the square image in pixels, if it is to be told.
        """
        graph = build_graph(rows) if rows else None
        self._canvas.scene_of_graph.image_words = f"3 × {image_size}²" if image_size else "image"
        self._legend.show_entries(entries_of(graph))
        self._canvas.show_graph(graph)

    @property
    def chosen(self) -> str:
        """Name of the chosen layer; empty if none is."""
        return self._canvas.chosen

    @property
    def expanded(self) -> frozenset[str]:
        """The blocks whose layers are seen."""
        return self._canvas.drawing.expanded if self._canvas.drawing else frozenset()

    def select(self, name: str) -> None:
        """Ring a layer, or the collapsed block that it is in, without a signal; an unknown name rings none."""
        self._canvas.select(name)

    def expand(self, block: str) -> None:
        """Show the layers of a block, which stays where it is."""
        self._canvas.open_only(self.expanded | {block}, anchor=block)

    def collapse(self, block: str) -> None:
        """Show a block as one, which stays where it is."""
        self._canvas.open_only(self.expanded - {block}, anchor=block)

    @Slot()
    def expand_all(self) -> None:
        """Show the layers of all blocks, in new columns, and all of the picture."""
        if self._canvas.drawing:
            self._canvas.fit_all(frozenset(self._canvas.drawing.keys))

    @Slot()
    def collapse_all(self) -> None:
        """Show each block as one, in new columns, and all of the picture."""
        self._canvas.fit_all(frozenset())

    @Slot()
    def fit(self) -> None:
        """Show all of the picture, in the columns that let it be largest."""
        self._canvas.fit_all()

    @Slot()
    def zoom_in(self) -> None:
        """Magnify around the middle of the canvas."""
        self._canvas.zoom(_STEP)

    @Slot()
    def zoom_out(self) -> None:
        """Make everything smaller, around the middle of the canvas."""
        self._canvas.zoom(1 / _STEP)

    def save_svg(self, path: Path) -> None:
        """Write the whole picture with its legend as a vector drawing; what is open stays open.

        Raises:
            InputError: There is nothing to draw, or the file cannot be written.
        """
        self._sheet(path).save_svg(path)

    def save_png(self, path: Path, scale: float = 2) -> None:
        """Write the same as an image, with `scale` pixels where there is one at 100 %.

        Raises:
            InputError: There is nothing to draw, the file cannot be written, or the image would be too large.
        """
        self._sheet(path).save_png(path, scale)

    @Slot(object)
    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._style = GraphStyle(tokens)
        self._canvas.set_style(self._style)
        self._legend.set_style(self._style)

    def _sheet(self, path: Path) -> Sheet:
        drawing = self._canvas.drawing
        if drawing is None:
            raise InputError("there is no network to draw", where=path, remedy="choose an architecture first")
        return Sheet(drawing.picture, self._canvas.scene_of_graph.image_words, self._style)
