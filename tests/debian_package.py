"""Unpack a Debian package of data below `.test-data`, as the scripts that fetch real images for the tests do."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / ".test-data"


class NotAvailableError(Exception):
    """The data cannot be had here; the text says why and what would help."""


def unpacked(package: str, installed: Path, into: Path, *, fresh: bool) -> Path:
    """Return the folder of a package's data: installed, unpacked by an earlier call, or downloaded with apt now.

    Root is not needed.

    Args:
        package: Its name.
        installed: The folder, where the package is installed.
        into: A folder of this package alone, which gets what it holds.
        fresh: Download it even where it is there.

    Raises:
        NotAvailableError: It cannot be had here.
    """
    inside = into / installed.relative_to(installed.anchor)
    if not fresh:
        for folder in (installed, inside):
            if folder.is_dir():
                say(f"found {folder}")
                return folder
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotAvailableError("it is a Debian package, and there is no apt-get here")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix="fetch-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt downloads as a user of its own
        file = _download(package, folder)
        say(f"unpacking {file.name} ({file.stat().st_size / 1e6:.0f} MB)")
        _run("dpkg-deb", "-x", str(file), str(folder / "tree"))
        shutil.rmtree(into, ignore_errors=True)
        (folder / "tree").rename(into)  # at once, so that an interrupted run leaves nothing half unpacked
    return inside


def say(text: str) -> None:
    """Tell what was done."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _download(package: str, folder: Path) -> Path:
    """Download the package into `folder`, refreshing the package lists if they lack it, and return the file."""
    say(f"downloading {package}")
    try:
        _run("apt-get", "download", package, cwd=folder)
    except NotAvailableError as error:
        if sys.platform == "win32" or os.geteuid() != 0:
            raise NotAvailableError(f"{error}; try again after: sudo apt-get update") from None
        say("refreshing the package lists")
        _run("apt-get", "update")
        _run("apt-get", "download", package, cwd=folder)
    return next(folder.glob(f"{package}_*.deb"))


def _run(*command: str, cwd: Path | None = None) -> None:
    """Run a command; if it fails, quote the last line it wrote."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=1800, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAvailableError(str(error)) from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise NotAvailableError(f"`{' '.join(command)}` said: {last}")
