"""Where the files that ship with the program lie."""

from pathlib import Path

from cnnstudio.core.errors import InputError

_PACKAGE = Path(__file__).resolve().parents[1]


def resource(name: str) -> Path:
    """Return the path of a shipped file, such as `icons/app.svg`.

    In an installed wheel the files lie inside the package, in a source checkout beside it.

    Raises:
        InputError: The installation lacks the file.
    """
    for root in (_PACKAGE / "resources", _PACKAGE.parent / "resources"):
        path = root / name
        if path.exists():
            return path
    raise InputError("the installation is incomplete", where=name, remedy="install CNN Studio again")
