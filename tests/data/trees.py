"""Folders for the tests of scanning, and what a scan says of them."""

from pathlib import Path

import pytest

from cnnstudio.core.errors import InputError
from cnnstudio.data.scan import Catalog, scan


def plant(root: Path, *names: str) -> Path:
    """Make files (and folders, where a name ends with a slash); a scan looks at names only."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.touch()
    return root


def content(catalog: Catalog) -> list[tuple[str, str, str | None]]:
    """Return path below the root, class and part of every image, in order."""
    return [
        (image.path.relative_to(catalog.root).as_posix(), catalog.classes[image.label], image.part)
        for image in catalog.images
    ]


def aside(catalog: Catalog) -> dict[str, str]:
    """Return what is set aside, by its path below the root."""
    return {Path(each.path).relative_to(catalog.root).as_posix(): each.reason for each in catalog.set_aside}


def refusal(folder: Path) -> str:
    """Return the one line in which a scan refuses a folder."""
    with pytest.raises(InputError) as error:
        scan(folder)
    line = error.value.one_line()
    assert len(line.splitlines()) == 1
    line.encode()
    return line
