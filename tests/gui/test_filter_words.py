from dataclasses import replace

import numpy as np
import pytest

from cnnstudio.core.control import MEAN_OF_INPUTS, STRONGEST_INPUT
from cnnstudio.gui.filter_words import alike, change_words, filter_words, share, signed, size_words, weight_words
from tests.gui.filters import filters


@pytest.mark.parametrize(
    ("change", "text"),
    [(0, "0 %"), (0.00004, "0.004 %"), (0.0042, "0.4 %"), (0.042, "4.2 %"), (0.0996, "10 %"), (12.5, "1,250 %")],
)
def test_changes_are_told_to_two_digits_at_most(change: float, text: str) -> None:
    assert share(change) == text


def test_weights_carry_their_sign() -> None:
    assert (signed(0.03123), signed(-0.03123, 4), signed(0)) == ("+0.031", "−0.03123", "0")
    assert signed(-0.0000123) == "−1.2e-05"
    assert alike([0.0312, -0.002, 0.0]) == ["+0.031", "−0.002", "0"]
    assert alike([0.0]) == ["0"]


def test_a_layer_is_described() -> None:
    assert size_words(filters("color")) == "6 filters, 3 × 3 over red, green and blue"
    assert size_words(filters("kernels")) == "6 filters, 3 × 3 over 8 maps"
    assert size_words(filters("depthwise")) == "6 filters, 3 × 3, one for each map (depthwise)"
    assert size_words(filters("mixing")) == "1 × 1, 6 outputs (down) from 8 inputs (across)"


def test_the_change_is_told_with_its_beginning() -> None:
    moved = filters(change=(0.1, 0.0, 0.02, 0.03, 0.3, 0.05))
    assert change_words(moved) == "Changed by 4.0 % (median) since the start; filter 4 the most, by 30 %."
    assert "since the run went on at step 1,200;" in change_words(replace(moved, start_step=1200))
    assert change_words(replace(moved, frozen=True)).endswith("by 30 %. Frozen now.")
    assert change_words(filters(change=(0,) * 6)) == "Nothing has changed since the start."
    assert change_words(replace(filters(change=(0,) * 6), frozen=True)) == "Frozen: does not change."
    unknown = filters(change=None)
    assert change_words(unknown) == "What the weights of this layer were at the start is not kept."
    assert change_words(replace(unknown, frozen=True)) == "Frozen: does not change."


def test_a_filter_is_named_with_the_input_that_its_kernel_is_on() -> None:
    kernels = filters("kernels", map_in=5, change=(0.25,) * 6)
    assert filter_words(kernels, 2) == "filter 2 · on input 5 · changed by 25 % in all"
    strongest = replace(kernels, map_in=STRONGEST_INPUT)
    assert filter_words(strongest, 2) == "filter 2 · on input 5, its strongest · changed by 25 % in all"
    mean = replace(kernels, map_in=MEAN_OF_INPUTS, inputs=np.full(6, -1, np.int32), change=np.empty(0, np.float32))
    assert filter_words(mean, 2) == "filter 2 · mean of inputs"
    assert filter_words(filters("color", change=None), 3) == "filter 3"
    assert filter_words(filters("depthwise", change=None), 3) == "filter 3 · on map 3"


def test_a_weight_is_named_with_its_place_and_its_change() -> None:
    kernels = filters("kernels")
    kernels.values[2, 1, 0], kernels.start[2, 1, 0] = 0.5, 0.125
    assert weight_words(kernels, 2, 1, 0) == "filter 2, row 1, column 0: +0.5, at the start +0.125, change +0.375"
    color = filters("color", change=None)
    color.values[1, 2, 0, 1] = -0.25
    assert weight_words(color, 1, 2, 0, 1) == "filter 1, blue, row 0, column 1: −0.25"
    mixing = replace(filters("mixing", change=None), inputs=np.full(6, 8, np.int32))  # the second group
    mixing.values[4, 3] = 0
    assert weight_words(mixing, 4, 3) == "output 4 ← input 11: 0"
