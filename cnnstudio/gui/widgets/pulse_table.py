"""How each layer learns, a row each: gradient on a logarithmic scale, update, dead channels."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen
from PySide6.QtWidgets import QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

from cnnstudio.core.events import LayerPulse, Pulse
from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.turns import Later, at_once
from cnnstudio.gui.widgets.row_model import ROW_ROLE, Column, RowModel
from cnnstudio.gui.widgets.table import prepare_table

SLOW: Final = 1e-4  # a tenth of the thousandth that is usual
FAST: Final = 1e-2

_LAYER, _GRADIENT, _UPDATE, _DEAD = range(4)
_MANY_DEAD: Final = 0.4
_SLICE: Final = 4  # rows that are drawn together
_NUMBER: Final = "0.00e-00"  # the widest
_DOT: Final = 4.0
_BAR: Final = 6.0
_PADDING: Final = 11  # as that of the headings
_WIDTHS: Final = {_UPDATE: 150, _DEAD: 130}

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class PulseRow:
    """A layer.

    Attributes:
        layer: How it learns.
        stage: What it belongs to; empty where that is not known.
        first: Whether the row before it belongs to another stage.
    """

    layer: LayerPulse
    stage: str
    first: bool

    @property
    def role(self) -> str:
        """What it is beside the main path, in words; empty for a layer of the main path."""
        if self.layer.path.lower().startswith("aux"):
            return "auxiliary head"
        return "skip connection" if "downsample" in self.layer.path.split(".") else ""

    @property
    def speed(self) -> str:
        """How its update compares with what is usual, in a word."""
        update = self.layer.update
        return "slow" if update < SLOW else "fast" if update > FAST else "healthy"

    def sentence(self) -> str:
        """Return everything about it."""
        layer, role = self.layer, f" ({self.role})" if self.role else ""
        words = (
            f"{layer.path}{role}: gradient norm {layer.gradient:.2e}, weight norm {layer.weight:.3g}, a step changes "
            f"the weights by {layer.update:.1e} of themselves ({self.speed})"
        )
        return words if layer.dead is None else f"{words}, {100 * layer.dead:.0f} % of the channels behind it are dead"


def rows_of(pulse: Pulse, stages: Mapping[str, str]) -> list[PulseRow]:
    """Return the rows of a pulse, with the stages of the layers as far as they are known."""
    rows: list[PulseRow] = []
    for layer in pulse.layers:
        stage = stages.get(layer.path, layer.path.partition(".")[0])
        rows.append(PulseRow(layer, stage, first=not rows or rows[-1].stage != stage))
    return rows


def _name(row: PulseRow) -> str:
    return f"{row.layer.path} · {row.role}" if row.role else row.layer.path


def _dead(row: PulseRow) -> str:
    return "–" if row.layer.dead is None else f"{100 * row.layer.dead:.0f} %"


COLUMNS: Final = (
    Column[PulseRow]("Layer", _name),
    Column[PulseRow](
        "Gradient norm",
        lambda row: f"{row.layer.gradient:.2e}",
        None,
        "Length of the gradient of the layer's weights; a logarithmic scale",
    ),
    Column[PulseRow](
        "Update",
        lambda row: f"{row.layer.update:.1e} {row.speed}",
        None,
        "By what share of their length the weights change in a step; about 1e-3 is healthy",
    ),
    Column[PulseRow]("Dead", _dead, None, "Share of the channels behind the layer that are zero for a whole batch"),
)


class PulseTable(QTableView):
    """Dots on a logarithmic scale that all layers share, updates in colours and words, bars of what is dead.

    Up and down go from layer to layer.
    """

    def __init__(self, later: Later = at_once, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._later = later
        self._latest: list[PulseRow] = []
        prepare_table(self, "train.gradients", "Gradients by layer")
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.rows_model: RowModel[PulseRow] = RowModel(COLUMNS, self)
        self.rows_model.note = PulseRow.sentence
        self.setModel(self.rows_model)
        self._cells = _Cells(self)
        self.setItemDelegate(self._cells)
        header = self.horizontalHeader()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(_LAYER, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_GRADIENT, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)

    def show_rows(self, rows: list[PulseRow]) -> None:
        """Show other rows; of the same layers some after the other, and the selection and the place stay."""
        self._latest = rows
        if [row.layer.path for row in rows] != [row.layer.path for row in self.rows_model.rows]:
            self._rescale(rows)
            self.rows_model.set_rows(rows)
            self.verticalScrollBar().setValue(0)
            return
        if self._rescale(rows):
            self.viewport().update()
        for first in range(0, len(rows), _SLICE):
            self._later(partial(self._change, rows, first))

    def _change(self, rows: list[PulseRow], first: int) -> None:
        if rows is self._latest:
            self.rows_model.change_rows(first, rows[first : first + _SLICE])

    def _rescale(self, rows: list[PulseRow]) -> bool:
        """Let the logarithmic scale hold all gradients; say whether it is another one now."""
        gradients = [row.layer.gradient for row in rows if row.layer.gradient > 0]
        before = self._cells.decades
        if gradients:
            self._cells.decades = math.floor(math.log10(min(gradients))), math.floor(math.log10(max(gradients))) + 1
        return self._cells.decades != before

    @property
    def decades(self) -> tuple[int, int]:
        """Powers of ten between which the gradients lie."""
        return self._cells.decades

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._cells.tokens = tokens
        self.viewport().update()


class _Cells(QStyledItemDelegate):
    """Paints figures as dots, words and bars."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.tokens = LIGHT
        self.decades = (-3, 0)
        self._draw: dict[int, Callable[[QPainter, QRectF, PulseRow], None]] = {
            _LAYER: self._layer,
            _GRADIENT: self._gradient,
            _UPDATE: self._update,
            _DEAD: self._dead,
        }

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint the ground as usual, and the figure on it."""
        row: PulseRow = index.data(ROW_ROLE)
        style = option.widget.style()
        style.drawControl(style.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.first and index.row():
            painter.setPen(QPen(QColor(self.tokens.border), 1))
            painter.drawLine(option.rect.topLeft(), option.rect.topRight())
        self._draw[index.column()](painter, QRectF(option.rect).adjusted(_PADDING, 0, -_PADDING, 0), row)
        painter.restore()

    def _layer(self, painter: QPainter, area: QRectF, row: PulseRow) -> None:
        name = painter.fontMetrics().elidedText(_name(row), Qt.TextElideMode.ElideMiddle, int(area.width()))
        self._write(painter, area, name, self.tokens.muted if row.role else self.tokens.text)

    def _gradient(self, painter: QPainter, area: QRectF, row: PulseRow) -> None:
        number = painter.fontMetrics().horizontalAdvance(_NUMBER) + _PADDING
        low, high = self.decades
        scale = area.adjusted(_DOT, 0, -number - _DOT, 0)
        painter.setPen(QPen(QColor(self.tokens.border), 1))
        for power in range(low, high + 1):
            x = scale.left() + scale.width() * (power - low) / (high - low)
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        if row.layer.gradient > 0:
            share = (math.log10(row.layer.gradient) - low) / (high - low)
            dot = QPointF(scale.left() + scale.width() * share, scale.center().y())
            painter.setPen(QPen(QColor(self.tokens.accent), 2))
            painter.setBrush(QBrush(QColor(self.tokens.card if row.role else self.tokens.accent)))
            painter.drawEllipse(dot, _DOT, _DOT)
        self._write(painter, area, f"{row.layer.gradient:.2e}", self.tokens.text, Qt.AlignmentFlag.AlignRight)

    def _update(self, painter: QPainter, area: QRectF, row: PulseRow) -> None:
        colour = self.tokens.good_text if row.speed == "healthy" else self.tokens.warn_text
        self._write(painter, area, f"{row.layer.update:.1e}", self.tokens.text)
        self._write(painter, area, row.speed, colour, Qt.AlignmentFlag.AlignRight)

    def _dead(self, painter: QPainter, area: QRectF, row: PulseRow) -> None:
        if row.layer.dead is not None:
            number = painter.fontMetrics().horizontalAdvance("100 %") + _PADDING
            bar = QRectF(area.left(), area.center().y() - _BAR / 2, area.width() - number, _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self.tokens.border))
            painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
            bar.setWidth(bar.width() * row.layer.dead)
            painter.setBrush(QColor(self.tokens.warn if row.layer.dead >= _MANY_DEAD else self.tokens.muted))
            painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
        self._write(painter, area, _dead(row), self.tokens.text, Qt.AlignmentFlag.AlignRight)

    def _write(
        self,
        painter: QPainter,
        area: QRectF,
        words: str,
        colour: str,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        painter.setPen(QColor(colour))
        painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, words)
