"""What the colours and lines of the drawn network mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.gui.graph.blocks import Graph
from cnnstudio.gui.graph.layers import Kind, kind_of
from cnnstudio.gui.widgets.graph_inside import paint_kind
from cnnstudio.gui.widgets.graph_style import GraphStyle

_ROW, _MARK, _BETWEEN, _FONT = 20, 18, 16, 11


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of the legend, and what it explains: a kind of layer, a line or a state."""

    word: str
    mark: Kind | Literal["skip", "projected", "frozen", "learning"]


def entries_of(graph: Graph | None) -> tuple[Entry, ...]:
    """Return what there is to explain in a network."""
    if graph is None:
        return ()
    kinds = {kind_of(row.type) for row in graph.rows}
    skips = {block.inside.skip for block in graph.blocks}
    entries = [Entry(kind.value, kind) for kind in Kind if kind in kinds and kind != Kind.OTHER]
    if "identity" in skips:
        entries.append(Entry("skip connection", "skip"))
    if "projection" in skips:
        entries.append(Entry("with projection", "projected"))
    if any(block.frozen for block in graph.blocks):
        entries.append(Entry("frozen", "frozen"))
    if any(block.learning for block in graph.blocks):
        entries.append(Entry("learns", "learning"))
    return tuple(entries)


def legend_height(entries: Sequence[Entry], width: float, style: GraphStyle) -> int:
    """Return the height of the legend where it is that wide."""
    return _ROW * max((row for _, _, row in _placed(entries, width, style)), default=-1) + (_ROW if entries else 0)


def paint_legend(painter: QPainter, entries: Sequence[Entry], area: QRectF, style: GraphStyle) -> None:
    """Paint the legend from the left upper corner of an area."""
    for entry, x, row in _placed(entries, area.width(), style):
        left, middle = area.left() + x, area.top() + row * _ROW + _ROW / 2
        _paint_mark(painter, entry, QPointF(left + _MARK / 2 - 3, middle), style)
        words = QRectF(left + _MARK, middle - _ROW / 2, area.width() - x - _MARK, _ROW)
        style.words(painter, words, entry.word, style.tokens.muted, _FONT)


def _placed(entries: Sequence[Entry], width: float, style: GraphStyle) -> list[tuple[Entry, float, int]]:
    """Return each entry with its x and its row."""
    result = []
    x, row = 0.0, 0
    for entry in entries:
        needed = _MARK + style.width(entry.word, _FONT)
        if x and x + needed > width:
            x, row = 0.0, row + 1
        result.append((entry, x, row))
        x += needed + _BETWEEN
    return result


def _paint_mark(painter: QPainter, entry: Entry, centre: QPointF, style: GraphStyle) -> None:
    if entry.mark in {"skip", "projected"}:
        painter.setPen(QPen(style.skip if entry.mark == "skip" else style.projected))
        painter.drawLine(QLineF(centre.x() - 7, centre.y(), centre.x() + 7, centre.y()))
    elif entry.mark == "frozen":
        style.icon(painter, "snowflake", style.tokens.frozen, QRectF(centre.x() - 6, centre.y() - 6, 12, 12))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        if isinstance(entry.mark, Kind):
            paint_kind(painter, QRectF(centre.x() - 5, centre.y() - 4, 10, 8), entry.mark, style)
        else:
            painter.setBrush(QColor(style.tokens.learning))
            painter.drawEllipse(centre, 3.5, 3.5)


class GraphLegend(QWidget):
    """The legend of the network that is shown; it wraps where it is narrow."""

    def __init__(self, style: GraphStyle) -> None:
        super().__init__()
        self.setObjectName("network_legend")
        self.setAccessibleName("Legend")
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._style = style
        self._entries: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is explained."""
        return self._entries

    def show_entries(self, entries: tuple[Entry, ...]) -> None:
        """Explain something else."""
        if entries != self._entries:
            self._entries = entries
            self.setAccessibleDescription(", ".join(entry.word for entry in entries))
            self.setVisible(bool(entries))
            self.updateGeometry()
            self.update()

    def set_style(self, style: GraphStyle) -> None:
        """Take over colours and fonts."""
        self._style = style
        self.update()

    def heightForWidth(self, width: int) -> int:
        """Room for all rows."""
        return legend_height(self._entries, width, self._style)

    def sizeHint(self) -> QSize:
        """Room at the present width."""
        return QSize(320, self.heightForWidth(max(320, self.width())))

    def minimumSizeHint(self) -> QSize:
        """One row."""
        return QSize(120, _ROW)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the legend."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_legend(painter, self._entries, QRectF(self.rect()), self._style)
