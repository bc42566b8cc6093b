import numpy as np

from cnnstudio.gui.widgets.colormaps import argb_table
from cnnstudio.gui.widgets.kernel_pixels import peaks_of, to_levels, to_pixels


def test_zero_is_the_middle_whatever_the_scale() -> None:
    values = np.array([[[-2.0, 0.0, 1.0]], [[0.5, 0.0, -0.25]], [[0.0, 0.0, 0.0]]], np.float32)
    own, shared = peaks_of(values, own=True), peaks_of(values, own=False)
    assert (own.tolist(), shared.tolist()) == ([2, 0.5, 0], [2, 2, 2])
    assert to_levels(values, own).reshape(3, 3).tolist() == [[1, 128, 192], [255, 128, 64], [128, 128, 128]]
    assert to_levels(values, shared).reshape(3, 3).tolist() == [[1, 128, 192], [160, 128, 112], [128, 128, 128]]


def test_kernels_take_the_colours_of_the_map() -> None:
    levels = np.array([[[1, 128, 255]]], np.uint8)
    assert to_pixels(levels, "diverging").tolist() == [[argb_table("diverging")[[1, 128, 255]].tolist()]]


def test_kernels_over_the_colours_are_coloured_themselves() -> None:
    levels = np.array([[[[255]], [[128]], [[1]]]], np.uint8)
    assert to_pixels(levels, "diverging").tolist() == [[[0xFFFF8001]]]
