import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK
from cnnstudio.gui.widgets.colormaps import argb_table
from cnnstudio.gui.widgets.kernel_pixels import peaks_of, to_levels
from cnnstudio.gui.widgets.mixing_matrix import MixingMatrix

LEFT = Qt.MouseButton.LeftButton
VALUES = np.random.default_rng(1).normal(0, 0.1, (600, 40)).astype(np.float32)


@pytest.fixture
def matrix(qtbot: QtBot) -> MixingMatrix:
    matrix = MixingMatrix()
    qtbot.addWidget(matrix)
    matrix.resize(400, 150)
    matrix.show()
    qtbot.waitExposed(matrix)
    return matrix


def show(matrix: MixingMatrix, values: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = VALUES) -> None:
    matrix.show_matrix(values, peaks_of(values, own=False), np.arange(len(values)))


def told(matrix: MixingMatrix) -> list[tuple[int, int]]:
    pointed: list[tuple[int, int]] = []
    matrix.pointed.connect(lambda output, source: pointed.append((output, source)))
    return pointed


def test_a_small_matrix_is_drawn_weight_by_weight(matrix: MixingMatrix) -> None:
    values = VALUES[:5, :10]
    show(matrix, values)
    image = matrix.grab().toImage()
    colors = argb_table("diverging")[to_levels(values, peaks_of(values, own=False))]
    for row, column in np.ndindex(5, 10):  # cells of 24 pixels, in the middle
        pixel = image.pixel(80 + 24 * column + 12, 15 + 24 * row + 12)
        assert pixel == colors[row, column]


def test_the_mouse_finds_the_strongest_weight_under_it(matrix: MixingMatrix) -> None:
    show(matrix)
    assert matrix.cells_in_pixel() == 4
    pointed = told(matrix)
    QTest.mouseMove(matrix, QPoint(105, 50))  # ten pixels to a column, four rows to a pixel
    rows = slice(200, 204)
    assert pointed == [(200 + int(np.abs(VALUES[rows, 10]).argmax()), 10)]
    QTest.mouseMove(matrix, QPoint(399, 149))
    assert pointed[-1][1] == 39


def test_outputs_are_named_in_any_order(matrix: MixingMatrix) -> None:
    order = np.arange(600)[::-1].copy()
    matrix.show_matrix(VALUES, peaks_of(VALUES, own=False), order)
    pointed = told(matrix)
    QTest.keyClick(matrix, Qt.Key.Key_Down)
    QTest.keyClick(matrix, Qt.Key.Key_Down)
    assert pointed == [(599, 0), (598, 0)]


def test_a_click_looks_closely_and_another_at_all_again(matrix: MixingMatrix) -> None:
    show(matrix)
    whole = matrix.part
    QTest.mouseClick(matrix, LEFT, pos=QPoint(105, 50))
    cell = matrix.cell
    assert (matrix.part.rows, matrix.part.columns) == (150 // 14, 400 // 14)
    assert matrix.part.holds(*cell)
    assert matrix.cells_in_pixel() == 1
    QTest.mouseClick(matrix, LEFT, pos=QPoint(105, 50))
    assert matrix.part == whole
    QTest.keyClick(matrix, Qt.Key.Key_Return)
    assert matrix.part != whole
    QTest.keyClick(matrix, Qt.Key.Key_Escape)
    assert matrix.part == whole


def test_keys_go_on_beyond_the_part_that_is_seen(matrix: MixingMatrix) -> None:
    show(matrix)
    QTest.keyClick(matrix, Qt.Key.Key_Right)
    QTest.keyClick(matrix, Qt.Key.Key_Return)
    for _ in range(matrix.part.rows):
        QTest.keyClick(matrix, Qt.Key.Key_Down)
    assert matrix.cell == (10, 0)
    assert matrix.part.holds(10, 0)
    assert matrix.part.top > 0
    QTest.keyClick(matrix, Qt.Key.Key_Left)  # there is nothing
    assert matrix.cell == (10, 0)


def test_the_whole_can_be_had_as_a_picture_of_every_weight(matrix: MixingMatrix) -> None:
    show(matrix)
    matrix.set_tokens(DARK)
    picture = matrix.picture(2)
    assert (picture.width(), picture.height()) == (80, 1200)
    level = to_levels(VALUES, peaks_of(VALUES, own=False))[321, 17]
    assert picture.pixel(34, 642) == argb_table("diverging_dark")[level]
