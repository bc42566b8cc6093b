import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK
from cnnstudio.gui.widgets.colormaps import argb_table
from cnnstudio.gui.widgets.kernel_pixels import Kernels, peaks_of, to_levels, to_pixels
from cnnstudio.gui.widgets.kernel_sheet import Cell
from cnnstudio.gui.widgets.kernel_wall import KernelWall

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def wall(qtbot: QtBot) -> KernelWall:
    wall = KernelWall()
    qtbot.addWidget(wall)
    wall.resize(500, 160)
    wall.show()
    qtbot.waitExposed(wall)
    return wall


def kernels(*shape: int, own: bool = False, captions: tuple[str, ...] = ()) -> Kernels:
    values = np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)
    return Kernels(values, peaks_of(values, own=own), np.arange(len(values)), captions)


def middle(wall: KernelWall, place: int) -> QPoint:
    grid = wall.canvas.grid
    x, y = grid.corner(place)
    return QPoint(x + grid.wide // 2, y + grid.high // 2)


def told(wall: KernelWall) -> list[tuple[int, Cell | None]]:
    pointed: list[tuple[int, Cell | None]] = []
    wall.pointed.connect(lambda number, cell: pointed.append((number, cell)))
    return pointed


@pytest.mark.parametrize("shape", [(10, 3, 3), (10, 3, 5, 5)])
def test_each_weight_is_drawn_where_it_belongs(wall: KernelWall, shape: tuple[int, ...]) -> None:
    shown = kernels(*shape)
    wall.show_kernels(shown)
    image = wall.canvas.grab().toImage()
    colors = to_pixels(to_levels(shown.values, shown.peaks), "diverging")
    grid, side = wall.canvas.grid, shape[-1]
    for number, row, column in np.ndindex(10, side, side):
        x, y = grid.corner(number)
        cell = grid.cell
        assert image.pixel(x + cell * column + cell // 2, y + cell * row + cell // 2) == colors[number, row, column]


def test_the_theme_decides_what_zero_looks_like(wall: KernelWall) -> None:
    wall.show_kernels(Kernels(np.zeros((1, 3, 3), np.float32), np.zeros(1, np.float32), np.arange(1)))
    assert wall.canvas.grab().toImage().pixel(middle(wall, 0)) == argb_table("diverging")[128]
    wall.set_tokens(DARK)
    assert wall.canvas.grab().toImage().pixel(middle(wall, 0)) == argb_table("diverging_dark")[128]


def test_an_order_moves_kernels_and_their_names(wall: KernelWall) -> None:
    shown = kernels(4, 3, 3)
    wall.show_kernels(Kernels(shown.values, shown.peaks, np.array([2, 0, 3, 1])))
    colors = to_pixels(to_levels(shown.values, shown.peaks), "diverging")
    assert wall.canvas.grab().toImage().pixel(middle(wall, 0)) == colors[2, 1, 1]
    pointed = told(wall)
    QTest.mouseMove(wall.canvas, middle(wall, 2))
    QTest.mouseMove(wall.canvas, middle(wall, 3))
    assert pointed == [(3, None), (1, None)]


def test_a_click_enlarges_a_filter_and_names_its_weights(wall: KernelWall) -> None:
    wall.show_kernels(kernels(10, 3, 3))
    pointed = told(wall)
    QTest.mouseClick(wall.canvas, LEFT, pos=middle(wall, 4))
    assert pointed[-1:] == [(4, None)]
    assert (wall.sheet.isVisible(), wall.sheet.filter) == (True, 4)
    cell = 160 // 3  # the kernel is in the middle
    corner = QPoint((500 - 3 * cell) // 2, (160 - 3 * cell) // 2)
    QTest.mouseMove(wall.sheet, corner + QPoint(2 * cell + 5, cell + 5))
    assert pointed[-1:] == [(4, Cell(0, 1, 2))]
    QTest.mouseClick(wall.sheet, LEFT, pos=QPoint(250, 80))
    assert not wall.sheet.isVisible()
    assert pointed[-1:] == [(-1, None)]


def test_an_enlarged_filter_shows_colours_and_numbers(wall: KernelWall) -> None:
    shown = kernels(2, 3, 3, own=True)
    wall.show_kernels(shown)
    wall.enlarge(1)
    image = wall.sheet.grab().toImage()
    colors = to_pixels(to_levels(shown.values, shown.peaks), "diverging")[1]
    cell = 160 // 3
    left, top = (500 - 3 * cell) // 2, (160 - 3 * cell) // 2
    for row, column in np.ndindex(3, 3):
        corner = QPoint(left + column * cell + 3, top + row * cell + 3)  # beside the number
        assert image.pixel(corner) == colors[row, column]
        inside = {image.pixel(left + column * cell + x, top + row * cell + cell // 2) for x in range(5, cell - 5)}
        assert len(inside) > 1  # the number


def test_a_filter_over_the_colours_is_taken_apart(wall: KernelWall) -> None:
    wall.show_kernels(kernels(2, 3, 5, 5))
    wall.enlarge(0)
    found = {wall.sheet.cell_at(QPointF(x, 70)) for x in range(500)}
    assert {cell.channel for cell in found if cell is not None} == {0, 1, 2}
    assert None in found  # the whole in colour, and what is between


def test_keys_walk_enlarge_and_close(wall: KernelWall) -> None:
    wall.show_kernels(kernels(10, 3, 3))
    wall.canvas.setFocus()
    pointed = told(wall)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Return):
        QTest.keyClick(wall.canvas, key)
    assert wall.sheet.filter == 2
    QTest.keyClick(wall.canvas, Qt.Key.Key_Right)
    assert (wall.sheet.isVisible(), wall.sheet.filter) == (True, 3)
    QTest.keyClick(wall.canvas, Qt.Key.Key_End)
    assert (wall.sheet.filter, pointed[-1]) == (9, (9, None))
    QTest.keyClick(wall.canvas, Qt.Key.Key_Escape)
    assert not wall.sheet.isVisible()


def test_an_enlarged_filter_follows_training_but_not_another_layer(wall: KernelWall) -> None:
    wall.show_kernels(kernels(10, 3, 3))
    wall.enlarge(7)
    wall.show_kernels(kernels(10, 3, 3, own=True))
    assert (wall.sheet.isVisible(), wall.sheet.filter) == (True, 7)
    wall.show_kernels(kernels(12, 3, 3))
    assert not wall.sheet.isVisible()


def test_captions_take_room_and_are_written(wall: KernelWall) -> None:
    wall.show_kernels(kernels(10, 3, 3))
    wall.show_kernels(kernels(10, 3, 3, captions=("12 %",) * 10))
    grid, image = wall.canvas.grid, wall.canvas.picture(1)
    assert grid.caption > 0
    x, y = grid.corner(5)
    below = {image.pixel(x + dx, y + grid.high + dy) for dx in range(grid.wide) for dy in range(grid.caption)}
    assert len(below) > 2


def test_a_large_layer_scrolls_and_is_saved_whole(wall: KernelWall) -> None:
    shown = kernels(512, 3, 3)
    wall.show_kernels(shown)
    assert wall.canvas.height() == wall.canvas.grid.height > wall.height()
    picture = wall.canvas.picture(2)
    x, y = wall.canvas.grid.corner(511)
    cell = 2 * wall.canvas.grid.cell
    colors = to_pixels(to_levels(shown.values, shown.peaks), "diverging")
    assert picture.pixel(2 * x + cell // 2, 2 * y + cell // 2) == colors[511, 0, 0]
