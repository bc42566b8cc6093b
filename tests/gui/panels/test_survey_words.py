from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cnnstudio.data.survey import survey
from cnnstudio.gui.panels.survey_words import advice, sentence


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([20, 100], ""),
        ([20, 101], "bee has 5 times as many images as ant, and will be guessed too often."),
        ([19, 30], "ant has only 19 images: a hundred a class is a good start."),
        ([1, 3], "Fewer than 20 images: ant, bee. A hundred a class is a good start."),
    ],
)
def test_says_what_may_keep_a_network_from_learning(
    image_tree: Callable[..., Path], counts: Sequence[int], expected: str
) -> None:
    found = survey(image_tree(count=counts, size=(8, 8)), val_fraction=0.2, seed=0)
    assert advice(found) == expected


def test_many_small_classes_are_not_all_named(image_tree: Callable[..., Path]) -> None:
    found = survey(image_tree(list("abcde"), count=2, size=(8, 8)), val_fraction=0.5, seed=0)
    assert advice(found) == "Fewer than 20 images: a, b, c and 2 more. A hundred a class is a good start."
    assert sentence(found) == "10 images in 5 classes: 5 to learn from, 5 to validate with"
