"""Fetch Debian's openclipart-png (public domain), the real images of the tests, and lay out six of its classes.

    python tests/fetch_openclipart.py [--fresh]

Takes the installed package where there is one, and downloads it with apt otherwise; root is not needed. Exit code 0:
`.test-data/openclipart6` is there; 1: it cannot be had here, and one sentence says why.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "openclipart-png"
CLASSES = ("animals", "food", "office", "people", "tools", "transportation")
INSTALLED = Path("/usr/share/openclipart/png")
DATA = Path(__file__).resolve().parents[1] / ".test-data"
UNPACKED = DATA / "openclipart"
LAID_OUT = DATA / "openclipart6"


class NotAvailableError(Exception):
    """The images cannot be had here; the text says why and what would help."""


def main(arguments: list[str] | None = None) -> int:
    """Run the script and return its exit code."""
    parser = argparse.ArgumentParser(description=f"Fetch {PACKAGE} into {DATA}.")
    parser.add_argument("--fresh", action="store_true", help="download it even where it is installed or unpacked")
    fresh = parser.parse_args(arguments).fresh
    try:
        lay_out(find_images(fresh=fresh))
    except NotAvailableError as error:
        sys.stderr.write(f"{PACKAGE} is not available on this system: {error}\n")
        return 1
    return 0


def find_images(*, fresh: bool) -> Path:
    """Return the folder that holds the package's folders of images; with `fresh`, download them anew."""
    unpacked = UNPACKED / INSTALLED.relative_to("/")
    if not fresh:
        for folder in (INSTALLED, unpacked):
            if folder.is_dir():
                say(f"found {folder}")
                return folder
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotAvailableError("it is a Debian package, and there is no apt-get here")
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA, prefix="fetch-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt downloads as a user of its own
        package = download(folder)
        say(f"unpacking {package.name} ({package.stat().st_size / 1e6:.0f} MB)")
        run("dpkg-deb", "-x", str(package), str(folder / "tree"))
        shutil.rmtree(UNPACKED, ignore_errors=True)
        (folder / "tree").rename(UNPACKED)  # at once, so that an interrupted run leaves nothing half unpacked
    return unpacked


def download(folder: Path) -> Path:
    """Download the package into `folder`, refreshing the package lists if they lack it, and return the file."""
    say(f"downloading {PACKAGE}")
    try:
        run("apt-get", "download", PACKAGE, cwd=folder)
    except NotAvailableError as error:
        if sys.platform == "win32" or os.geteuid() != 0:
            raise NotAvailableError(f"{error}; try again after: sudo apt-get update") from None
        say("refreshing the package lists")
        run("apt-get", "update")
        run("apt-get", "download", PACKAGE, cwd=folder)
    return next(folder.glob(f"{PACKAGE}_*.deb"))


def lay_out(source: Path) -> None:
    """Make the tree `openclipart6/class/…` out of `source`, with links where the system allows them."""
    LAID_OUT.mkdir(parents=True, exist_ok=True)
    for name in CLASSES:
        here, there = LAID_OUT / name, source / name
        if not there.is_dir():
            raise NotAvailableError(f"this version of the package has no {there}")
        if here.is_symlink():
            here.unlink()
        elif here.is_dir():
            shutil.rmtree(here)
        try:
            here.symlink_to(there, target_is_directory=True)
        except OSError:  # Windows without developer mode
            shutil.copytree(there, here)
        say(f"{here}: {sum(1 for file in there.rglob('*.png'))} images")


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command; if it fails, quote the last line it wrote."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=1800, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAvailableError(str(error)) from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise NotAvailableError(f"`{' '.join(command)}` said: {last}")


def say(text: str) -> None:
    """Tell what was done."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
