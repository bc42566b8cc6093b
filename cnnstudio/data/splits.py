"""Which images are learnt from, which ones judge, and which ones are kept for the end."""

from dataclasses import dataclass

import numpy as np

from cnnstudio.core.errors import InputError
from cnnstudio.data.scan import Catalog


@dataclass(frozen=True, slots=True)
class Split:
    """Indices into `Catalog.images`, ascending.

    Attributes:
        train: Images to learn from.
        val: Images that judge each epoch.
        test: Images of a `test` sub-folder, never used while training.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...] = ()


def split(catalog: Catalog, *, val_fraction: float, seed: int) -> Split:
    """Divide a catalogue, respecting its own `train|val|test` sub-folders.

    Where there is no `val` part, each class gives `val_fraction` of its images, at least one, chosen by `seed`.
    A class with a single image gives it to training.

    Raises:
        InputError: No image is left for validation.
    """
    parts: dict[str | None, list[int]] = {None: [], "train": [], "val": [], "test": []}
    for index, image in enumerate(catalog.images):
        parts[image.part].append(index)
    train, val = sorted(parts[None] + parts["train"]), parts["val"]
    if not val:
        train, val = _stratified(catalog, train, val_fraction, seed)
    if not val:
        raise InputError(
            "every class has a single image, so none is left to validate with",
            where=catalog.root,
            remedy="add images: two a class at least, a hundred is a good start",
        )
    return Split(tuple(train), tuple(sorted(val)), tuple(parts["test"]))


def _stratified(catalog: Catalog, indices: list[int], val_fraction: float, seed: int) -> tuple[list[int], list[int]]:
    generator = np.random.default_rng(seed)
    classes: list[list[int]] = [[] for _ in catalog.classes]
    for index in indices:
        classes[catalog.images[index].label].append(index)
    chosen: set[int] = set()
    for members in classes:
        wanted = min(len(members) - 1, max(1, round(len(members) * val_fraction)))
        if wanted > 0:
            chosen.update(int(each) for each in generator.permutation(members)[:wanted])
    return [index for index in indices if index not in chosen], sorted(chosen)
