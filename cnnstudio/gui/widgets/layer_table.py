"""All layers of a network with their sizes and costs."""

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QIcon, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QTableView, QWidget

from cnnstudio.gui.icons import icon
from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.row_model import Column, RowModel
from cnnstudio.gui.widgets.table import prepare_table
from cnnstudio.gui.words import in_short

if TYPE_CHECKING:  # The module loads torch, which must not come before the window's first painting.
    from cnnstudio.models.summary import LayerRow

_FONT = 0.92  # of the usual size: eight columns have to fit beside the switches
_PADDING = 24  # of a cell, left and right together
_GAP = 4  # between picture and words
_LONGEST = 8  # words of a column by letters, among which the widest is
_MOST_SPARE = 40  # that a column takes of a wide window
_HINT = "The layers appear here once an architecture is chosen"
_TYPE, _DETAIL, _STATE = 1, 2, 7
_GIVE_WAY = ((_TYPE, "BatchNorm2d"), (_DETAIL, "5×5 depthwise"))  # columns, and what they still have to show


def _detail(row: "LayerRow") -> str:
    return " · ".join(filter(None, (row.detail, row.note)))


def _state(row: "LayerRow") -> str:
    if row.frozen:
        return "frozen"
    return "learns" if row.parameters else ""


def _columns() -> tuple[Column["LayerRow"], ...]:
    return (
        Column("Layer", lambda row: row.name),
        Column("Type", lambda row: row.type),
        Column("Detail", _detail),
        Column("Output", lambda row: " × ".join(map(str, row.output_shape)), None, "Channels × height × width"),
        Column("Parameters", lambda row: in_short(row.parameters, full=True), lambda row: row.parameters),
        Column(
            "FLOPs",
            lambda row: in_short(row.flops),
            lambda row: row.flops,
            "Floating-point operations for one image; a multiply-add counts as two",
        ),
        Column(
            "Rec. field",
            lambda row: f"{row.receptive_field:,} px",
            lambda row: row.receptive_field,
            "Receptive field: side of the part of the image that one output value depends on",
        ),
        Column("State", _state, None, "Whether training changes the weights"),
    )


class LayerTable(QTableView):
    """One row a layer; what is frozen is tinted, and says so. Where it is narrow, details are elided first.

    Signals:
        layer_chosen: Name of the layer that mouse or keys went to.
    """

    layer_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        font = self.font()
        font.setPointSizeF(_FONT * font.pointSizeF())
        self.setFont(font)
        self.horizontalHeader().setFont(font)
        prepare_table(self, "layer_table", "Layers of the network")
        self.setIconSize(QSize(14, 14))
        self.rows_model: RowModel[LayerRow] = RowModel(_columns(), self)
        self.rows_model.note = lambda row: " · ".join(filter(None, (row.type, _detail(row))))
        self.setModel(self.rows_model)
        self.selectionModel().selectionChanged.connect(self._announce)
        self._widths: list[int] = []
        self._tokens = LIGHT
        self.set_tokens(LIGHT)

    def show_layers(self, rows: Sequence["LayerRow"]) -> None:
        """Show the layers from the image to the head; the selection stays where it has the same name."""
        chosen, at = self.chosen, self.verticalScrollBar().value()
        self.rows_model.set_rows(rows)
        self._widths = []
        if self.isVisible():
            self._fit_columns()
        self.select(chosen)
        self.verticalScrollBar().setValue(at)

    @property
    def chosen(self) -> str:
        """Name of the chosen layer; empty if none is."""
        return next((self.rows_model.rows[index.row()].name for index in self.selectionModel().selectedRows()), "")

    def select(self, name: str) -> None:
        """Choose a layer without announcing it; a name that is not shown chooses none."""
        selection = self.selectionModel()
        selection.blockSignals(True)
        selection.clear()
        for number, row in enumerate(self.rows_model.rows):
            if row.name == name:
                index = self.rows_model.index(number, 0)
                flags = QItemSelectionModel.SelectionFlag
                selection.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
                self.scrollTo(index)
        selection.blockSignals(False)
        self.viewport().update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        tint = QColor(tokens.frozen)
        tint.setAlphaF(0.1)
        brush = QBrush(tint)
        snowflake, dot = icon("snowflake", tokens.frozen), icon("dot", tokens.learning)

        def mark(row: "LayerRow", column: int) -> QIcon | None:
            if column != _STATE or not _state(row):
                return None
            return snowflake if row.frozen else dot

        self.rows_model.background = lambda row: brush if row.frozen else None
        self.rows_model.icon = mark
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, or words where there are none."""
        super().paintEvent(event)
        if not self.rows_model.rows:
            painter = QPainter(self.viewport())
            painter.setPen(QColor(self._tokens.muted))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, _HINT)

    def showEvent(self, event: QShowEvent) -> None:
        """Make room for the words that came while nobody looked."""
        super().showEvent(event)
        self._fit_columns()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep all columns in sight."""
        super().resizeEvent(event)
        self._fit_columns()

    def _fit_columns(self) -> None:
        header = self.horizontalHeader()
        self._widths = self._widths or [self._width(column) for column in range(header.count())]
        widths = self._widths.copy()
        over = sum(widths) - self.viewport().width()
        for column, words in _GIVE_WAY:
            least = self.fontMetrics().horizontalAdvance(words) + _PADDING
            taken = min(max(0, over), max(0, widths[column] - least))
            widths[column] -= taken
            over -= taken
        spare = min(_MOST_SPARE, max(0, -over) // len(widths))
        for column, width in enumerate(widths):
            header.resizeSection(column, width + spare)

    def _width(self, column: int) -> int:
        """Return what a column needs; asking Qt means to lay out each cell, 0.2 s in a large network."""
        words = heapq.nlargest(_LONGEST, self.rows_model.words(column), key=len)
        picture = self.iconSize().width() + _GAP if column == _STATE else 0
        widest = max(map(self.fontMetrics().horizontalAdvance, words), default=0)
        return max(widest + picture + _PADDING, self.horizontalHeader().sectionSizeHint(column))

    def _announce(self) -> None:
        if self.chosen:
            self.layer_chosen.emit(self.chosen)
