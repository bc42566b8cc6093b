"""Files that a run does without, and why."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from cnnstudio.core.events import SetAside
from cnnstudio.gui.theme import Theme, Tokens

_REASON: Final = Qt.ItemDataRole.UserRole
_PADDING: Final = 8
_NOWHERE: Final = QModelIndex()

Index = QModelIndex | QPersistentModelIndex


class SetAsideList(QListView):
    """Paths, relative to the folder that is open, each over the reason why it is set aside."""

    def __init__(self, object_name: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName("Files set aside")
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._files = _Files(self)
        self._painter = _TwoLines(self, theme.tokens)
        self.setModel(self._files)
        self.setItemDelegate(self._painter)
        theme.changed.connect(self._recolour)

    def set_files(self, root: Path, files: Sequence[SetAside]) -> None:
        """Show other files."""
        self._files.set_files(root, files)

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        self._painter.tokens = tokens
        self.viewport().update()


class _Files(QAbstractListModel):
    """The rows; only those in sight are asked for, so there may be many."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._root = ""
        self._files: tuple[SetAside, ...] = ()

    def set_files(self, root: Path, files: Sequence[SetAside]) -> None:
        self.beginResetModel()
        self._root = str(root)
        self._files = tuple(files)
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._files)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        each = self._files[index.row()]
        place = os.path.relpath(each.path, self._root)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return place
            case Qt.ItemDataRole.ToolTipRole:
                return f"{each.path}\n{each.reason}"
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{place}: {each.reason}"
        return each.reason if role == _REASON else None


class _TwoLines(QStyledItemDelegate):
    """Paints the path, without its middle where it is long, and the reason below it."""

    def __init__(self, parent: QWidget, tokens: Tokens) -> None:
        super().__init__(parent)
        self.tokens = tokens

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Room for two lines."""
        return QSize(0, 2 * option.fontMetrics.height() + 2 * _PADDING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint ground and lines."""
        words, reason = index.data(), index.data(_REASON)
        self.initStyleOption(option, index)
        option.text = ""
        style, widget = option.widget.style(), option.widget
        style.drawControl(style.ControlElement.CE_ItemViewItem, option, painter, widget)
        metrics = option.fontMetrics
        area: QRect = option.rect.adjusted(_PADDING, _PADDING, -_PADDING, -_PADDING)
        lines = (
            (words, Qt.TextElideMode.ElideMiddle, self.tokens.text),
            (reason, Qt.TextElideMode.ElideRight, self.tokens.muted),
        )
        painter.save()
        for number, (text, mode, colour) in enumerate(lines):
            painter.setPen(QColor(colour))
            line = QRect(area.left(), area.top() + number * metrics.height(), area.width(), metrics.height())
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, metrics.elidedText(text, mode, area.width()))
        painter.restore()
