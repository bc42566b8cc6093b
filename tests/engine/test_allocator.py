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


GAPS = """
import ctypes, random, sys
from pathlib import Path
from cnnstudio.engine.allocator import given_back, kept_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def pictures():
    random.seed(0)
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    small = []
    for _ in range(60):
        size = random.randrange(2_000_000, 30_000_000)
        picture = libc.malloc(ctypes.c_size_t(size))
        ctypes.memset(picture, 1, size)
        small.append(bytes(50_000))  # what stays, behind it
        libc.free(picture)

with kept_memory():
    before = resident()
    if sys.argv[1] == "given back":
        with given_back():
            pictures()
    else:
        pictures()
    print(resident() - before)
"""


def left_over(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", GAPS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_decoding_leaves_no_gaps_behind() -> None:
    assert left_over("kept") > 25_000_000
    assert left_over("given back") < 10_000_000
