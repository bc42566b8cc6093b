"""torch takes a second to load, and half a million objects: late, and out of the garbage collector's sight."""

import gc
import sys


def load_engine() -> None:
    """Import what a run needs, if that has not been done yet.

    What has been imported is hidden from the garbage collector: each full collection would look through it, a tenth of
    a second in which the program does nothing else.
    """
    first = "cnnstudio.engine.trainer" not in sys.modules
    import cnnstudio.engine.trainer  # noqa: F401 - imported for its effect

    if first:
        gc.freeze()
