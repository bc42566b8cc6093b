"""Finding classes and images in a folder tree, without decoding them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import SetAside
from cnnstudio.data.images import FOREIGN_SUFFIXES, SUFFIXES

Part = Literal["train", "val", "test"]

_PARTS: Final[dict[str, Part]] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_LAYOUT: Final = "put each class into a folder of its own, such as birds/robin/1.jpg and birds/wren/2.jpg"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image of a catalogue.

    Attributes:
        path: The file.
        label: Index of its class.
        part: The sub-folder `train`, `val` or `test` that it lies in; None where the folder has no split of its own.
    """

    path: Path
    label: int
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a folder holds.

    Attributes:
        root: The folder that holds the classes (or the parts).
        classes: Names of the class folders, sorted; an image's label is an index into it.
        images: All images that may be used, sorted by class and path.
        set_aside: What cannot be used, and why.
    """

    root: Path
    classes: tuple[str, ...]
    images: tuple[ImageFile, ...]
    set_aside: tuple[SetAside, ...] = ()

    def counts(self) -> tuple[int, ...]:
        """Return the number of images of each class."""
        found = Counter(image.label for image in self.images)
        return tuple(found[label] for label in range(len(self.classes)))

    def without(self, unreadable: Iterable[SetAside]) -> "Catalog":
        """Return the catalogue without images that turned out to be unreadable.

        Raises:
            InputError: Fewer than two classes remain.
        """
        more = tuple(unreadable)
        gone = {each.path for each in more}
        rest = tuple(image for image in self.images if str(image.path) not in gone)
        return _checked(replace(self, images=rest, set_aside=self.set_aside + more))


def scan(folder: Path) -> Catalog:
    """Find the classes and images of a folder.

    The tree is `folder/class/…/image`, or `folder/train|val|test/class/…/image`. Hidden files are passed over, links
    are followed once, and a lone wrapping folder is opened.

    Raises:
        InputError: The folder is missing, empty, or has fewer than two classes with images.
    """
    root = _unwrapped(_existing(folder))
    parts = {_PARTS[entry.name.lower()]: entry for entry in _folders(root) if entry.name.lower() in _PARTS}
    if "train" not in parts:
        parts = {}
    tops: list[tuple[Part | None, Path]] = [*parts.items()] if parts else [(None, root)]
    classes = tuple(sorted({entry.name for _, top in tops for entry in _folders(top)}))
    index = {name: label for label, name in enumerate(classes)}
    images: list[ImageFile] = []
    set_aside: list[SetAside] = []
    seen: set[tuple[int, int]] = set()
    for part, top in tops:
        loose = _loose_images(top)
        set_aside.extend(SetAside(path=str(path), reason="lies outside any class folder") for path in loose)
        for entry in _folders(top):
            before = len(images)
            for path in _files(entry, seen):
                suffix = path.suffix.lower()
                if suffix in SUFFIXES:
                    images.append(ImageFile(path, index[entry.name], part))
                elif suffix in FOREIGN_SUFFIXES:
                    set_aside.append(
                        SetAside(path=str(path), reason=f"{suffix} is not supported; save it as PNG or JPEG")
                    )
            if len(images) == before:
                set_aside.append(SetAside(path=str(entry), reason="a class folder without images"))
    images.sort(key=lambda image: (image.label, image.path))
    return _checked(Catalog(root, classes, tuple(images), tuple(set_aside)))


def _checked(catalog: Catalog) -> Catalog:
    """Drop classes that have no (training) image and refuse what cannot be learnt from."""
    learnt = {image.label for image in catalog.images if image.part in {None, "train"}}
    if not catalog.images:
        found = catalog.set_aside[0] if catalog.set_aside else None
        if found is not None and not catalog.classes:
            raise InputError("the images are not sorted into classes", where=catalog.root, remedy=_LAYOUT)
        example = f"; {found.path}: {found.reason}" if found else ""
        raise InputError(f"no image that can be used{example}", where=catalog.root, remedy=_LAYOUT)
    if len(learnt) < 2:
        only = ", ".join(catalog.classes[label] for label in sorted(learnt)) or "none"
        raise InputError(
            f"a network learns to tell classes apart and there is only one with images: {only}",
            where=catalog.root,
            remedy="add a folder for a second class",
        )
    kept = sorted(learnt)
    renumbered = {old: new for new, old in enumerate(kept)}
    return replace(
        catalog,
        classes=tuple(catalog.classes[label] for label in kept),
        images=tuple(
            replace(image, label=renumbered[image.label]) for image in catalog.images if image.label in renumbered
        ),
    )


def _existing(folder: Path) -> Path:
    if not folder.exists():
        raise InputError("no such folder", where=folder, remedy="check the path")
    if not folder.is_dir():
        raise InputError("not a folder", where=folder, remedy="choose the folder that holds one folder for each class")
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise InputError(f"the folder cannot be read: {reason}", where=folder, remedy="check its permissions") from None
    return folder.resolve()


def _unwrapped(root: Path) -> Path:
    """Open a lone folder that archives like to put around their content."""
    inner = _folders(root)
    if len(inner) == 1 and not _loose_images(root) and len(_folders(inner[0])) > 1 and not _loose_images(inner[0]):
        return inner[0]
    return root


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not entry.name.startswith(".") and entry.name != "__MACOSX"]
    except OSError:
        return []
    return sorted(found, key=lambda entry: entry.name)


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _visible(folder) if entry.is_dir()]


def _loose_images(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _visible(folder) if not entry.is_dir() and _is_image(entry.name)]


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _files(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield all visible files below a folder; each real folder once, so that links cannot go round in circles."""
    try:
        status = folder.stat()
    except OSError:
        return
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return
    seen.add(key)
    for entry in _visible(folder):
        if entry.is_dir():
            yield from _files(Path(entry.path), seen)
        else:
            yield Path(entry.path)
