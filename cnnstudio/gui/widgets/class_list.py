"""The classes of a data set: how many images each has, and what they look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QItemSelectionModel, QRect, QRectF, QSize, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

from cnnstudio.gui.pictures import draw_cropped, to_image
from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.row_model import ROW_ROLE, SORT_ROLE, Column, Index, RowModel
from cnnstudio.gui.widgets.table import prepare_table

FEW = 20
_HINT = "The classes appear here once a folder is open"
_CLASS, _PICTURES, _SHARE = 0, 1, 3
_SIDE, _GAP, _INSET, _SHARE_WIDTH, _WIDEST_NAME = 40, 6, 11, 96, 240


@dataclass(frozen=True, slots=True, eq=False)
class ClassRow:
    """A class.

    Attributes:
        name: Its folder.
        train: Number of training images.
        val: Number of validation images.
        thumbnails: A few of its images, each `(H, W, 3)` uint8 RGB.
    """

    name: str
    train: int
    val: int
    thumbnails: tuple[NDArray[np.uint8], ...] = ()

    @property
    def images(self) -> int:
        """Number of all images."""
        return self.train + self.val

    @property
    def note(self) -> str:
        """What is wrong with the class, in words; empty if nothing is."""
        if self.images < FEW:
            return "1 image only" if self.images == 1 else f"only {self.images} images"
        return "" if self.val else "none for validation"


_COLUMNS: tuple[Column[ClassRow], ...] = (
    Column("Class", lambda row: row.name),
    Column("Examples", lambda _row: ""),
    Column("Images", lambda row: f"{row.images:,}", lambda row: row.images),
    Column("", lambda _row: "", lambda row: row.images, "Number of images beside that of the largest class"),
    Column("Train", lambda row: f"{row.train:,}", lambda row: row.train, "Images that the network learns from"),
    Column("Validate", lambda row: f"{row.val:,}", lambda row: row.val, "Images that only measure how well it does"),
)


class ClassList(QTableView):
    """One row a class, sorted by a click on a heading; classes with few images are flagged in words.

    Signals:
        class_chosen: Name of the class that mouse or keys went to.
    """

    class_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare_table(self, "class_list", "Classes")
        self.rows_model: RowModel[ClassRow] = RowModel(_COLUMNS, self)
        self.rows_model.note = lambda row: row.note
        self.sorted_model = QSortFilterProxyModel(self)
        self.sorted_model.setSourceModel(self.rows_model)
        self.sorted_model.setSortRole(SORT_ROLE)
        self.setModel(self.sorted_model)
        self.setSortingEnabled(True)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.horizontalHeader().setSortIndicatorClearable(True)
        self.horizontalHeader().setResizeContentsPrecision(50)
        self.horizontalHeader().setStretchLastSection(False)
        self.horizontalHeader().setSectionResizeMode(_PICTURES, QHeaderView.ResizeMode.Stretch)  # counts stay in sight
        self.verticalHeader().setDefaultSectionSize(_SIDE + 2 * _GAP)
        self._painter = _CellPainter(self)
        self.setItemDelegate(self._painter)
        self.selectionModel().selectionChanged.connect(self._announce)
        self.set_tokens(LIGHT)

    def show_classes(self, rows: Sequence[ClassRow]) -> None:
        """Show classes; selection and scrolling stay where the class is still there."""
        chosen, at = self.chosen, self.verticalScrollBar().value()
        self._painter.forget(max((row.images for row in rows), default=0))
        self.rows_model.set_rows(rows)
        self.resizeColumnsToContents()
        self.select(chosen)
        self.verticalScrollBar().setValue(at)

    @property
    def chosen(self) -> str:
        """Name of the chosen class; empty if none is."""
        return next((index.data(ROW_ROLE).name for index in self.selectionModel().selectedRows()), "")

    def select(self, name: str) -> None:
        """Choose a class without announcing it; a name that is not shown chooses none."""
        selection = self.selectionModel()
        selection.blockSignals(True)
        selection.clear()
        for number, row in enumerate(self.rows_model.rows):
            if row.name == name:
                index = self.sorted_model.mapFromSource(self.rows_model.index(number, 0))
                flags = QItemSelectionModel.SelectionFlag
                selection.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        selection.blockSignals(False)
        self.viewport().update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._painter.tokens = tokens
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, or words where there are none."""
        super().paintEvent(event)
        if not self.rows_model.rows:
            painter = QPainter(self.viewport())
            painter.setPen(QColor(self._painter.tokens.muted))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, _HINT)

    def _announce(self) -> None:
        if self.chosen:
            self.class_chosen.emit(self.chosen)


