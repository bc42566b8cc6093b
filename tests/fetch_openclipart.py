"""Fetch Debian's openclipart-png (public domain), the real images of the tests, and lay out six of its classes.

    python tests/fetch_openclipart.py [--fresh]

Takes the installed package where there is one, and downloads it with apt otherwise; root is not needed. Exit code 0:
`.test-data/openclipart6` is there; 1: it cannot be had here, and one sentence says why.
"""

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as a script it finds its own folder only

from tests.debian_package import DATA, NotAvailableError, say, unpacked

PACKAGE = "openclipart-png"
CLASSES = ("animals", "food", "office", "people", "tools", "transportation")
INSTALLED = Path("/usr/share/openclipart/png")
UNPACKED = DATA / "openclipart"
LAID_OUT = DATA / "openclipart6"


def main(arguments: list[str] | None = None) -> int:
    """Run the script and return its exit code."""
    parser = argparse.ArgumentParser(description=f"Fetch {PACKAGE} into {DATA}.")
    parser.add_argument("--fresh", action="store_true", help="download it even where it is installed or unpacked")
    fresh = parser.parse_args(arguments).fresh
    try:
        lay_out(unpacked(PACKAGE, INSTALLED, UNPACKED, fresh=fresh))
    except NotAvailableError as error:
        sys.stderr.write(f"{PACKAGE} is not available on this system: {error}\n")
        return 1
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
