"""Fetching a large file so that nothing is lost and nothing damaged is kept: resumed, checked, and given up at will."""

import errno
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.lock import exclusive
from cnnstudio.models.http_stream import Head, StreamError, stream
from cnnstudio.models.part_file import PartFile, has_size, part_path, sha256

Report = Callable[[int, int | None], None]

_TICK: Final = 0.1  # seconds between two reports of progress
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers after which it is worth asking again
_NOT_SATISFIABLE: Final = 416


@dataclass(frozen=True, slots=True)
class Patience:
    """When to ask again, and when to give up.

    Attributes:
        silence: Seconds without a byte after which a connection counts as dead.
        tries: How often a file is asked for while it comes at least in part.
        pause: Seconds before the second try; each further pause is twice as long.
    """

    silence: float = 20.0
    tries: int = 5
    pause: float = 1.0


def fetch(
    url: str,
    target: Path,
    *,
    sha256_prefix: str,
    report: Report,
    cancelled: Callable[[], bool],
    size: int | None = None,
    within: int = 0,
    patience: Patience = Patience(),
) -> Path:
    """Fetch a file unless it is there, and return its path.

    While it is incomplete the file is `target` with `.part` appended; a later call goes on where this one ended, and
    takes over what another program or thread fetches at the same time. The SHA-256 is checked over the whole file
    before it gets its name. A file of that name which is there already is taken for complete if its size is right;
    it is read and hashed only if the size is unknown or another one.

    Args:
        url: Of http or https.
        target: Where the file will be; its folder is made.
        sha256_prefix: First digits of its SHA-256, hexadecimal.
        report: Called on this thread, at most ten times a second, with the bytes that are there and the bytes in all
            (None if nobody knows). What it raises ends everything; what is there is kept.
        cancelled: Asked at least ten times a second, also while nothing arrives. What it raises ends everything, too.
        size: In bytes, if known.
        within: How many bytes `size` may be off.
        patience: When to ask again, and when to give up.

    Raises:
        InputError: The server cannot be reached, does not have the file or breaks off again and again, the file is
            another one, or the disk is full.
        StopRun: Cancelled.
    """

    def check() -> None:
        if cancelled():
            raise StopRun

    def waiting() -> None:
        check()
        report(_size_of(part_path(target)), size)

    def is_there() -> bool:
        if size is not None and has_size(target, size, within=within):
            return True
        return _size_of(target) > 0 and sha256(target, check).startswith(sha256_prefix)

    with _disk(target.parent):
        if is_there():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(target.with_name(target.name + ".lock"), waiting):
            if is_there():
                return target
            with PartFile(target, check) as part:
                _Fetching(url, part, sha256_prefix, size, patience, report, check).complete()
                part.move()
    return target


class _Fetching:
    """One call of `fetch`, once nobody else fetches the same file."""

    def __init__(
        self,
        url: str,
        part: PartFile,
        sha256_prefix: str,
        size: int | None,
        patience: Patience,
        report: Report,
        check: Callable[[], None],
    ) -> None:
        self._url = url
        self._host = urlsplit(url).netloc
        self._part = part
        self._prefix = sha256_prefix
        self._size = size
        self._patience = patience
        self._report = report
        self._check = check
        self._reported = 0.0

    def complete(self) -> None:
        """Fetch what is missing, and check the whole."""
        while True:
            self._fetch_rest()
            found = self._part.sha256()
            if found.startswith(self._prefix):
                return
            inherited = self._part.inherited
            self._part.clear()
            if not inherited:  # otherwise its beginning may have been that of another file
                raise InputError(
                    "the file that came is not the one expected: "
                    f"its SHA-256 begins with {found[: len(self._prefix)]}, not with {self._prefix}",
                    where=self._url,
                    remedy="it was deleted; try again, and if that does not help, try from another network",
                )

    def _fetch_rest(self) -> None:
        for attempt in range(1, self._patience.tries + 1):
            before = self._part.done
            try:
                self._receive()
            except StreamError as error:
                if error.status == _NOT_SATISFIABLE and before:
                    return  # all is there, or more than all: the hash tells
                if error.status not in _BUSY and (error.status or (attempt == 1 and self._part.done == before)):
                    raise self._not_to_be_had(error) from None
                reason = error.reason
            else:
                return
            if attempt < self._patience.tries:
                self._wait(self._patience.pause * 2 ** (attempt - 1))
        kept = f": the {_megabytes(self._part.done)} that are there are kept" if self._part.done else ""
        raise InputError(
            f"{self._host} did not send the whole file in {self._patience.tries} tries: {reason}",
            where=self._url,
            remedy=f"try again later{kept}",
        )

    def _receive(self) -> None:
        with stream(self._url, start=self._part.done, silence=self._patience.silence, check=self._check) as (
            head,
            blocks,
        ):
            if head.start not in {0, self._part.done}:
                raise StreamError(f"the server begins with byte {head.start}, not with {self._part.done}")
            self._check_offer(head)
            if head.start < self._part.done:
                self._part.clear()
            total = head.total or self._size
            self._tell(total)
            for block in blocks:
                self._write(block)
                self._tell(total)
            if head.total is not None and self._part.done < head.total:
                raise StreamError("the connection was closed too early")
        self._report(self._part.done, self._part.done)

    def _check_offer(self, head: Head) -> None:
        """Refuse what cannot be the file or does not fit on the disk, before anything is given up for it."""
        if self._size is not None and head.total is not None and not 0.9 < head.total / self._size < 1.1:
            raise InputError(
                f"{_megabytes(self._size)} are expected, and {_megabytes(head.total)} are offered",
                where=self._url,
                remedy="look with a browser whether the network wants you to log in, and try again",
            )
        missing = (head.total or self._size or 0) - head.start
        free = shutil.disk_usage(self._part.path.parent).free
        if missing > free:
            raise InputError(
                f"{_megabytes(missing)} are to come, and the disk has only {_megabytes(free)} free",
                where=self._part.path.parent,
                remedy="free some space and try again",
            )

    def _write(self, block: bytes) -> None:
        try:
            self._part.append(block)
        except OSError:
            self._part.clear()  # a disk that stays full stops everything else as well
            raise

    def _tell(self, total: int | None) -> None:
        now = time.monotonic()
        if now - self._reported >= _TICK:
            self._reported = now
            self._report(self._part.done, total)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check()
            time.sleep(min(left, _TICK))

    def _not_to_be_had(self, error: StreamError) -> InputError:
        target = self._part.target
        what = error.reason if error.status else f"{self._host} cannot be reached: {error.reason}"
        check = "check the address" if error.status else "check the network"
        return InputError(
            what, where=self._url, remedy=f"{check} and try again, or put {target.name} into {target.parent}"
        )


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Say in words what a disk refuses."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            what, remedy = "the disk is full", "free some space and try again"
        else:
            what = f"the folder for downloads cannot be used: {(error.strerror or str(error)).lower()}"
            remedy = "make it writable, or name another one in the environment variable TORCH_HOME"
        raise InputError(what, where=folder, remedy=remedy) from None


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e7 else f"{count / 1e6:,.0f} MB"
