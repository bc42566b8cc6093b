"""A table model over plain rows: each column says how it gets its words from a row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QBrush, QIcon

Row = TypeVar("Row")
Index = QModelIndex | QPersistentModelIndex

ROW_ROLE = Qt.ItemDataRole.UserRole
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
_ROOT = QModelIndex()


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column.

    Attributes:
        title: Its heading.
        text: The words of a row.
        number: The value behind the words, if they are a number: it is set right-aligned and sorted by.
        explanation: Tooltip of the heading.
    """

    title: str
    text: Callable[[Row], str]
    number: Callable[[Row], float] | None = None
    explanation: str = ""


class RowModel(QAbstractTableModel, Generic[Row]):
    """Rows that never change, shown through columns.

    Attributes:
        background: Gives a row's ground; None for the ordinary one.
        note: Gives what else there is to say about a row: its tooltip, and for screen readers.
        icon: Gives the picture before a row's words in a column; None for no picture.
    """

    def __init__(self, columns: Sequence[Column[Row]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._rows: tuple[Row, ...] = ()
        self.background: Callable[[Row], QBrush | None] = lambda _row: None
        self.note: Callable[[Row], str] = lambda _row: ""
        self.icon: Callable[[Row, int], QIcon | None] = lambda _row, _column: None
        self._answers: dict[int, Callable[[Row, int], Any]] = {
            Qt.ItemDataRole.DisplayRole: lambda row, column: columns[column].text(row),
            Qt.ItemDataRole.AccessibleTextRole: lambda row, column: (
                f"{columns[column].title}: {columns[column].text(row)}"
            ),
            Qt.ItemDataRole.TextAlignmentRole: lambda _row, column: _alignment(columns[column]),
            Qt.ItemDataRole.BackgroundRole: lambda row, _column: self.background(row),
            Qt.ItemDataRole.DecorationRole: lambda row, column: self.icon(row, column) or None,
            Qt.ItemDataRole.ToolTipRole: lambda row, _column: self.note(row) or None,
            Qt.ItemDataRole.AccessibleDescriptionRole: lambda row, _column: self.note(row) or None,
            ROW_ROLE: lambda row, _column: row,
            SORT_ROLE: lambda row, column: _sort_key(columns[column], row),
        }

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is shown, in the order in which it was given."""
        return self._rows

    def words(self, column: int) -> frozenset[str]:
        """Return all different words in a column."""
        return frozenset(map(self._columns[column].text, self._rows))

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def change_rows(self, first: int, rows: Sequence[Row]) -> None:
        """Show others in the place of some rows, from `first` on; what is chosen stays so."""
        last = first + len(rows) - 1
        self._rows = (*self._rows[:first], *rows, *self._rows[last + 1 :])
        self.dataChanged.emit(self.index(first, 0), self.index(last, self.columnCount() - 1))

    def cell(self, row: int, column: int) -> tuple[str, bool, QBrush | None]:
        """Return the words of a cell, whether they are a number, and its ground."""
        shown, told = self._rows[row], self._columns[column]
        return told.text(shown), told.number is not None, self.background(shown)

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return words, value, place or look of a cell."""
        answer = self._answers.get(role)
        if answer is None or not index.isValid():
            return None
        return answer(self._rows[index.row()], index.column())

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return words and place of a heading."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self._columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.title
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
            case Qt.ItemDataRole.ToolTipRole:
                return column.explanation or None
        return None


def _alignment(column: Column[Any]) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column.number is None else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


def _sort_key(column: Column[Row], row: Row) -> str | float:
    return column.text(row).casefold() if column.number is None else column.number(row)
