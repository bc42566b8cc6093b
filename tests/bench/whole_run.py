"""A whole process from its start to its end: wall-clock time, processor time, peak memory, and what it told."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tests.bench.process_tree import memory

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENT: Final = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "2"}
_KIBI: Final = 1024 if sys.platform == "linux" else 1  # macOS counts `ru_maxrss` in bytes


class MeasuredError(RuntimeError):
    """A measured process failed; the message ends with the last lines that it wrote."""


@dataclass(frozen=True, slots=True)
class WholeRun:
    """What one process cost.

    Attributes:
        wall: Seconds from its start to its end.
        cpu: User and system time in seconds, its child processes included.
        peak: Bytes of memory at the worst moment, its child processes included.
        events: The lines of JSON that it told.
    """

    wall: float
    cpu: float
    peak: int
    events: tuple[dict[str, Any], ...]

    def last(self, event: str) -> dict[str, Any]:
        """Return the last event of a kind."""
        return next(each for each in reversed(self.events) if each["event"] == event)


def run_whole(command: Sequence[str], *, cache: Path, every: float = 0.25, timed: bool = True) -> WholeRun:
    """Run a command and measure it.

    Args:
        command: What to run; its stdout is lines of JSON.
        cache: The user's cache folder as the process sees it; empty, unless an earlier run is to be known.
        every: Seconds between two looks at the memory. A single process tells its own peak exactly, whatever this is.
        timed: Whether the time counts. If not, threads do not spin while they wait for each other, which on a busy
            machine takes many times as long as the work.

    Raises:
        MeasuredError: It ended with an error.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(cache) | ({} if timed else PATIENT),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            process_group=0,
        )
        try:
            with _Watched(process.pid, every) as watched:
                _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            end(process)
            raise
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            err.seek(0)
            raise MeasuredError(f"{' '.join(command[:5])} … ended with {process.returncode}:\n{tail(err.read())}")
        out.seek(0)
        events = tuple(json.loads(line) for line in out)
    peak = max(watched.peak, usage.ru_maxrss * _KIBI)
    return WholeRun(wall, usage.ru_utime + usage.ru_stime, peak, events)


def environment(cache: Path) -> dict[str, str]:
    """Return the environment of a measured process, which finds nothing of other runs in the user's folders."""
    cache.mkdir(parents=True, exist_ok=True)
    found = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "HOME": str(cache), "XDG_CACHE_HOME": str(cache), "PYTHONPATH": found}


def tail(text: str, lines: int = 15) -> str:
    """Return the last lines of what a process wrote."""
    return "\n".join(text.splitlines()[-lines:])


def end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    """End a process and its children at once."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class _Watched:
    """Looks at the memory of a process from time to time, on a thread."""

    def __init__(self, pid: int, every: float) -> None:
        self.peak = 0
        self._process = psutil.Process(pid)
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="bench-memory")

    def __enter__(self) -> "_Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self._every):
            self.peak = max(self.peak, memory(self._process))
