"""Cells of a row model, painted by one question each."""

from typing import Any

from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from cnnstudio.gui.widgets.row_model import Index, RowModel


class RowDelegate(QStyledItemDelegate):
    """Paints cells as usual, but asks a model in Python once for a cell instead of once for each of nine roles.

    The view has to show the model itself and not a proxy of it; icons and fonts of single cells are left out.
    """

    def __init__(self, model: RowModel[Any], parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        """Take over words, place and ground of a cell."""
        option.text, option.displayAlignment, ground = self._model.cell(index.row(), index.column())
        option.features |= QStyleOptionViewItem.ViewItemFeature.HasDisplay
        if ground is not None:
            option.backgroundBrush = ground
