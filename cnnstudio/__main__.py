"""The one command: it opens the window, or hands over to a headless command."""

import os
import sys

from cnnstudio import cli

# Read when torch loads: threads that wait for work sleep. Spinning, they would take the core from the window, and two
# programs at once would each run at a fifth of their speed instead of a half.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# oneDNN keeps what it has prepared for each operation and size, by itself 1,024 times. A network at one size has 60 to
# 280 of them; after ResNet-18 at 52 sizes they took 95 MB instead of 146.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "512")


def main() -> int:
    """Run `cnnstudio` with the arguments of this process and return the exit code."""
    arguments = sys.argv[1:]
    if arguments and (arguments[0] in cli.COMMANDS or arguments[0] in {"-h", "--help", "--version"}):
        return cli.main(arguments)
    if sys.platform == "win32":
        import torch  # noqa: F401 - once Qt is loaded, torch's libraries no longer load on Windows (pytorch#166628)
    from cnnstudio.gui import app  # headless commands do without Qt

    return app.main(arguments[1:] if arguments[:1] == ["gui"] else arguments)


if __name__ == "__main__":
    sys.exit(main())
