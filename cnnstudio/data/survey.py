"""A close look at a folder before anything is trained: every image is decoded once, classes are counted and shown."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cnnstudio.core.events import SetAside
from cnnstudio.data.images import Pixels, UnreadableImageError, read_thumbnail
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.scan import Catalog, scan
from cnnstudio.data.splits import Split, split


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many images of a class go where."""

    name: str
    train: int
    val: int
    test: int


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a folder holds, every image having been read.

    Attributes:
        catalog: The readable images.
        split: Which ones a run with the same settings would learn from and validate with.
        thumbnails: For each class, some images as `(h, w, 3)` uint8.
    """

    catalog: Catalog
    split: Split
    thumbnails: tuple[tuple[Pixels, ...], ...]

    def counts(self) -> tuple[ClassCount, ...]:
        """Return the counts of each class, in the order of `catalog.classes`."""
        train, val, test = (
            Counter(self.catalog.images[index].label for index in part)
            for part in (self.split.train, self.split.val, self.split.test)
        )
        return tuple(
            ClassCount(name, train[label], val[label], test[label]) for label, name in enumerate(self.catalog.classes)
        )

    def divided(self, *, val_fraction: float, seed: int) -> "Survey":
        """Return the same images divided anew, as a run with these settings would."""
        return replace(self, split=split(self.catalog, val_fraction=val_fraction, seed=seed))


def survey(
    folder: Path,
    *,
    val_fraction: float,
    seed: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    thumbnail_side: int = 96,
    thumbnails_per_class: int = 6,
) -> Survey:
    """Scan a folder, decode every image, and divide it as a run would.

    Args:
        folder: As for `scan`.
        val_fraction: As in the configuration.
        seed: As in the configuration.
        progress: Called with the number of images done and their total; may raise to give up.
        thumbnail_side: Longer side of the thumbnails in pixels.
        thumbnails_per_class: How many are kept.

    Raises:
        InputError: The folder cannot be learnt from.
    """
    found = scan(folder)
    shown: dict[str, list[Pixels]] = defaultdict(list)
    unreadable: list[SetAside] = []

    def look(path: Path) -> Pixels | str:
        try:
            return read_thumbnail(path, thumbnail_side)
        except UnreadableImageError as error:
            return str(error)

    paths = [image.path for image in found.images]
    for done, (image, seen) in enumerate(zip(found.images, in_threads(look, paths), strict=True), start=1):
        name = found.classes[image.label]
        if isinstance(seen, str):
            unreadable.append(SetAside(path=str(image.path), reason=seen))
        elif len(shown[name]) < thumbnails_per_class:
            shown[name].append(seen)
        progress(done, len(paths))
    catalog = found.without(unreadable)
    division = split(catalog, val_fraction=val_fraction, seed=seed)
    return Survey(catalog, division, tuple(tuple(shown[name]) for name in catalog.classes))
