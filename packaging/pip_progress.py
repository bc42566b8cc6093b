"""What pip writes, in few words: progress while it runs, one sentence when it fails."""

from __future__ import annotations

import platform
import queue
import re
import shutil
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEARTBEAT_SECONDS = 15.0  # the longest silence where lines cannot be rewritten
_ERROR_LINE = re.compile(r"^\s*error:.*", re.IGNORECASE | re.MULTILINE)
_NO_ANSWER = re.compile(
    r"NewConnection|NameResolution|ProxyError|ConnectTimeout|ReadTimeout|Max retries|Read timed out|incomplete-download"
)
_NOT_FOUND = re.compile(r"No matching distribution found for (\S+)")
_DISK_FULL = re.compile(r"No space left on device|Errno 28")


class Console:
    """Lines with the time since the start and, on a terminal, one live line below them."""

    def __init__(self) -> None:
        self._started = self._last_line = time.monotonic()
        self._live_width = 0

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.erase()
        self._last_line = time.monotonic()
        print(self._stamped(text), file=sys.stderr, flush=True)

    def live(self, text: str) -> None:
        """Show `text` until the next line; where lines cannot be rewritten, say it once in a while."""
        if sys.stderr.isatty():
            line = self._stamped("  " + text)[: shutil.get_terminal_size().columns - 1]
            print("\r" + line.ljust(self._live_width), end="", file=sys.stderr, flush=True)
            self._live_width = len(line)
        elif time.monotonic() - self._last_line >= HEARTBEAT_SECONDS:
            self.say("  " + text)

    def erase(self) -> None:
        """Take the live line away."""
        if self._live_width:
            print("\r" + " " * self._live_width + "\r", end="", file=sys.stderr, flush=True)
            self._live_width = 0

    def _stamped(self, text: str) -> str:
        return f"[{time.monotonic() - self._started:4.0f} s] {text}"


console = Console()


class PipProgress:
    """Tells in few words what pip's output says.

    Args:
        count: Returns how many packages are installed by now.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._before = count()
        self._chosen = 0
        self._doing = ""

    def feed(self, line: str) -> None:
        """Take one line of pip's output, or an empty one after a second of silence."""
        words = line.split()
        size = re.search(r"Downloading (?:\S*/)?([^/\s]+?)-\d\S* \((\S+ [kMG]B)\)", line)
        if words[:1] in (["Collecting"], ["Processing"]):
            self._chosen += 1
            self._doing = f"choosing versions ({self._chosen} packages)"
        elif size and ".metadata" not in line:
            self._doing = f"downloading {size[1]} ({size[2]})"
        elif "Retrying" in words:
            self._doing = "the package index does not answer, trying again"
        elif words[:3] == ["Installing", "collected", "packages:"]:
            self._doing = "unpacking"
            self._chosen = len(words) - 3
            if self._chosen > 1:
                console.say(f"  unpacking {self._chosen} packages")
        if self._doing == "unpacking":
            console.live(f"unpacked {self._count() - self._before} of {self._chosen} packages")
        elif words[:1] == ["Progress"] and words[-1] != "0":
            console.live(f"{self._doing}, {100 * int(words[1]) // int(words[3])} %")
        elif self._doing:
            console.live(self._doing)


def lines_or_silence(stream: IO[str]) -> Iterator[str]:
    """Yield the lines of `stream`, and an empty string after every second without one."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=1.0)
        except queue.Empty:
            line = ""
        if line is None:
            return
        yield line


def explain(output: str, what: str, log: Path) -> str:
    """Return one sentence for the `output` of a pip that failed to install `what`."""
    errors = "\n".join(_ERROR_LINE.findall(output))
    not_found = _NOT_FOUND.search(errors)
    if _DISK_FULL.search(errors):
        return f"the disk is full [{log.parent}]: make room there and start again"
    if _NO_ANSWER.search(output if not_found else errors):
        return (
            f"no network, the package index did not answer while installing {what} [{log}]: "
            "check the connection and pip's proxy settings, then start again"
        )
    if not_found:
        machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return f"{not_found[1]} does not exist for {machine} [{log}]: try a Python between 3.11 and 3.13"
    last = (errors or output or "without a word").splitlines()[-1].strip()
    return f"pip could not install {what}, {last} [{log}]: see there for the cause, then start again"
