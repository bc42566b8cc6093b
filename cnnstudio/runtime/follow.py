"""Following a run that another process writes, perhaps on another machine: its event log is read as it grows.

The file is asked for its size from time to time, which every file system can answer, network drives included.
"""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import RunEnded, RunStarted, Scalar
from cnnstudio.core.serial import from_line
from cnnstudio.runtime.runs import earlier, is_written

_GRACE: Final = 15.0  # seconds; torchrun starts failed processes anew, and network drives show the last lines late
_MOST: Final = 2**22  # bytes read at once


class GrowingLog:
    """Reads the lines that were added to a file since it was last looked at.

    A last line without its end is left until the rest of it has come. A file that has become shorter, or another one of
    the same name, is read from the beginning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._inode = 0
        self._rest = b""

    def read(self) -> tuple[list[str], bool]:
        """Return the lines that are new, and whether the file was begun anew; nothing while there is no file.

        Raises:
            OSError: The file cannot be read.
        """
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return [], False
        with file:
            file.seek(0, 2)
            size = file.tell()
            inode = self._path.stat().st_ino
            anew = self._inode != 0 and (inode != self._inode or size < self._at)
            if anew:
                self._at, self._rest = 0, b""
            self._inode = inode
            file.seek(self._at)
            added = file.read(min(size - self._at, _MOST))
        self._at += len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        return [line.decode("utf-8", errors="surrogateescape") for line in lines if line], anew


@dataclass(frozen=True, slots=True)
class News:
    """What is new of a run.

    Attributes:
        events: In order. After an event log or a run has begun anew, all that still count.
        anew: Whether they replace those before.
        over: Whether nothing more is to come.
    """

    events: tuple[Scalar, ...]
    anew: bool
    over: bool


class Follower:
    """Tells what another process reports of its run.

    Attributes:
        folder: The run folder, as this machine sees it; events name it so.
    """

    def __init__(self, folder: Path, *, grace: float | None = None) -> None:
        """Begin with the first event of a run.

        Args:
            folder: The run folder.
            grace: Seconds after which a run that nobody writes is given up, 15 unless given; one that has told an end
                other than a failure is over at once.
        """
        self.folder = folder
        self._log = GrowingLog(folder / "events.jsonl")
        self._seen: list[Scalar] = []
        self._grace = _GRACE if grace is None else grace
        self._silent_since: float | None = None

    def poll(self) -> News:
        """Return what has come since; a folder that cannot be read, such as of a drive that is away, is silent."""
        written = is_written(self.folder)  # asked first: what was written before the lock was let go is read after
        lines: list[str] = []
        anew = False
        with contextlib.suppress(OSError):
            lines, anew = self._log.read()
        if anew:
            self._seen = []
        fresh: list[Scalar] = []
        for line in lines:
            with contextlib.suppress(InputError):  # a line that a crash has cut off
                event = self._here(from_line(line))
                if isinstance(event, RunStarted) and self._seen:
                    self._seen = [event, *earlier(self._seen, event)]
                    fresh, anew = list(self._seen), True
                else:
                    self._seen.append(event)
                    fresh.append(event)
        return News(tuple(fresh), anew, over=self._is_over(written, bool(lines)))

    def _here(self, event: Scalar) -> Scalar:
        """Name the folder as this machine sees it."""
        if isinstance(event, (RunStarted, RunEnded)):
            return event.model_copy(update={"run": str(self.folder)})
        return event

    def _is_over(self, written: bool, grows: bool) -> bool:
        last = self._seen[-1] if self._seen else None
        if isinstance(last, RunEnded) and last.reason != "failed":
            return True
        if written or grows or self._silent_since is None:
            self._silent_since = time.monotonic()
            return False
        return time.monotonic() - self._silent_since >= self._grace
