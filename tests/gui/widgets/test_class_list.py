import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import LIGHT
from cnnstudio.gui.widgets.class_list import ClassList, ClassRow

RED = np.full((32, 48, 3), (200, 30, 40), np.uint8)
BLUE = np.full((48, 32, 3), (20, 60, 210), np.uint8)
ROWS = (
    ClassRow("wren", 800, 200, (RED, BLUE)),
    ClassRow("Auk", 1600, 400, (BLUE, RED)),
    ClassRow("jay", 7, 2),
    ClassRow("owl", 90, 0),
)


@pytest.fixture
def classes(qtbot: QtBot) -> ClassList:
    classes = ClassList()
    classes.resize(760, 320)
    classes.show_classes(ROWS)
    qtbot.addWidget(classes)
    classes.show()
    qtbot.waitExposed(classes)
    return classes


def column(classes: ClassList, number: int) -> list[str]:
    model = classes.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def test_counts_with_thousands_separators(classes: ClassList) -> None:
    assert column(classes, 0) == ["wren", "Auk", "jay", "owl"]
    assert column(classes, 2) == ["1,000", "2,000", "9", "90"]
    assert column(classes, 4) == ["800", "1,600", "7", "90"]
    assert column(classes, 5) == ["200", "400", "2", "0"]


def test_thumbnails_are_painted_in_their_order(classes: ClassList) -> None:
    picture = classes.viewport().grab().toImage()
    cell = classes.visualRect(classes.model().index(1, 1))
    middle = cell.center().y()
    assert picture.pixelColor(cell.left() + 30, middle) == QColor(20, 60, 210)
    assert picture.pixelColor(cell.left() + 30 + 46, middle) == QColor(200, 30, 40)


def test_bars_compare_with_the_largest_class(classes: ClassList) -> None:
    picture = classes.viewport().grab().toImage()
    accent = QColor(LIGHT.accent)

    def length(row: int) -> int:
        cell = classes.visualRect(classes.model().index(row, 3))
        y = cell.center().y()
        return sum(picture.pixelColor(x, y) == accent for x in range(cell.left(), cell.right()))

    assert length(1) >= 70
    assert length(0) == pytest.approx(length(1) / 2, abs=2)
    assert length(2) <= 1


@pytest.mark.parametrize(
    ("row", "note"),
    [
        (ClassRow("a", 16, 4), ""),
        (ClassRow("a", 15, 4), "only 19 images"),
        (ClassRow("a", 1, 0), "1 image only"),
        (ClassRow("a", 0, 0), "only 0 images"),
        (ClassRow("a", 50, 0), "none for validation"),
    ],
)
def test_what_is_wrong_is_said_in_words(row: ClassRow, note: str) -> None:
    assert row.note == note


def test_notes_are_painted_and_spoken(classes: ClassList) -> None:
    index = classes.model().index(2, 0)
    assert index.data(Qt.ItemDataRole.AccessibleDescriptionRole) == "only 9 images"
    picture = classes.viewport().grab().toImage()
    warn = QColor(LIGHT.warn_text)

    def warned(row: int) -> bool:
        cell = classes.visualRect(classes.model().index(row, 0))
        colours = [
            picture.pixelColor(x, y) for x in range(cell.left(), cell.right()) for y in range(cell.top(), cell.bottom())
        ]  # thin strokes are mixed with the ground, which leaves their hue
        return any(each.hue() == pytest.approx(warn.hue(), abs=8) and each.saturation() > 100 for each in colours)

    assert [warned(row) for row in range(4)] == [False, False, True, True]


def test_a_heading_sorts_by_number_and_by_name(classes: ClassList) -> None:
    classes.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert column(classes, 0) == ["Auk", "wren", "owl", "jay"]
    classes.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert column(classes, 0) == ["Auk", "jay", "owl", "wren"]


def test_choosing_a_class_in_a_sorted_list(classes: ClassList, qtbot: QtBot) -> None:
    classes.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    with qtbot.waitSignal(classes.class_chosen) as chosen:
        where = classes.visualRect(classes.model().index(1, 0)).center()
        QTest.mouseClick(classes.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert chosen.args == ["jay"]
    with qtbot.waitSignal(classes.class_chosen) as chosen:
        QTest.keyClick(classes, Qt.Key.Key_Down)
    assert chosen.args == ["owl"]


def test_selection_outlives_thumbnails_that_come_later(classes: ClassList, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(classes.class_chosen):
        classes.select("jay")
        classes.show_classes([*ROWS[:2], ClassRow("jay", 7, 2, (RED,)), ROWS[3]])
        assert classes.chosen == "jay"


def test_a_thousand_classes_are_a_thousand_rows_and_no_widgets(classes: ClassList) -> None:
    before = len(classes.findChildren(QWidget))
    classes.show_classes([ClassRow(f"class {number:04}", number, 1, (RED, BLUE)) for number in range(1000)])
    assert classes.model().rowCount() == 1000
    assert len(classes.findChildren(QWidget)) <= before + 1
    classes.viewport().grab()
    assert len(classes._painter._images) == 2


def test_words_stand_in_for_no_classes(classes: ClassList) -> None:
    classes.show_classes([])
    picture = classes.viewport().grab().toImage()
    ground = picture.pixel(2, 2)
    middle = picture.height() // 2
    assert any(picture.pixel(x, y) != ground for y in range(middle - 8, middle + 8) for x in range(250, 500))
