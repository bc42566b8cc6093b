import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.gui.widgets.tile_grid import TileGrid, fit_grid, mosaic

TABLE = (np.arange(256, dtype=np.uint32) + 1) * 3


@given(st.integers(0, 2048), st.integers(20, 3000), st.integers(0, 2000))
def test_tiles_lie_inside_the_width_at_a_legible_size(count: int, width: int, height: int) -> None:
    grid = fit_grid(count, width, height, scroll_bar=10)
    scrolls = grid.height > height
    assert grid.rows * grid.columns >= count
    assert 32 <= grid.side <= 96 or (scrolls and grid.side >= 48)
    assert grid.columns * (grid.side + grid.gap) - grid.gap <= max(48, width - (10 if scrolls else 0))


def test_as_large_as_all_of_them_can_be() -> None:
    assert fit_grid(64, 804, 251) == TileGrid(64, 16, 44)
    assert fit_grid(3, 804, 251).side == 96


def test_more_tiles_than_fit_get_a_good_size_and_scroll() -> None:
    grid = fit_grid(512, 804, 251)
    assert (grid.columns, grid.side) == (15, 48)
    assert grid.height > 251


@given(st.integers(1, 300), st.integers(1, 20), st.data())
def test_a_tile_is_found_at_its_own_place(count: int, columns: int, data: st.DataObject) -> None:
    grid = TileGrid(count, columns, 40)
    tile = data.draw(st.integers(0, count - 1))
    x, y = grid.corner(tile)
    assert grid.tile_at(x, y) == grid.tile_at(x + 39.9, y + 39.9) == tile
    assert grid.tile_at(x + 40, y) is None


@pytest.mark.parametrize(("x", "y"), [(-1, 5), (5, -1), (200, 5), (95, 50)])
def test_no_tile_outside(x: float, y: float) -> None:
    assert TileGrid(count=3, columns=2, side=40).tile_at(x, y) is None


def test_mosaic_enlarges_each_map_to_its_tile() -> None:
    maps = np.array([[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9], [10, 11]]], np.uint8)
    grid = TileGrid(count=3, columns=2, side=4, gap=1)
    pixels = mosaic(maps, grid, range(2), TABLE)
    assert pixels.shape == (10, 10)
    np.testing.assert_array_equal(pixels[:4, 5:9], TABLE[np.repeat(np.repeat(maps[1], 2, 0), 2, 1)])
    np.testing.assert_array_equal(pixels[5:9, :4], TABLE[np.repeat(np.repeat(maps[2], 2, 0), 2, 1)])
    assert not pixels[4].any()
    assert not pixels[:, 4].any()
    assert not pixels[5:, 5:].any()  # There is no fourth map.


def test_some_rows_are_a_part_of_all_rows() -> None:
    maps = np.random.default_rng(0).integers(0, 256, (11, 7, 7), np.uint8)
    grid = TileGrid(count=11, columns=3, side=35)
    whole = mosaic(maps, grid, range(4), TABLE)
    part = mosaic(maps, grid, range(1, 3), TABLE)
    np.testing.assert_array_equal(part, whole[41 : 3 * 41])
    assert part.flags.c_contiguous


def test_twice_the_pixels_on_a_dense_screen() -> None:
    maps = np.random.default_rng(0).integers(0, 256, (2, 8, 8), np.uint8)
    grid = TileGrid(count=2, columns=2, side=32)
    sharp = mosaic(maps, grid, range(1), TABLE, scale=2)
    np.testing.assert_array_equal(sharp[::2, ::2], mosaic(maps, grid, range(1), TABLE))


def test_maps_lie_in_their_order_each_in_its_own_colours() -> None:
    maps = np.arange(3, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    grid = TileGrid(count=3, columns=2, side=8, gap=1)
    tables = np.stack([TABLE, TABLE + 1000, TABLE + 2000])  # of the tiles, not of the maps
    pixels = mosaic(maps, grid, range(2), tables, order=np.array([2, 0, 1]))
    assert [pixels[4, 4], pixels[4, 13], pixels[13, 4]] == [TABLE[2], TABLE[0] + 1000, TABLE[1] + 2000]
    part = mosaic(maps, grid, range(1, 2), tables[2:], order=np.array([2, 0, 1]))
    np.testing.assert_array_equal(part, pixels[9:])
