from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from cnnstudio.gui.widgets.row_model import ROW_ROLE, SORT_ROLE, Column, RowModel

Pair = tuple[str, int]
COLUMNS = (
    Column[Pair]("Name", lambda row: row[0]),
    Column[Pair]("Size", lambda row: f"{row[1]:,}", lambda row: row[1], "In pixels"),
)


def model() -> RowModel[Pair]:
    result = RowModel(COLUMNS)
    result.set_rows([("Bee", 1200), ("ant", 3)])
    return result


def test_keeps_the_rules_of_qt(qtbot: QtBot) -> None:
    rows = model()
    QAbstractItemModelTester(rows, QAbstractItemModelTester.FailureReportingMode.Fatal)
    rows.set_rows([("wasp", 7)])
    rows.set_rows([])
    assert (rows.rowCount(), rows.columnCount()) == (0, 2)


def test_cells(qtbot: QtBot) -> None:
    rows = model()
    cell = rows.index(0, 1)
    assert cell.data() == "1,200"
    assert cell.data(SORT_ROLE) == 1200
    assert cell.data(ROW_ROLE) == ("Bee", 1200)
    assert cell.data(Qt.ItemDataRole.AccessibleTextRole) == "Size: 1,200"
    assert cell.data(Qt.ItemDataRole.ToolTipRole) is None
    assert rows.index(0, 0).data(SORT_ROLE) == "bee"
    assert rows.data(rows.index(9, 9)) is None


def test_numbers_stand_on_the_right_under_their_heading(qtbot: QtBot) -> None:
    rows = model()
    role = Qt.ItemDataRole.TextAlignmentRole
    assert rows.index(0, 1).data(role) & Qt.AlignmentFlag.AlignRight
    assert rows.index(0, 0).data(role) & Qt.AlignmentFlag.AlignLeft
    assert rows.headerData(1, Qt.Orientation.Horizontal, role) & Qt.AlignmentFlag.AlignRight


def test_headings(qtbot: QtBot) -> None:
    rows = model()
    assert [rows.headerData(column, Qt.Orientation.Horizontal) for column in (0, 1)] == ["Name", "Size"]
    assert rows.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) == "In pixels"
    assert rows.headerData(0, Qt.Orientation.Vertical) is None


def test_look_and_note_come_from_the_row(qtbot: QtBot) -> None:
    rows = model()
    rows.background = lambda row: QBrush(Qt.GlobalColor.red) if row[1] > 100 else None
    rows.note = lambda row: f"{row[0]}!"
    assert rows.index(0, 0).data(Qt.ItemDataRole.BackgroundRole) == QBrush(Qt.GlobalColor.red)
    assert rows.index(1, 0).data(Qt.ItemDataRole.BackgroundRole) is None
    assert rows.index(1, 0).data(Qt.ItemDataRole.AccessibleDescriptionRole) == "ant!"
