import platform
import subprocess
import sys

import pytest

PROGRAM = """
import contextlib, resource, sys, threading
import numpy as np
from cnnstudio.engine.allocator import kept_memory

def steps():
    np.ones(60_000_000, dtype=np.uint8)  # the first one has to fetch its pages
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(60_000_000, dtype=np.uint8)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

with kept_memory() if sys.argv[1] == "kept" else contextlib.nullcontext():
    thread = threading.Thread(target=steps)
    thread.start()
    thread.join()
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives large blocks back at once")
def test_a_thread_that_asks_for_the_same_memory_again_fetches_no_new_pages() -> None:
    assert page_faults("kept") < page_faults("as it is") / 10
