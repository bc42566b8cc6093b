"""The tensors of one stage of a training step, a row each, grouped by the blocks of the network."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import QItemSelectionModel, QRect, Signal
from PySide6.QtGui import QBrush, QColor, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from cnnstudio.core.pictures import StepStage
from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.turns import Later, at_once
from cnnstudio.gui.widgets.row_delegate import PADDING, RowDelegate
from cnnstudio.gui.widgets.row_model import Column, RowModel
from cnnstudio.gui.widgets.table import prepare_table

_FONT: Final = 0.92  # of the usual size
_PADDING: Final = 2 * PADDING + 1  # of a cell, and a pixel for rounding
_ROOMY: Final = 640  # pixels from which on there is a column for what a tensor is
_WHAT: Final = 1
_INDENT: Final = "    "
_SYMBOLS: Final = ("z(l", "a(l", "W a(l", "∂L/∂", "branch ")


@dataclass(frozen=True, slots=True)
class TensorRow:
    """A tensor, or the heading of a block.

    Attributes:
        name: Of the tensor; empty for a heading.
        label: What is written first.
        kind: Type of the layer, or what it is.
        shape: As `32×64×8×8`.
        figures: Smallest and largest value, mean, share of zeros, norm; empty for a heading.
        formula: Whether the tensor is a part of the block's formula.
    """

    name: str
    label: str
    kind: str = ""
    shape: str = ""
    figures: tuple[float, ...] = ()
    formula: bool = False

    def sentence(self) -> str:
        """Return everything about it."""
        if not self.figures:
            return self.label
        low, high, mean, zeros, norm = self.figures
        return (
            f"{self.name} ({self.kind}), {self.shape}: from {low:.4g} to {high:.4g}, mean {mean:.4g}, "
            f"{100 * zeros:.1f} % zeros, norm {norm:.4g}"
        )


def rows_of(stage: StepStage) -> list[TensorRow]:
    """Return the rows of a stage, each block with a heading of its own."""
    rows: list[TensorRow] = []
    before = ""
    for at, (name, title, block) in enumerate(zip(stage.names, stage.titles, stage.blocks, strict=True)):
        if block and block != before:
            rows.append(TensorRow("", f"{block}    {stage.formulas[at]}"))
        before = block
        rows.append(
            TensorRow(
                name,
                (_INDENT if block else "") + _label(stage, at),
                stage.kinds[at],
                "×".join(map(str, stage.shapes[at])),
                tuple(float(each) for each in stage.figures[at]),
                title.startswith(_SYMBOLS),
            )
        )
    return rows


def _label(stage: StepStage, at: int) -> str:
    title, kind = stage.titles[at], stage.kinds[at]
    if stage.stage == "forward" and title.startswith(_SYMBOLS[:3]):
        return f"{title} · {kind.partition(' ')[0].rstrip(':,')}"
    return title or stage.names[at].removeprefix(f"{stage.blocks[at]}.")


def short(value: float) -> str:
    """Return a value in few letters: three digits, or two with a power of ten."""
    if math.isnan(value):
        return "NaN"
    plain = value == 0 or 0.01 <= abs(value) < 10_000
    return f"{value:{'.3g' if plain else '.1e'}}".replace("e-0", "e-").replace("e+0", "e+").replace("-", "−")


def _figure(row: TensorRow, at: int) -> str:
    return short(row.figures[at]) if row.figures else ""


COLUMNS: Final = (
    Column[TensorRow]("Tensor", lambda row: row.label),
    Column[TensorRow]("What it is", lambda row: row.kind),
    Column[TensorRow]("Shape", lambda row: row.shape, None, "Images × channels × height × width"),
    Column[TensorRow]("Min", lambda row: _figure(row, 0), lambda row: row.figures[0]),
    Column[TensorRow]("Max", lambda row: _figure(row, 1), lambda row: row.figures[1]),
    Column[TensorRow]("Mean", lambda row: _figure(row, 2), lambda row: row.figures[2]),
    Column[TensorRow](
        "Zeros",
        lambda row: f"{100 * row.figures[3]:.0f} %" if row.figures else "",
        lambda row: row.figures[3],
        "Share of values that are exactly 0",
    ),
)
_SHAPE: Final = 2
_SLICE: Final = 4  # rows that are painted together
_WIDEST: Final = {_SHAPE: "32×64×8×8", 3: "−8.8e−10", 4: "−8.8e−10", 5: "−8.8e−10", 6: "100 %"}


class StepTable(QTableView):
    """Rows of tensors; headings can not be chosen.

    Signals:
        tensor_chosen: Name of the tensor that mouse or keys went to.
    """

    tensor_chosen = Signal(str)

    def __init__(self, object_name: str, later: Later = at_once, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._later = later
        self._arriving = False
        font = self.font()
        font.setPointSizeF(_FONT * font.pointSizeF())
        self.setFont(font)
        self.horizontalHeader().setFont(font)
        prepare_table(self, object_name, "Tensors of the stage")
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.rows_model: RowModel[TensorRow] = RowModel(COLUMNS, self)
        self.rows_model.note = TensorRow.sentence
        self.setModel(self.rows_model)
        self.setItemDelegate(RowDelegate(self.rows_model, self))
        header = self.horizontalHeader()
        header.setStretchLastSection(False)
        for column in range(len(COLUMNS)):
            words = _WIDEST.get(column)
            header.setSectionResizeMode(
                column, QHeaderView.ResizeMode.Fixed if words else QHeaderView.ResizeMode.Stretch
            )
            if words:
                header.resizeSection(column, self.fontMetrics().horizontalAdvance(words) + _PADDING)
        self.selectionModel().currentRowChanged.connect(self._announce)
        self.set_tokens(LIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a new stage from above to below, some rows in each turn: all of them take long."""
        area, high = event.rect(), _SLICE * self.verticalHeader().defaultSectionSize()
        if not self._arriving or area.height() <= high:
            super().paintEvent(event)
            self._arriving = self._arriving and area.bottom() < self.viewport().rect().bottom()
            return
        super().paintEvent(QPaintEvent(QRect(area.left(), area.top(), area.width(), high)))
        self._later(partial(self.viewport().update, area.adjusted(0, high, 0, 0)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what a tensor is where there is no room: its name, and its tooltip, say it too."""
        super().resizeEvent(event)
        self.setColumnHidden(_WHAT, self.viewport().width() < _ROOMY)
        self._go_to_chosen()

    def show_stage(self, stage: StepStage) -> None:
        """Show the tensors of a stage, and choose the one that is drawn, without a signal."""
        rows = rows_of(stage)
        if tuple(rows) != self.rows_model.rows:
            self.selectionModel().blockSignals(True)
            self.clearSpans()
            self.rows_model.set_rows(rows)
            for number, row in enumerate(rows):
                if not row.name:
                    self.setSpan(number, 0, 1, len(COLUMNS))
            longest = max((row.shape for row in rows), key=len, default="")
            wide = max(map(self.fontMetrics().horizontalAdvance, (longest, _WIDEST[_SHAPE])))
            self.horizontalHeader().resizeSection(_SHAPE, wide + _PADDING)
            self.selectionModel().blockSignals(False)
            self._paint_once()
        self.select(stage.tensor)

    def clear(self) -> None:
        """Show nothing."""
        self.clearSpans()
        self.rows_model.set_rows([])

    @property
    def chosen(self) -> str:
        """Name of the chosen tensor; empty if none is."""
        at = self.currentIndex().row()
        return self.rows_model.rows[at].name if at >= 0 else ""

    def select(self, name: str) -> None:
        """Choose a tensor without a signal."""
        selection = self.selectionModel()
        selection.blockSignals(True)
        for number, row in enumerate(self.rows_model.rows):
            if row.name == name:
                flags = QItemSelectionModel.SelectionFlag
                index = self.rows_model.index(number, 0)
                moved = index.row() != self.currentIndex().row()
                selection.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
                if moved:
                    self._go_to_chosen()
        selection.blockSignals(False)
        self.viewport().update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        heading, part = QBrush(QColor(tokens.hover)), QColor(tokens.learning)
        part.setAlphaF(0.12)
        brush = QBrush(part)
        self.rows_model.background = lambda row: heading if not row.name else brush if row.formula else None
        self.viewport().update()

    def _paint_once(self) -> None:
        """Paint nothing until Qt has moved columns and rows, each of which it would paint the whole table for."""
        self.viewport().setUpdatesEnabled(False)
        self.executeDelayedItemsLayout()
        self._later(self._arrive)

    def _arrive(self) -> None:
        self._arriving = True
        self.viewport().setUpdatesEnabled(True)  # which paints all of it

    def _go_to_chosen(self) -> None:
        """Bring the chosen row into the middle, with the block that it belongs to around it."""
        if self.chosen:
            self.scrollTo(self.currentIndex(), QAbstractItemView.ScrollHint.PositionAtCenter)

    def _announce(self) -> None:
        if self.chosen:
            self.tensor_chosen.emit(self.chosen)
