"""What the colours and lines of the drawn network mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.gui.graph.blocks import Graph
from cnnstudio.gui.graph.layers import Kind, kind_of
from cnnstudio.gui.widgets.graph_inside import paint_kind
from cnnstudio.gui.widgets.graph_lines import paint_sign
from cnnstudio.gui.widgets.graph_style import GraphStyle

_ROW: Final = 20
_FONT: Final = 11
_GAP: Final = 4  # from a mark to its word
_CLOSEST, _WIDEST = 8.0, 16.0  # between entries
_SLACK: Final = 1.0  # so that no rounding wraps or elides what just fits

Mark = Kind | Literal["+", "×", "skip", "projected", "frozen", "learning"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of the legend, and what it explains: a kind of layer, a sign, a line or a state."""

    word: str
    mark: Mark


_MERGES: Final = {
    "Concat": Entry("concatenation", Kind.MERGE),
    "Add": Entry("sum", "+"),
    "Scale": Entry("scaling", "×"),
}
_SKIPS: Final = {"identity": Entry("skip connection", "skip"), "projection": Entry("projection", "projected")}
_WIDTHS: Final[dict[Mark, float]] = {"+": 11, "×": 11, "skip": 14, "projected": 14, "frozen": 12, "learning": 7}


def entries_of(graph: Graph | None) -> tuple[Entry, ...]:
    """Return what there is to explain in a network."""
    if graph is None:
        return ()
    types = {row.type for row in graph.rows}
    kinds = {kind_of(each) for each in types}
    skips = {block.inside.skip for block in graph.blocks}
    entries = [Entry(kind.value, kind) for kind in Kind if kind in kinds and kind not in {Kind.MERGE, Kind.OTHER}]
    entries += [entry for layer, entry in _MERGES.items() if layer in types]
    entries += [entry for skip, entry in _SKIPS.items() if skip in skips]
    if any(block.frozen for block in graph.blocks):
        entries.append(Entry("frozen", "frozen"))
    if any(block.learning for block in graph.blocks):
        entries.append(Entry("learns", "learning"))
    return tuple(entries)


def legend_height(entries: Sequence[Entry], width: float, style: GraphStyle) -> int:
    """Return the height of the legend where it is that wide."""
    return _ROW * (1 + max((row for _, _, row in _placed(entries, width, style)), default=-1))


def paint_legend(painter: QPainter, entries: Sequence[Entry], area: QRectF, style: GraphStyle) -> None:
    """Paint the legend from the left upper corner of an area."""
    for entry, x, row in _placed(entries, area.width(), style):
        mark, middle = _width(entry), area.top() + row * _ROW + _ROW / 2
        _paint_mark(painter, entry, QPointF(area.left() + x + mark / 2, middle), style)
        left = area.left() + x + mark + _GAP
        words = QRectF(left, middle - _ROW / 2, area.right() + _SLACK - left, _ROW)
        style.words(painter, words, entry.word, style.tokens.muted, _FONT)


def _width(entry: Entry) -> float:
    return _WIDTHS.get(entry.mark, 10)


def _placed(entries: Sequence[Entry], width: float, style: GraphStyle) -> list[tuple[Entry, float, int]]:
    """Return each entry with its x and its row; they move together before they wrap."""
    sizes = [_width(entry) + _GAP + style.width(entry.word, _FONT) for entry in entries]
    spare = (width - sum(sizes)) / max(1, len(entries) - 1)
    between = min(_WIDEST, spare) if spare >= _CLOSEST else _WIDEST
    result = []
    x, row = 0.0, 0
    for entry, size in zip(entries, sizes, strict=True):
        if x and x + size > width + _SLACK / 2:
            x, row = 0.0, row + 1
        result.append((entry, x, row))
        x += size + between
    return result


def _paint_mark(painter: QPainter, entry: Entry, centre: QPointF, style: GraphStyle) -> None:
    match entry.mark:
        case "skip" | "projected":
            painter.setPen(style.skip if entry.mark == "skip" else style.projected)
            painter.drawLine(QLineF(centre.x() - 7, centre.y(), centre.x() + 7, centre.y()))
        case "+" | "×":
            paint_sign(painter, centre, 5, entry.mark, style)
        case "frozen":
            style.icon(painter, "snowflake", style.tokens.frozen, QRectF(centre.x() - 6, centre.y() - 6, 12, 12))
        case "learning":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(style.tokens.learning))
            painter.drawEllipse(centre, 3.5, 3.5)
        case kind:
            paint_kind(painter, QRectF(centre.x() - 5, centre.y() - 4, 10, 8), kind, style)


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
        self.setVisible(False)

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
