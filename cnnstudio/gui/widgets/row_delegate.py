"""Cells of a row model, painted as plain words."""

from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from cnnstudio.gui.widgets.row_model import Index, RowModel

PADDING: Final = 11  # pixels on either side of the words
_MIDDLE: Final = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | _MIDDLE)
_RIGHT: Final = int(Qt.AlignmentFlag.AlignRight | _MIDDLE)


class RowDelegate(QStyledItemDelegate):
    """Paints ground and words of a cell without the style sheet, which takes a third longer for them.

    A model in Python is asked once for a cell instead of once for each of nine roles. The view has to show the model
    itself and not a proxy of it; icons and fonts of single cells are left out.
    """

    def __init__(self, model: RowModel[Any], parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint a cell."""
        words, number, ground = self._model.cell(index.row(), index.column())
        rect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, option.palette.brush(QPalette.ColorRole.Highlight))
        elif ground is not None:
            painter.fillRect(rect, ground)
        if words:
            rect.adjust(PADDING, 0, -PADDING, 0)
            if not number:  # for which there is room
                words = option.fontMetrics.elidedText(words, Qt.TextElideMode.ElideRight, rect.width())
            painter.drawText(rect, _RIGHT if number else _LEFT, words)
