"""The canvas of the drawn network: which layer is chosen, which blocks are open, and what clicks and keys do."""

from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor

from cnnstudio.gui.graph.blocks import Graph
from cnnstudio.gui.graph.drawing import Drawing
from cnnstudio.gui.graph.picture import Placed
from cnnstudio.gui.graph.walk import step
from cnnstudio.gui.widgets.graph_painter import chevron_of
from cnnstudio.gui.widgets.graph_scene import GraphScene
from cnnstudio.gui.widgets.graph_style import GraphStyle, detail_at, rectf
from cnnstudio.gui.widgets.graph_view import GraphView
from cnnstudio.gui.widgets.graph_words import block_tip, layer_tip, spoken
from cnnstudio.gui.words import counted

_HINT = "The network is drawn here once an architecture is chosen"


class GraphCanvas(GraphView):
    """Draws a network and lets mouse and keys go through it.

    Attributes:
        drawing: What is drawn.
        scene_of_graph: What is painted.

    Signals:
        layer_chosen: Name of the layer that mouse or keys went to; a collapsed block stands for its first layer.
    """

    layer_chosen = Signal(str)

    def __init__(self, style: GraphStyle) -> None:
        self.scene_of_graph = GraphScene(style)
        super().__init__(self.scene_of_graph)
        self.setAccessibleName("Network")
        self.drawing: Drawing | None = None
        self._row: int | None = None
        self._toggled_by_click = False
        self.clicked.connect(self._click)
        self.double_clicked.connect(self._double_click)
        self.pointed.connect(self._point)
        self.commanded.connect(self._command)
        self.scaled.connect(self._rescale)
        self.resized.connect(self._refit)
        self.show_graph(None)

    def show_graph(self, graph: Graph | None) -> None:
        """Draw a network; where its blocks have the names of those before, nothing opens, closes or moves."""
        before, chosen = self.drawing, self.chosen
        self.hint = "" if graph else _HINT
        self._row = graph.find(chosen) if graph else None
        if graph is None:
            self.drawing = None
            self.scene_of_graph.show_picture(None)
            self._show_selection()
        elif before is not None and before.keys == tuple(block.key for block in graph.blocks):
            self._draw(before.of(graph), anchor=self._in_the_middle(before))
        else:
            self.drawing = Drawing(graph)
            self.fit_all()

    @property
    def chosen(self) -> str:
        """Name of the chosen layer; empty if none is."""
        return "" if self.drawing is None or self._row is None else self.drawing.graph.rows[self._row].name

    def select(self, name: str) -> None:
        """Ring a layer, or the collapsed block that it is in, without a signal; an unknown name rings none.

        A layer that was not ringed before is brought into sight.
        """
        before, self._row = self._row, self.drawing.graph.find(name) if self.drawing else None
        self._show_selection()
        if self._row != before:
            self._reveal_selection()

    def open_only(self, keys: frozenset[str], anchor: str) -> None:
        """Show the layers of these blocks and of no others; the block `anchor` stays where it is."""
        drawing = self.drawing.opened(keys) if self.drawing else None
        if self.drawing and drawing and drawing.expanded != self.drawing.expanded:
            self._draw(drawing, anchor)
            self.reveal(rectf(drawing.picture.by_key[anchor].rect))
            self.fitted = self.fitted and self.shows_all

    def fit_all(self, keys: frozenset[str] | None = None) -> None:
        """Show all, in the columns that let it be largest; first open some blocks and close the others, if told."""
        if self.drawing:
            drawing = self.drawing if keys is None else self.drawing.opened(keys)
            room = self.viewport().size()
            wrapped = drawing.wrapped(room.width(), room.height())
            if drawing is not self.drawing or wrapped.breaks != drawing.breaks:
                self._draw(wrapped)
            self.fit()

    def set_style(self, style: GraphStyle) -> None:
        """Take over colours and fonts."""
        self.scene_of_graph.set_style(style)
        self.setBackgroundBrush(QColor(style.tokens.card))

    def _draw(self, drawing: Drawing, anchor: str = "") -> None:
        """Show a drawing, with a block left where it was on the screen."""
        before = self.drawing.picture.by_key[anchor] if anchor and self.drawing else None
        self.drawing = drawing
        self.scene_of_graph.show_picture(drawing.picture)
        self.scene_of_graph.detail = detail_at(self.magnification)
        self.set_content(rectf(drawing.picture.bounds))
        if before:
            after = drawing.picture.by_key[anchor]
            self.pan(QPointF(after.axis - before.axis, after.rect.y - before.rect.y) * self.magnification)
        self._show_selection()

    def _toggle(self, placed: Placed) -> None:
        if self.drawing:
            self.open_only(self.drawing.expanded ^ {placed.block.key}, placed.block.key)

    def _in_the_middle(self, drawing: Drawing) -> str:
        """Return the block nearest to the middle of the canvas."""
        middle = self.centre

        def distance(placed: Placed) -> float:
            return (QPointF(*placed.rect.centre) - middle).manhattanLength()

        return min(drawing.picture.blocks, key=distance).block.key

    def _show_selection(self) -> None:
        self.scene_of_graph.ring(self._row)
        words = self.hint
        if self.drawing:
            words = f"{counted(len(self.drawing.keys), 'block')} from the image to the answer."
            if self._row is not None:
                placed = self.drawing.picture.block_of(self._row)
                words = spoken(self.drawing.graph.rows[self._row], placed.block, expanded=placed.expanded)
        self.setAccessibleDescription(words)

    def _reveal_selection(self) -> None:
        if self.scene_of_graph.ringed is not None:
            self.reveal(self.scene_of_graph.ringed)

    def _choose(self, row: int) -> None:
        self._row = row
        self._show_selection()
        self.layer_chosen.emit(self.chosen)

    @Slot(QPointF)
    def _click(self, point: QPointF) -> None:
        self._toggled_by_click = False
        placed = self._block_at(point)
        if placed is None or self.drawing is None:
            return
        row = self.drawing.picture.row_at(point.x(), point.y())
        if placed.block.expandable and chevron_of(placed).contains(point):
            self._toggle(placed)
            self._toggled_by_click = True
        elif row is not None:
            self._choose(row)  # It stays where it is: the second click of two has to meet it.

    @Slot(QPointF)
    def _double_click(self, point: QPointF) -> None:
        placed = self._block_at(point)
        if self._toggled_by_click:  # The first of the two clicks has done it.
            self._toggled_by_click = False
        elif placed is None:
            self.fit_all()
        else:
            self._toggle(placed)

    @Slot(object)
    def _point(self, point: QPointF | None) -> None:
        placed = None if point is None else self._block_at(point)
        self.scene_of_graph.hover(placed.block.key if placed else "")
        shape = Qt.CursorShape.PointingHandCursor if placed else Qt.CursorShape.OpenHandCursor
        self.viewport().setCursor(shape if self.drawing else Qt.CursorShape.ArrowCursor)

    @Slot(str)
    def _command(self, command: str) -> None:
        if self.drawing is None:
            return
        picture = self.drawing.picture
        if command != "open":
            target = step(picture, self._row, command)
            if target is not None:
                self._choose(target)
                self._reveal_selection()
        elif self._row is not None:
            self._toggle(picture.block_of(self._row))

    @Slot(float)
    def _rescale(self, scale: float) -> None:
        self.scene_of_graph.detail = detail_at(scale)

    @Slot()
    def _refit(self) -> None:
        if self.fitted:
            self.fit_all()

    def _block_at(self, point: QPointF) -> Placed | None:
        return self.drawing.picture.block_at(point.x(), point.y()) if self.drawing else None

    def tip_at(self, point: QPointF) -> str:
        """Return the figures of what is drawn at a point of the scene."""
        placed = self._block_at(point)
        if placed is None or self.drawing is None:
            return ""
        row = self.drawing.picture.row_at(point.x(), point.y())
        if row is None or (placed.block.expandable and not placed.expanded):
            return block_tip(placed.block)
        return layer_tip(self.drawing.graph.rows[row])
