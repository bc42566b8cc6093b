from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from cnnstudio.core.errors import InputError
from cnnstudio.data.scan import Catalog, ImageFile, Part
from cnnstudio.data.splits import Split, split

COUNTS = st.lists(st.integers(1, 60), min_size=2, max_size=8).filter(lambda counts: max(counts) > 1)
FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**32 - 1)
FIRST = (2, 3, 4, 18, 20, 23, 24, 26, 34, 36)  # to validate with: 100 images of two classes, seed 0


def catalog(*counts: int, **parts: list[int]) -> Catalog:
    """Return a catalogue with so many images of each class, or so many of each class in each part."""
    named: dict[Part | None, list[int]] = {None: list(counts)} if counts else {}
    for part in ("train", "val", "test"):
        if part in parts:
            named[part] = parts[part]
    images = [
        ImageFile(Path(f"{part}/{label}/{number}.png"), label, part)
        for part, each in named.items()
        for label, count in enumerate(each)
        for number in range(count)
    ]
    images.sort(key=lambda image: (image.label, image.path))
    classes = max(len(each) for each in named.values())
    return Catalog(Path("root"), tuple(map(str, range(classes))), tuple(images))


def per_class(found: Catalog, indices: tuple[int, ...]) -> tuple[int, ...]:
    counts = Counter(found.images[index].label for index in indices)
    return tuple(counts[label] for label in range(len(found.classes)))


@given(counts=COUNTS, fraction=FRACTIONS, seed=SEEDS)
def test_each_class_gives_its_share(counts: list[int], fraction: float, seed: int) -> None:
    found = catalog(*counts)
    division = split(found, val_fraction=fraction, seed=seed)
    assert sorted(division.train + division.val) == list(range(sum(counts)))  # all of them, each once
    assert division.test == ()
    assert list(division.train) == sorted(division.train)
    assert list(division.val) == sorted(division.val)
    for count, train, val in zip(counts, per_class(found, division.train), per_class(found, division.val), strict=True):
        assert train >= 1
        assert val == 0 if count == 1 else val >= 1
        if 1 < val < count - 1:  # not held by either limit
            assert abs(val - count * fraction) <= 0.5
    assert split(found, val_fraction=fraction, seed=seed) == division


@given(tens=st.lists(st.integers(1, 8), min_size=2, max_size=6), tenths=st.integers(1, 9), seed=SEEDS)
def test_counts_agree_with_scikit_learn(tens: list[int], tenths: int, seed: int) -> None:
    """Where every share is a whole number there is one right answer."""
    found = catalog(*(10 * ten for ten in tens))
    division = split(found, val_fraction=tenths / 10, seed=seed)
    labels = np.array([image.label for image in found.images])
    oracle = StratifiedShuffleSplit(n_splits=1, test_size=tenths * sum(tens), random_state=seed)
    train, val = next(oracle.split(labels, labels))
    assert per_class(found, division.train) == tuple(np.bincount(labels[train]))
    assert per_class(found, division.val) == tuple(np.bincount(labels[val]))


def test_seed_decides_which_images() -> None:
    found = catalog(50, 50)
    divisions = [split(found, val_fraction=0.2, seed=seed) for seed in range(40)]
    assert len({division.val for division in divisions}) == 40
    # No image is preferred: each is drawn in about a fifth of the seeds (8 times, standard deviation 2.5).
    drawn = Counter(index for division in divisions for index in division.val)
    assert len(drawn) == 100
    assert max(drawn.values()) <= 18
    # A seed means the same images from version to version.
    assert divisions[0].val[:10] == FIRST


def test_own_parts_are_respected() -> None:
    found = catalog(train=[3, 2], val=[1, 2], test=[2, 0])
    division = split(found, val_fraction=0.5, seed=1)
    for part, indices in (("train", division.train), ("val", division.val), ("test", division.test)):
        assert indices == tuple(index for index, image in enumerate(found.images) if image.part == part)
    assert [per_class(found, each) for each in (division.train, division.val, division.test)] == [
        (3, 2),
        (1, 2),
        (2, 0),
    ]


def test_without_val_part_training_images_are_divided_and_test_images_are_not() -> None:
    found = catalog(train=[10, 5], test=[4, 4])
    division = split(found, val_fraction=0.2, seed=0)
    assert [per_class(found, each) for each in (division.train, division.val, division.test)] == [
        (8, 4),
        (2, 1),
        (4, 4),
    ]
    assert {found.images[index].part for index in division.train + division.val} == {"train"}


def test_val_part_of_one_class_is_enough() -> None:
    found = catalog(train=[1, 1], val=[0, 1])
    assert split(found, val_fraction=0.2, seed=0) == Split(train=(0, 1), val=(2,))


@pytest.mark.parametrize("found", [catalog(1, 1, 1), catalog(train=[1, 1], test=[5, 5])])
def test_nothing_left_to_validate_with(found: Catalog) -> None:
    with pytest.raises(InputError) as error:
        split(found, val_fraction=0.9, seed=0)
    assert error.value.one_line() == (
        "every class has a single image, so none is left to validate with [root]: "
        "add images: two a class at least, a hundred is a good start"
    )
