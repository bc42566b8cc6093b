"""Finding classes and images in a folder tree, without decoding them."""

import contextlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
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
        classes: Names of the class folders in Unicode's composed form (NFC), sorted; a label is an index into it.
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
    parts = _parts(root)
    tops = parts or [(None, root)]
    entries = [(part, entry) for part, top in tops for entry in _folders(top)]
    entries.sort(key=lambda each: each[1].is_symlink())  # where a link and a folder are the same, the folder counts
    classes = tuple(sorted({_title(entry) for _, entry in entries}))
    index = {name: label for label, name in enumerate(classes)}
    finder = _Finder()
    finder.leave_out(root, *root.resolve().parents, *(top for _, top in tops))
    for top in dict.fromkeys((root, *(top for _, top in tops))):
        finder.name_loose_images(top)
    if parts:
        beside = [each for each in _folders(root) if each not in {top for _, top in parts}]
        finder.set_aside.extend(SetAside(path=str(each), reason="lies beside the train folder") for each in beside)
    fresh = [finder.leave_out(entry) for _, entry in entries]  # no class takes images of another one through a link
    for (part, entry), is_fresh in zip(entries, fresh, strict=True):
        if is_fresh:
            finder.collect(entry, index[_title(entry)], part)
        else:
            finder.set_aside.append(SetAside(path=str(entry), reason="a link to a folder that is used already"))
    images = sorted(finder.images, key=lambda image: (image.label, image.path))
    return _checked(Catalog(root, classes, tuple(images), tuple(finder.set_aside)))


@dataclass(slots=True)
class _Finder:
    """Walks through folders, each real one once, so that links cannot go round in circles."""

    images: list[ImageFile] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def leave_out(self, *folders: Path) -> bool:
        """Walk into none of these; returns whether all of them are new."""
        before = len(self._seen)
        for folder in folders:
            with contextlib.suppress(OSError):
                status = folder.stat()
                self._seen.add((status.st_dev, status.st_ino))
        return len(self._seen) == before + len(folders)

    def name_loose_images(self, folder: Path) -> None:
        """Set images aside that lie between the class folders."""
        loose = _loose_images(folder)
        self.set_aside.extend(SetAside(path=str(path), reason="lies outside any class folder") for path in loose)

    def collect(self, folder: Path, label: int, part: Part | None) -> None:
        """Take all images below a class folder."""
        found = len(self.images), len(self.set_aside)
        pending = [folder]  # not recursive: folders may be nested deeper than Python's stack
        while pending:
            here = pending.pop()
            try:
                entries = _listed(here)
            except OSError as error:
                reason = f"the folder cannot be read: {(error.strerror or str(error)).lower()}"
                self.set_aside.append(SetAside(path=str(here), reason=reason))
                continue
            inner = [path for path, is_folder in entries if is_folder and self.leave_out(path)]
            pending.extend(reversed(inner))
            for path in (path for path, is_folder in entries if not is_folder):
                suffix = path.suffix.lower()
                if suffix in SUFFIXES:
                    self.images.append(ImageFile(path, label, part))
                elif suffix in FOREIGN_SUFFIXES:
                    reason = f"{suffix} is not supported; save it as PNG or JPEG"
                    self.set_aside.append(SetAside(path=str(path), reason=reason))
        if found == (len(self.images), len(self.set_aside)):
            self.set_aside.append(SetAside(path=str(folder), reason="a class folder without images"))


def _checked(catalog: Catalog) -> Catalog:
    """Set images aside whose class has none to train on, and refuse what cannot be learnt from."""
    learnt = sorted({image.label for image in catalog.images if image.part in {None, "train"}})
    if not catalog.images:
        found = catalog.set_aside[0] if catalog.set_aside else None
        if found is not None and not catalog.classes:
            raise InputError("the images are not sorted into classes", where=catalog.root, remedy=_LAYOUT)
        example = f"; {found.path}: {found.reason}" if found else ""
        raise InputError(f"no image that can be used{example}", where=catalog.root, remedy=_LAYOUT)
    if not learnt:
        raise InputError("no image to train on", where=catalog.root, remedy="put images into the train folder")
    if len(learnt) == 1:
        raise InputError(
            "a network learns to tell classes apart and there is only one with images: " + catalog.classes[learnt[0]],
            where=catalog.root,
            remedy="add a folder for a second class",
        )
    renumbered = {old: new for new, old in enumerate(learnt)}
    if len(learnt) == len(catalog.classes):
        return catalog
    unlearnt = [image for image in catalog.images if image.label not in renumbered]
    reason = "its class has no image to train on"
    return replace(
        catalog,
        classes=tuple(catalog.classes[label] for label in learnt),
        images=tuple(
            replace(image, label=renumbered[image.label]) for image in catalog.images if image.label in renumbered
        ),
        set_aside=(*catalog.set_aside, *(SetAside(path=str(image.path), reason=reason) for image in unlearnt)),
    )


def _existing(folder: Path) -> Path:
    try:
        _listed(folder)
        return folder.resolve()
    except (FileNotFoundError, ValueError):
        raise InputError("no such folder", where=folder, remedy="check the path") from None
    except NotADirectoryError:
        remedy = "choose the folder that holds one folder for each class"
        raise InputError("not a folder", where=folder, remedy=remedy) from None
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise InputError(f"the folder cannot be read: {reason}", where=folder, remedy="check its permissions") from None


def _unwrapped(root: Path) -> Path:
    """Open the lone folders that archives like to put around their content."""
    here = root
    for _ in range(8):
        inner = _folders(here)
        if len(inner) != 1 or _loose_images(here):
            break
        here = inner[0]
    return here if len(_folders(here)) > 1 and not _loose_images(here) else root


def _parts(root: Path) -> list[tuple[Part | None, Path]]:
    """Return the folders `train`, `val` and `test`; none where `train` is a class, beside `car` and `plane`."""
    found = [(_PARTS[name], entry) for entry in _folders(root) if (name := entry.name.lower()) in _PARTS]
    if any(part == "train" and _folders(entry) for part, entry in found):
        return [*found]
    return []


def _title(folder: Path) -> str:
    """Return a class name; the same one whether a Mac or another system wrote the folder's accents."""
    return unicodedata.normalize("NFC", folder.name)


def _listed(folder: Path) -> list[tuple[Path, bool]]:
    """Return the visible content of a folder in order, and for each whether it is a folder.

    Raises:
        OSError: The folder cannot be read.
    """
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not entry.name.startswith(".") and entry.name != "__MACOSX"]
    return [(Path(entry.path), _is_folder(entry)) for entry in sorted(found, key=lambda entry: entry.name)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself
        return False


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path, is_folder in _listed(folder) if is_folder]
    return []


def _loose_images(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path, is_folder in _listed(folder) if not is_folder and path.suffix.lower() in SUFFIXES]
    return []