class _CellPainter(QStyledItemDelegate):
    """Paints notes, pictures and bars; everything else is painted as in any table."""

    def __init__(self, parent: ClassList) -> None:
        super().__init__(parent)
        self.tokens = LIGHT
        self._largest = 0
        self._images: dict[int, QImage] = {}

    def forget(self, largest: int) -> None:
        """Make ready for other rows, the largest of which has that many images."""
        self._largest = largest
        self._images.clear()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Room for the pictures or the bar, or for the words."""
        row: ClassRow = index.data(ROW_ROLE)
        if index.column() == _PICTURES:
            return QSize(len(row.thumbnails) * (_SIDE + _GAP) + 2 * _INSET, _SIDE + 2 * _GAP)
        if index.column() == _SHARE:
            return QSize(_SHARE_WIDTH, _SIDE + 2 * _GAP)
        hint = super().sizeHint(option, index)
        if index.column() == _CLASS:
            note = option.fontMetrics.horizontalAdvance(row.note) + 20
            hint.setWidth(min(_WIDEST_NAME, max(hint.width(), note)))
        return hint

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        """Keep the ordinary words away where `paint` sets two lines."""
        super().initStyleOption(option, index)
        if index.column() == _CLASS and index.data(ROW_ROLE).note:
            option.text = ""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint a cell."""
        super().paint(painter, option, index)
        row: ClassRow = index.data(ROW_ROLE)
        area: QRect = option.rect
        if index.column() == _CLASS and row.note:
            self._paint_lines(painter, area.adjusted(_INSET, 0, -4, 0), row)
        elif index.column() == _PICTURES:
            top = area.center().y() - _SIDE // 2
            for place, pixels in enumerate(row.thumbnails):
                square = QRect(area.left() + _INSET + place * (_SIDE + _GAP), top, _SIDE, _SIDE)
                if square.right() <= area.right():
                    draw_cropped(painter, self._image(pixels, painter), square, radius=4)
        elif index.column() == _SHARE and self._largest:
            self._paint_share(painter, area, row)

    def _paint_lines(self, painter: QPainter, area: QRect, row: ClassRow) -> None:
        line = painter.fontMetrics().height()
        top = area.center().y() - line
        for place, (words, color) in enumerate(((row.name, self.tokens.text), (row.note, self.tokens.warn_text))):
            shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, area.width())
            painter.setPen(QColor(color))
            where = QRect(area.left(), top + place * line, area.width(), line)
            painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def _paint_share(self, painter: QPainter, area: QRect, row: ClassRow) -> None:
        track = QRectF(area.left() + 4, area.center().y() - 3, area.width() - 16, 6)
        outline = QPainterPath()
        outline.addRoundedRect(track, 3, 3)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillPath(outline, QColor(self.tokens.border))
        painter.setClipPath(outline, Qt.ClipOperation.IntersectClip)
        track.setWidth(track.width() * row.images / self._largest)
        painter.fillRect(track, QColor(self.tokens.accent))
        painter.restore()

    def _image(self, pixels: NDArray[np.uint8], painter: QPainter) -> QImage:
        """Return a thumbnail at the size in which it is painted."""
        if id(pixels) not in self._images:  # The rows keep the arrays, and so their identities, alive.
            side = round(_SIDE * painter.device().devicePixelRatioF())
            fill = Qt.AspectRatioMode.KeepAspectRatioByExpanding
            smooth = Qt.TransformationMode.SmoothTransformation
            self._images[id(pixels)] = to_image(pixels).scaled(side, side, fill, smooth)
        return self._images[id(pixels)]
