import numpy as np
import pytest

from cnnstudio.gui.widgets.matrix_pixels import Part, edges, strongest


@pytest.mark.parametrize(("rows", "columns"), [(7, 5), (64, 20), (3, 40), (200, 1)])
def test_the_strongest_of_each_block_is_seen(rows: int, columns: int) -> None:
    levels = np.random.default_rng(0).integers(1, 256, (rows, columns), dtype=np.uint8)
    down, across = edges(0, rows, min(rows, 6)), edges(0, columns, min(columns, 4))
    found = strongest(levels, down, across).astype(int) - 128
    for row, column in np.ndindex(*found.shape):
        block = levels[down[row] : down[row + 1], across[column] : across[column + 1]].astype(int) - 128
        assert abs(found[row, column]) == np.abs(block).max()
        assert found[row, column] in block


def test_a_part_is_shown_as_it_is_where_there_is_room() -> None:
    levels = np.arange(1, 201, dtype=np.uint8).reshape(10, 20)
    np.testing.assert_array_equal(strongest(levels, edges(2, 3, 3), edges(5, 7, 7)), levels[2:5, 5:12])


def test_a_part_lies_around_a_cell_within_the_whole() -> None:
    whole = Part(0, 0, 100, 10)
    assert whole.around(50, 5, 20, 4) == Part(40, 3, 20, 4)
    assert whole.around(0, 9, 20, 4) == Part(0, 6, 20, 4)
    assert whole.around(99, 0, 20, 40) == Part(80, 0, 20, 10)
    assert Part(40, 3, 20, 4).holds(59, 6)
    assert not Part(40, 3, 20, 4).holds(60, 6)
