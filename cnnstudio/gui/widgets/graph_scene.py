"""The drawn network as items of a scene: the ground with all lines, the blocks, and the ring of the selection."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsScene, QStyleOptionGraphicsItem, QWidget

from cnnstudio.gui.graph.picture import Picture, Placed
from cnnstudio.gui.widgets.graph_painter import paint_block, paint_ground
from cnnstudio.gui.widgets.graph_style import Detail, GraphStyle, rectf

_RING = 3.0  # from a block to the ring around it


class GraphScene(QGraphicsScene):
    """Shows a picture.

    Attributes:
        style_of_graph: Colours and fonts.
        detail: How much is painted.
        picture: What is shown.
        image_words: What the node of the image says.
    """

    def __init__(self, style: GraphStyle) -> None:
        super().__init__()
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.style_of_graph = style
        self.detail = Detail.ALL
        self.picture: Picture | None = None
        self.image_words = "image"
        self._blocks: list[_BlockItem] = []
        self._ring: _RingItem | None = None
        self._hovered = ""

    def set_style(self, style: GraphStyle) -> None:
        """Take over colours and fonts."""
        self.style_of_graph = style
        self.update()

    def show_picture(self, picture: Picture | None) -> None:
        """Replace what is shown; no layer is ringed."""
        self.clear()
        self.picture = picture
        self._blocks, self._ring, self._hovered = [], None, ""
        if picture is None:
            return
        self.addItem(_GroundItem(self, picture))
        self._blocks = [_BlockItem(self, placed) for placed in picture.blocks]
        for item in self._blocks:
            self.addItem(item)
        self._ring = _RingItem(self)
        self.addItem(self._ring)

    def ring(self, row: int | None) -> None:
        """Put the ring around a layer, or around the collapsed block that it is in."""
        if self._ring is not None and self.picture is not None:
            area = None
            if row is not None:
                room = 0 if self.picture.block_of(row).expanded else _RING
                area = rectf(self.picture.rect_of(row).grown(room))
            self._ring.surround(area)

    @property
    def ringed(self) -> QRectF | None:
        """Where the ring is."""
        return self._ring.area if self._ring else None

    def hover(self, key: str) -> None:
        """Mark the block under the mouse; empty for none."""
        if key != self._hovered:
            self._hovered = key
            for item in self._blocks:
                item.set_hovered(item.placed.block.key == key)


class _GroundItem(QGraphicsItem):
    def __init__(self, scene: GraphScene, picture: Picture) -> None:
        super().__init__()
        self._scene, self._picture = scene, picture

    def boundingRect(self) -> QRectF:
        """The whole picture."""
        return rectf(self._picture.bounds)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        """Paint stages, image and lines."""
        style, detail = self._scene.style_of_graph, self._scene.detail
        paint_ground(painter, self._picture, self._scene.image_words, style, detail)


class _BlockItem(QGraphicsItem):
    def __init__(self, scene: GraphScene, placed: Placed) -> None:
        super().__init__()
        self._scene, self.placed = scene, placed
        self._hovered = False

    def set_hovered(self, hovered: bool) -> None:
        """Mark the block or not."""
        if hovered != self._hovered:
            self._hovered = hovered
            self.update()

    def boundingRect(self) -> QRectF:
        """The block and its outline."""
        return rectf(self.placed.rect.grown(1))

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        """Paint the block."""
        paint_block(painter, self.placed, self._scene.style_of_graph, self._scene.detail, hovered=self._hovered)


class _RingItem(QGraphicsItem):
    def __init__(self, scene: GraphScene) -> None:
        super().__init__()
        self._scene = scene
        self.area: QRectF | None = None

    def surround(self, area: QRectF | None) -> None:
        """Go around an area, or vanish."""
        self.prepareGeometryChange()
        self.area = area
        self.update()

    def boundingRect(self) -> QRectF:
        """The ring, which is wider on paper the farther away it is seen from."""
        return QRectF() if self.area is None else self.area.adjusted(-24, -24, 24, 24)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        """Paint the ring."""
        if self.area is not None:
            far = self._scene.detail <= Detail.NAMES
            pen = QPen(QColor(self._scene.style_of_graph.tokens.accent), 1.5 if far else 2.5)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            outline = QPainterPath()
            room = 6 if far else 0
            outline.addRoundedRect(self.area.adjusted(-room, -room, room, room), 6, 6)
            painter.drawPath(outline)
