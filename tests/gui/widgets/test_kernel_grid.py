import numpy as np
import pytest

from cnnstudio.gui.widgets.kernel_grid import KernelGrid, fit_kernels, mosaic


@pytest.mark.parametrize(("count", "sides"), [(64, (7, 7)), (512, (3, 3)), (96, (11, 11)), (30, (1, 7)), (1, (5, 5))])
@pytest.mark.parametrize("caption", [0, 15])
def test_kernels_fit_across_and_their_weights_are_equally_large(
    count: int, sides: tuple[int, int], caption: int
) -> None:
    grid = fit_kernels(count, 820, 200, sides=sides, caption=caption, scroll_bar=12)
    assert (grid.wide, grid.high) >= (grid.cell * sides[1], grid.cell * sides[0])
    assert grid.cell * max(sides) >= 24
    assert grid.columns * grid.across - grid.gap <= 820
    assert grid.columns * grid.rows >= count
    if grid.height > 200:  # then there is a scroll bar
        assert grid.columns * grid.across - grid.gap <= 820 - 12


def test_few_kernels_are_all_in_sight() -> None:
    assert fit_kernels(64, 820, 200, sides=(7, 7)).height <= 200
    assert fit_kernels(512, 820, 200, sides=(3, 3)).height > 200


def test_places_are_found_by_their_position() -> None:
    grid = KernelGrid(5, 3, 20, (2, 2), caption=10, gap=6)
    assert (grid.rows, grid.height, grid.corner(4)) == (2, 106, (46, 56))
    assert grid.tile_at(46, 56) == 4
    assert grid.tile_at(47, 105) == 4  # its caption
    assert grid.tile_at(41, 0) is None
    assert grid.tile_at(100, 60) is None
    assert grid.tile_at(-1, 0) is None


def test_each_weight_is_a_square_in_its_place() -> None:
    kernels = np.arange(1, 19, dtype=np.uint32).reshape(3, 2, 3)  # two rows, three columns
    grid = KernelGrid(3, 2, 6, (2, 3), caption=0, gap=1)
    wall = mosaic(kernels, grid, scale=2)
    assert wall.shape == (2 * 13 * 2, 2 * 19 * 2)
    assert wall.flags.c_contiguous
    np.testing.assert_array_equal(wall[26:50, :36], kernels[2].repeat(12, axis=0).repeat(12, axis=1))  # second row
    assert not wall[50:].any()
    assert not wall[26:, 36:].any()


def test_a_narrow_kernel_stands_in_the_middle_over_its_caption() -> None:
    grid = KernelGrid(1, 1, 6, (7, 1), caption=15)
    assert (grid.wide, grid.high, grid.down) == (38, 42, 63)
    wall = mosaic(np.ones((1, 7, 1), np.uint32), grid)
    assert np.flatnonzero(wall.max(0)).tolist() == list(range(16, 22))
    flat = KernelGrid(1, 1, 6, (1, 7))
    assert (flat.wide, flat.high) == (42, 12)
    assert np.flatnonzero(mosaic(np.ones((1, 1, 7), np.uint32), flat).max(1)).tolist() == list(range(3, 9))
